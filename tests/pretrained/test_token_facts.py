"""What files say of tokens; the oracle is what transformers makes of the folder."""

import json

import pytest
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from tokbench.io.quiet import quiet
from tokbench.pretrained.folder import load
from tokbench.pretrained.token_facts import FolderFacts, changed_flags

PLAIN = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": False, "special": True}

REGULAR = {"special": False, "normalized": True}


def made(folder, entries, normalizer=None):
    """A folder with <e> 3 (special) and <p> 4 (regular), and this added_tokens_decoder."""
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1, "[UNK]": 2}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.normalizer = normalizer
    tokenizer.add_special_tokens([AddedToken("<e>", special=True, normalized=False)])
    tokenizer.add_tokens([AddedToken("<p>", special=False, normalized=True)])
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "added_tokens_decoder": entries}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return load(folder)


@pytest.mark.parametrize(
    ("number", "entry", "changed"),
    [
        ("3", {"content": "<e>"}, {}),
        ("3", {"content": "<e>", "rstrip": True}, {"<e>": {"rstrip": True}}),
        (
            "4",
            {"content": "<p>", **REGULAR, "lstrip": True},
            {"<p>": {"lstrip": True}},
        ),
        ("4", {"content": "<p>"}, {"<p>": {"special": True}}),
        ("9", {"content": "<e>", "single_word": True}, {"<e>": {"single_word": True}}),
        ("9", {"content": "<new>"}, {}),
    ],
)
def test_flags_that_change_are_those_that_transformers_takes(number, entry, changed, tmp_path):
    import transformers

    folder = made(tmp_path / "t", {number: {**PLAIN, **entry}})
    assert changed_flags(folder.tokenizer, folder.config) == changed
    with quiet():
        loaded = transformers.AutoTokenizer.from_pretrained(tmp_path / "t", local_files_only=True)
    theirs = {each.content: each for each in loaded.backend_tokenizer.get_added_tokens_decoder().values()}
    for token, flags in changed.items():
        assert {flag: getattr(theirs[token], flag) for flag in flags} == flags


def test_normalized_counts_where_the_normalizer_touches_the_token(tmp_path):
    entries = {"4": {**PLAIN, "content": "<p>", "special": False}}
    folder = made(tmp_path / "t", entries)
    assert changed_flags(folder.tokenizer, folder.config) == {}
    folder = made(tmp_path / "t", entries, normalizers.Lowercase())
    assert changed_flags(folder.tokenizer, folder.config) == {"<p>": {"normalized": False}}
    folder = made(tmp_path / "t", entries, normalizers.Prepend("▁"))
    assert changed_flags(folder.tokenizer, folder.config) == {"<p>": {"normalized": False}}


def test_each_file_says_what_its_readers_take_from_it(tmp_path):
    files = {
        "tokenizer_config.json": {
            "eos_token": {"content": "</s>"},
            "image_token": "<image>",
            "added_tokens_decoder": {"7": {"content": "</s>", "rstrip": True}},
        },
        "special_tokens_map.json": {"pad_token": "<pad>"},
        "added_tokens.json": {"<x>": 9},
        "config.json": {"image_token_index": 5, "text_config": {"eos_token_id": [1, 2]}},
        "generation_config.json": {"eos_token_id": 3},
        "preprocessor_config.json": {"video_token": "<video>"},
        "README.json": {},
    }
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    found = FolderFacts(tmp_path)
    said = {facts.file: facts for facts in found.of("*")}
    assert set(said) == set(files) - {"README.json"}
    assert said["tokenizer_config.json"].ids == {"</s>": 7}
    assert said["tokenizer_config.json"].flags == {"</s>": {"rstrip": True}}
    assert said["tokenizer_config.json"].roles == {"eos": "</s>", "image": "<image>"}
    assert said["special_tokens_map.json"].roles == {"pad": "<pad>"}
    assert said["added_tokens.json"].ids == {"<x>": 9}
    assert said["config.json"].numbers == {"image": (5,), "eos": (1, 2)}
    assert said["generation_config.json"].numbers == {"eos": (3,)}
    assert said["preprocessor_config.json"].roles == {"video": "<video>"}
    assert all(facts.readers for facts in said.values())


def test_nothing_is_read_before_it_is_asked_for(tmp_path):
    (tmp_path / "vocab.json").write_text("{")
    found = FolderFacts(tmp_path)
    assert found.names == ("vocab.json",)
    (tmp_path / "vocab.json").write_text('{"a": 1}')
    assert [facts.ids for facts in found.of("vocab.json")] == [{"a": 1}]
    (tmp_path / "vocab.json").unlink()
    assert [facts.ids for facts in found.of("vocab.*")] == [{"a": 1}]


def test_a_file_that_cannot_be_read_says_so(tmp_path):
    (tmp_path / "vocab.json").write_text("{")
    [facts] = FolderFacts(tmp_path).of("vocab.json")
    assert "vocab.json is not whole JSON" in facts.problem
