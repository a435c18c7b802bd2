"""What transformers makes of a folder: silently something else, or nothing; never a word on stdout."""

import subprocess
import sys

import pytest

from tokbench.checks.context import load_with_transformers
from tokbench.checks.run import check

from .folders import clean, clean_pair


def errors(files, folder):
    return {finding.code for finding in check(files.write(folder)).findings if finding.severity == "error"}


@pytest.mark.parametrize("name", ["BertTokenizer", "BertTokenizerFast"])
def test_a_class_that_rebuilds_the_blocks_is_caught(name, tmp_path):
    files = clean("bert")
    files.raw["normalizer"]["lowercase"] = False
    files.config["tokenizer_class"] = name
    assert errors(files, tmp_path) == {"TB604"}


def test_a_class_that_rebuilds_the_same_blocks_is_fine(tmp_path):
    files = clean("bert")
    files.config["tokenizer_class"] = "BertTokenizer"
    assert errors(files, tmp_path) == set()


def test_no_class_beside_a_bert_config_is_caught(tmp_path):
    files = clean_pair("bert")
    files.raw["normalizer"]["lowercase"] = False
    files.raw["normalizer"]["strip_accents"] = True
    del files.config["tokenizer_class"]
    assert "TB604" in errors(files, tmp_path)


def test_a_model_that_overrules_the_class_is_caught(tmp_path):
    files = clean("gpt2")
    files.model = {"model_type": "qwen2", "vocab_size": files.rows()}
    (finding,) = [each for each in check(files.write(tmp_path)).findings if each.code == "TB604"]
    assert "Qwen2Tokenizer" in finding.message
    assert "without config.json: qwen2 overrules" in finding.fix


def test_stale_files_are_caught_by_what_they_say_and_by_what_they_do(tmp_path):
    files = clean("bert")
    files.sides["special_tokens_map.json"] = {"pad_token": "<stalepad>"}
    assert errors(files, tmp_path) >= {"TB605", "TB606"}


def test_what_transformers_and_the_library_print_stays_out_of_the_result(tmp_path, capfd):
    files = clean("bert")
    files.config["added_tokens_decoder"] = {"1": {"content": "[UNK]", "special": True, "unheard_of": 1}}
    check(files.write(tmp_path))
    assert capfd.readouterr() == ("", "")


def test_code_of_the_folder_is_not_run(tmp_path):
    files = clean("bert")
    files.config |= {"auto_map": {"AutoTokenizer": ["trap.Trap", "trap.Trap"]}, "tokenizer_class": "Trap"}
    files.sides["trap.py"] = "raise SystemExit('run')"
    reloaded = load_with_transformers(files.write(tmp_path), files.config, files.raw)
    assert type(reloaded.tokenizer).__name__ == "TokenizersBackend" or reloaded.problem


CLASSES = [
    "BertTokenizer", "BertTokenizerFast", "GPT2Tokenizer", "LlamaTokenizer", "LlamaTokenizerFast",
    "T5TokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend", "PreTrainedTokenizer",
    "BloomTokenizerFast", "NoSuchTokenizer", None,
]  # fmt: skip


def outcome(load):
    """The class and the ids of a text, or the error."""
    try:
        tokenizer = load()
        return type(tokenizer).__name__, tokenizer("The fox, 한 [MASK] <s>")["input_ids"]
    except Exception as error:
        return type(error).__name__


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
def test_the_class_taken_without_asking_autotokenizer_is_the_one_that_it_takes(name, kind, tmp_path):
    transformers = pytest.importorskip("transformers")
    files = clean(kind)
    files.config["tokenizer_class"] = name
    folder = files.write(tmp_path)
    auto = transformers.AutoTokenizer
    theirs = outcome(lambda: auto.from_pretrained(folder, local_files_only=True))
    ours = load_with_transformers(folder, files.config, files.raw)
    assert outcome(lambda: ours.tokenizer) == theirs or str(theirs) in ours.problem


def test_a_whole_check_of_a_tokenizer_runs_the_reload_without_torch(tmp_path):
    folder = clean("gpt2").write(tmp_path)
    look = "import sys; from tokbench.checks.run import check; print('TB604' in check(sys.argv[1]).checked)"
    run = [sys.executable, "-c", f"{look}; print('torch' in sys.modules)", str(folder)]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "True\nFalse\n"
