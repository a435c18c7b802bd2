import json
import os
import subprocess
import sys

import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors

import tokbench as tb
from tokbench.errors import FileError, UsageError
from tokbench.pretrained.added_tokens import with_tokens
from tokbench.pretrained.folder import load
from tokbench.pretrained.special_tokens import declared
from tokbench.pretrained.wrap import CLASS, input_names, portable_config, wrap, wrapper_config

TEXTS = [
    "see the fox here, it's 12.5",
    "한국어 가나다 코로나",
    "emoji 😀 and  two  spaces\t",
    "specials [MASK] in <s> text <|endoftext|>[SEP]x",
    "",
]
PROBE = """
import json, sys
from transformers import AutoTokenizer
texts, *folders = json.loads(sys.argv[1])
seen = []
for folder in folders:
    tok = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    seen.append({
        "ids": [tok(text)["input_ids"] for text in texts],
        "pairs": [dict(tok(text, texts[0])) for text in texts],
        "padded": dict(tok(texts[:2], padding=True)) if tok.pad_token else None,
        "decoded": [tok.decode(tok(text)["input_ids"]) for text in texts],
        "roles": {name: getattr(tok, name) for name in ("pad_token", "unk_token", "cls_token", "eos_token")},
        "all_special": sorted(tok.all_special_tokens),
        "names": list(tok.model_input_names), "longest": tok.model_max_length, "side": tok.padding_side,
        "tokens": len(tok),
    })
print(json.dumps(seen))
"""


def seen_by(python: str, *folders) -> list[dict]:
    """What AutoTokenizer of that Python makes of the folders."""
    arguments = json.dumps([TEXTS, *map(str, folders)])
    done = subprocess.run([python, "-c", PROBE, arguments], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="session")
def older():
    """A Python that has transformers 4."""
    python = os.environ.get("TOKBENCH_TRANSFORMERS4", "")
    if not python:
        pytest.skip("TOKBENCH_TRANSFORMERS4 names no Python that has transformers 4.57")
    return python


def make_wrapped(make_folder, kind, name="tok"):
    """A folder wrapped with an extra special token."""
    tokenizer, roles = kind
    tokenizer = declared(tokenizer, ["[E1]"])
    config = wrapper_config(tokenizer, roles, extra=["[E1]"], model_max_length=77, padding_side="left")
    return make_folder(tokenizer, config, name)


def test_the_wrapped_folder_is_the_library_s_tokenizer(kind, make_folder):
    from transformers import AutoTokenizer

    wrapped = make_wrapped(make_folder, kind)
    auto, bare = (
        AutoTokenizer.from_pretrained(wrapped.path),
        Tokenizer.from_file(str(wrapped.path / "tokenizer.json")),
    )
    for text in [*TEXTS, "a[E1]b"]:
        assert auto(text)["input_ids"] == bare.encode(text).ids
        assert auto(text, TEXTS[0])["input_ids"] == bare.encode(text, TEXTS[0]).ids
    assert len(auto) == bare.get_vocab_size()
    assert auto.model_max_length == 77
    assert auto.padding_side == "left"
    assert {f"{role}_token": token for role, token in wrapped.roles.items()} == auto.special_tokens_map
    assert auto.extra_special_tokens == ["[E1]"]


def test_the_wrapped_object_saves_to_the_same_tokenizer(kind, tmp_path):
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    tokenizer, roles = kind
    config = wrapper_config(tokenizer, roles, model_max_length=77)
    del config["tokenizer_class"]
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **config).save_pretrained(tmp_path)
    auto = AutoTokenizer.from_pretrained(tmp_path)
    assert auto.special_tokens_map == {f"{role}_token": token for role, token in roles.items()}
    assert auto.model_input_names == input_names(tokenizer)
    assert [auto(text)["input_ids"] for text in TEXTS] == [tokenizer.encode(text).ids for text in TEXTS]


def test_transformers_4_and_5_see_the_same(older, make_folder, kinds):
    folders = [make_wrapped(make_folder, kind, name).path for name, kind in kinds.items()]
    folders.append(added_to(folders[0], make_folder))
    one, other = seen_by(older, *folders), seen_by(sys.executable, *folders)
    for seen in (
        one,
        other,
    ):  # the older library decodes an added token as it was added, the newer normalized
        del seen[-1]["decoded"]
    assert one == other


def added_to(path, make_folder):
    """The same folder with more tokens of both sorts."""
    added = with_tokens(load(path), special=["<user>"], regular=["text", "코로나"])
    return make_folder(added.tokenizer, added.config, "added").path


def test_the_config_is_pure_data_with_the_class_both_versions_know(folder):
    assert json.loads(json.dumps(folder.config)) == folder.config
    assert folder.config["tokenizer_class"] == CLASS == "PreTrainedTokenizerFast"
    assert "extra_special_tokens" not in folder.config


PROCESSORS = {
    "none": (None, False),
    "one segment": (
        processors.TemplateProcessing("$A [SEP]", "$A [SEP] $B:0 [SEP]:0", [("[SEP]", 3)]),
        False,
    ),
    "two segments": (
        processors.TemplateProcessing("$A [SEP]", "$A [SEP] $B:1 [SEP]:1", [("[SEP]", 3)]),
        True,
    ),
    "bert": (processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2)), True),
    "roberta": (processors.RobertaProcessing(("[SEP]", 3), ("[CLS]", 2)), False),
    "in a sequence": (processors.Sequence([processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))]), True),
}


@pytest.mark.parametrize("name", PROCESSORS)
def test_segment_ids_are_an_input_only_where_a_template_has_them(folder, name):
    processor, expected = PROCESSORS[name]
    tokenizer = folder.tokenizer
    tokenizer.post_processor = processor if processor is not None else processors.ByteLevel()
    assert ("token_type_ids" in input_names(tokenizer)) is expected
    if processor is not None:
        assert any(tokenizer.encode("fox", "fox").type_ids) is expected


def test_chosen_input_names_are_kept(folder):
    config = wrapper_config(folder.tokenizer, {}, model_input_names=["input_ids"])
    assert config["model_input_names"] == ["input_ids"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"special_tokens": {"padd": "[PAD]"}}, "no role padd"),
        ({"special_tokens": {"pad": "<pad>"}}, "the pad token <pad> has no id"),
        ({"special_tokens": {"pad": "fox"}}, "the pad token fox is not special"),
        ({"special_tokens": {}, "extra": ["[E1]"]}, "the special token \\[E1\\] has no id"),
        ({"special_tokens": {}, "padding_side": "up"}, "no side up"),
    ],
)
def test_what_does_not_fit_the_tokenizer_is_refused(folder, arguments, sentence):
    with pytest.raises(UsageError, match=sentence):
        wrapper_config(folder.tokenizer, **arguments)


def test_wrapping_needs_no_transformers():
    rooms = "tokbench.pretrained.wrap, tokbench.pretrained.folder, tokbench.pretrained.added_tokens"
    code = f"import sys, {rooms}; sys.exit('transformers' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_loaded_folder_can_be_wrapped_again(folder):
    config = wrapper_config(folder.tokenizer, load(folder.path).roles, model_max_length=64)
    assert config == folder.config


@pytest.mark.parametrize("write", ["wrap", "add_tokens"])
def test_flags_that_only_the_config_has_are_not_lost(write, tmp_path):
    from transformers import AutoTokenizer

    own = tmp_path / "tok"
    own.mkdir()
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1, "[UNK]": 2}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "isolated")
    tokenizer.add_special_tokens([AddedToken("<e>", special=True, normalized=False)])
    tokenizer.save(str(own / "tokenizer.json"))
    flags = {"lstrip": False, "rstrip": True, "single_word": False, "normalized": False, "special": True}
    config = {"eos_token": "<e>", "added_tokens_decoder": {"3": {"content": "<e>", **flags}}}
    (own / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": CLASS, **config}))
    if write == "wrap":
        tb.wrap(own, tmp_path / "out")
    else:
        tb.add_tokens(own, ["foxy"], output=tmp_path / "out")
    text = "a<e> b<e>"
    assert tb.encode(own, text).ids != tb.encode(tmp_path / "out", text).ids
    loaded = [AutoTokenizer.from_pretrained(name) for name in (own, tmp_path / "out")]
    before, after = (each(text)["input_ids"] for each in loaded)
    assert before == after == list(tb.encode(tmp_path / "out", text).ids)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    own = tmp_path / "tok"
    own.mkdir()
    Tokenizer(models.WordLevel({"a": 0}, "a")).save(str(own / "tokenizer.json"))
    (own / "chat_template.jinja").symlink_to("/proc/self/environ")
    with pytest.raises(FileError, match=r"chat_template\.jinja is a link to /proc/"):
        wrap(own, tmp_path / "wrapped")
    assert not (tmp_path / "wrapped").exists()


def test_a_space_before_every_text_is_told_to_the_version_that_asks_the_config(make_folder, kinds):
    tokenizer, roles = kinds["bytes"]
    assert "add_prefix_space" not in wrapper_config(tokenizer, roles)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    config = wrapper_config(tokenizer, roles)
    assert config["add_prefix_space"] is True
    folder = make_folder(tokenizer, {**config, "add_prefix_space": False})
    assert portable_config(folder, tokenizer)["add_prefix_space"] is True


def test_transformers_4_and_5_put_the_same_space_before_a_text(older, make_folder, kinds):
    tokenizer, roles = kinds["bytes"]
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    folder = make_folder(tokenizer, wrapper_config(tokenizer, roles))
    assert seen_by(older, folder.path) == seen_by(sys.executable, folder.path)


def test_what_a_config_says_of_lengths_sides_and_chats_is_kept(make_folder, kinds):
    said = {
        "model_max_length": 77,
        "padding_side": "left",
        "truncation_side": "left",
        "chat_template": "{{ 1 }}",
    }
    folder = make_folder(kinds["wordpiece"][0], said)
    wrap(folder.path, folder.path.parent / "wrapped")
    written = load(folder.path.parent / "wrapped").config
    assert {name: written[name] for name in said} == said
    wrap(folder.path, folder.path.parent / "other", padding_side="right", model_max_length=9)
    written = load(folder.path.parent / "other").config
    assert (written["padding_side"], written["model_max_length"]) == ("right", 9)
