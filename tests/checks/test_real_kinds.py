"""Small twins of real tokenizers: what was said of them and not true, or was true and not said."""

import json

import pytest
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

from tokbench.checks.run import check
from tokbench.checks.same import compared
from tokbench.native.scanner import O200K_TEXT
from tokbench.pretrained.added_tokens import with_tokens
from tokbench.pretrained.folder import load
from tokbench.pretrained.tokenizer_classes import brings_padding, exists
from tokbench.pretrained.wrap import input_names, wrap

from .cases import added, put
from .folders import clean, clean_pair, vocabulary


def llama3(files):
    """A template that puts bos before a text and counts a second text as segment 1, as Llama 3.1 has it."""
    bos = {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}
    first, second = ({"Sequence": {"id": each, "type_id": at}} for at, each in enumerate("AB"))
    again = {"SpecialToken": {"id": "<|endoftext|>", "type_id": 1}}
    tokens = {"<|endoftext|>": {"id": "<|endoftext|>", "ids": [0], "tokens": ["<|endoftext|>"]}}
    files.raw["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [bos, first],
        "pair": [bos, first, again, second],
        "special_tokens": tokens,
    }
    files.config["model_input_names"] = ["input_ids", "attention_mask"]


def found(files, folder, code):
    return [each for each in check(files.write(folder), quick=True).findings if each.code == code]


def test_a_decoders_template_calls_for_no_segments(tmp_path):
    files = clean("gpt2")
    llama3(files)
    assert Tokenizer.from_str(json.dumps(files.raw)).encode("a", "b").type_ids[-1] == 1
    assert found(files, tmp_path, "TB303") == []


def test_wrapping_a_decoder_asks_for_no_segments(tmp_path):
    files = clean("gpt2")
    llama3(files)
    folder = files.write(tmp_path / "own")
    assert "token_type_ids" not in input_names(load(folder).tokenizer)
    wrap(folder / "tokenizer.json", tmp_path / "wrapped")
    assert "token_type_ids" not in load(tmp_path / "wrapped").config["model_input_names"]


def test_names_of_special_tokens_that_are_rare_words_were_not_leaked(tmp_path):
    files = clean("gpt2")
    rows = files.rows()
    for at, word in enumerate(("META", "SOS")):
        files.raw["model"]["vocab"][word] = rows + at
    files.raw["added_tokens"] += [
        added(f"<{word}>", rows + 2 + at) for at, word in enumerate(("META", "SOS"))
    ]
    assert found(files, tmp_path, "TB209") == []


def test_names_of_special_tokens_that_are_the_most_frequent_words_were_leaked(tmp_path):
    files = clean("bert")
    words = [*vocabulary(files.raw)]
    words[5:5] = ["CLS", "SEP"]
    files.raw["model"]["vocab"] = {word: at for at, word in enumerate(words)}
    (finding,) = found(files, tmp_path, "TB209")
    assert finding.evidence == "'CLS' = 5, 'SEP' = 6"


def test_tokens_that_are_kept_free_are_not_called_learned_ones_that_cannot_occur(tmp_path):
    files = clean("bert")
    for number in range(30):
        files.raw["model"]["vocab"][f"[unused{number}]"] = files.rows()
    (finding,) = found(files, tmp_path, "TB105")
    assert (finding.severity, finding.message) == ("note", "30 tokens are kept free for words of your own")


def test_a_token_that_comes_out_behind_a_sign_alone_can_occur(tmp_path):
    """A line feed and //, as o200k has them: a sign takes line feeds and slashes behind it into its word."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*letters, "//", "ab", "Ċ//"]
    merges = [("/", "/"), ("a", "b"), ("Ċ", "//")]
    made = Tokenizer(models.BPE({token: at for at, token in enumerate(tokens)}, merges))
    cut = pre_tokenizers.Split(Regex(O200K_TEXT), "isolated")
    spelled = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.pre_tokenizer, made.decoder = pre_tokenizers.Sequence([cut, spelled]), decoders.ByteLevel()
    assert made.encode("!\n//").tokens == ["!", "Ċ//"]
    assert made.encode("\n//").tokens == ["Ċ", "//"]
    made.save(str(tmp_path / "tokenizer.json"))
    assert [each for each in check(tmp_path, quick=True).findings if each.code == "TB105"] == []


@pytest.mark.parametrize("name", ["PreTrainedTokenizerFast", "GPT3_5Tokenizer", "GPT2Tokenizer", None])
def test_a_missing_padding_token_is_said_of_every_class_that_brings_none(name, tmp_path):
    files = clean("gpt2")
    files.config.pop("pad_token")
    files.config["tokenizer_class"] = name
    assert [each.severity for each in found(files, tmp_path, "TB206")] == ["note"]


def test_a_missing_padding_token_is_not_said_of_a_class_that_brings_one(tmp_path):
    files = clean("bert")
    files.config.pop("pad_token")
    files.config["tokenizer_class"] = "BertTokenizer"
    assert found(files, tmp_path, "TB206") == []


def test_a_token_that_waits_for_the_padding_role_is_named_first(tmp_path):
    files = clean("gpt2")
    files.config.pop("pad_token")
    (finding,) = found(files, tmp_path / "tok", "TB206")
    assert finding.fix.endswith("--role 'pad=<|pad|>'")


def test_a_class_that_exists_nowhere_is_found_and_not_kept(tmp_path):
    files = clean("gpt2")
    files.config["tokenizer_class"] = "ClaudeTokenizer"
    folder = files.write(tmp_path / "tok")
    (finding,) = found(files, tmp_path / "tok", "TB602")
    assert "'ClaudeTokenizer' is no tokenizer class of transformers" in finding.evidence
    grown = with_tokens(load(folder), regular=["zzq"])
    assert grown.config["tokenizer_class"] == "PreTrainedTokenizerFast"


@pytest.mark.parametrize(
    "name", ["BertTokenizer", "BertTokenizerFast", "BertJapaneseTokenizer", "BloomTokenizerFast"]
)
def test_a_class_of_transformers_exists_under_both_names(name):
    pytest.importorskip("transformers")
    assert exists(name)
    assert not exists(name.replace("Tokenizer", "Tokeniser"))


def test_the_classes_that_bring_padding_are_those_of_transformers():
    transformers = pytest.importorskip("transformers")
    for name in ("BertTokenizer", "RobertaTokenizer", "T5Tokenizer", "GPT2Tokenizer", "LlamaTokenizer"):
        default = getattr(transformers, name)().pad_token
        assert brings_padding(name) == (default is not None), name


def test_a_vocabulary_whose_holes_are_filled_is_told_so():
    one = Tokenizer.from_str(json.dumps(clean("bert").raw))
    files = clean("bert")
    files.raw["model"]["vocab"].pop("the")
    other = Tokenizer.from_str(json.dumps(files.raw))
    sameness = compared((other, one), ("holes", "whole"))
    assert sameness.reason == "the second has all tokens of the first, under the same ids, and 1 more"


def test_weights_that_zero_3_left_empty_are_called_so(tmp_path):
    files = clean_pair("bert")
    files.tensors = dict.fromkeys(files.tensors, (0,)) | {"bert.pooler.dense.bias": (8,)}
    (finding,) = found(files, tmp_path, "TB409")
    assert finding.message == "2 of 3 tensors hold no number, as ZeRO-3 saves them"
    assert "word_embeddings.weight [0]" in finding.evidence


def test_a_run_of_spaces_written_as_marks_is_no_token_that_comes_back_as_another(tmp_path):
    files = clean("t5")
    files.raw["added_tokens"] += [
        added("▁" * length, files.rows() + length, special=False) for length in (2, 3)
    ]
    put(files, "raw", decoder={"type": "Replace", "pattern": {"String": "▁"}, "content": " "})
    tokenizer = Tokenizer.from_str(json.dumps(files.raw))
    assert tokenizer.decode([tokenizer.token_to_id("▁▁")]) == "  "
    assert found(files, tmp_path, "TB505") == []
