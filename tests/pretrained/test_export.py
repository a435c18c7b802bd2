"""export: the files of another format, once that format's own package gives the same ids."""

import json
import subprocess
import sys

import pytest
from tokenizers import Tokenizer

import tokbench as tb
from tests.cli.conftest import tokbench  # noqa: F401  a fixture
from tests.formats.test_byte_level_files import clip_file
from tests.pretrained.test_wrap import TEXTS, older, seen_by  # noqa: F401  a fixture
from tokbench.errors import FileError, NegativeResultError, UsageError
from tokbench.formats.transformers4 import PYTHON


@pytest.fixture
def trained(tmp_path):
    tb.train(["a cat and a hat", "the cat sat"] * 9, "bpe", vocab_size=280, output=tmp_path / "tok")
    return tmp_path / "tok"


@pytest.fixture
def clip(tmp_path):
    """A tokenizer that transformers' own class reads otherwise: it minds case in 's, and a long s is an s."""
    return clip_file(tmp_path / "bpe_simple_vocab_16e6.txt.gz")


def test_a_text_that_differs_is_shown_by_both_and_nothing_is_written(clip, tmp_path):
    texts = ["the cat", "'ſ the", "cat 'ſ"]
    exported = tb.export(clip, tmp_path / "out", to="merges", prove=texts)
    assert (exported.passed, exported.output) == (False, "")
    assert (exported.proof.differing, exported.proof.texts) == (2, 3 + len(exported.special_tokens))
    assert exported.proof.first.text == "'ſ the"
    assert exported.proof.first.ours[0] == "'"
    assert exported.proof.first.theirs[0] == "'</w>"
    assert not (tmp_path / "out").exists()
    assert tb.export(clip, tmp_path / "out", to="merges", prove=texts, allow=2).passed
    assert (tmp_path / "out" / "merges.txt").exists()


def test_exit_codes_and_what_is_said(tokbench, clip, trained):  # noqa: F811
    said = tokbench("export", clip.name, "--to", "merges", "-o", "out")
    assert said.code == 1
    assert "not written: 1 text of" in said.out
    assert "'ſ" in said.out
    assert tokbench("export", clip.name, "--to", "merges", "-o", "out", "--allow", "1").code == 0
    assert tokbench("export", "tok", "--to", "merges", "-o", "out").code == 2
    assert tokbench("export", "tok", "--to", "merges", "-o", "out", "--force").code == 0
    for to, files in (("tiktoken", 3), ("merges", 3), ("transformers4", 2)):
        said = tokbench("export", "tok", "--to", to, "-o", to, "--json")
        result = json.loads(said.out)
        assert (said.code, len(result["files"])) == (0, files)
        assert result["special_tokens"] == {"<|endoftext|>": 0, "<|pad|>": 1}
        assert tokbench("encode", to, "the cat").code == 0
    assert tokbench("export", "tok", "--to", "sentencepiece", "-o", "out").code == 2


def test_an_unknown_format_and_an_output_that_is_there_are_refused(trained, tmp_path):
    with pytest.raises(UsageError, match="there is no format tiktokn") as caught:
        tb.export(trained, tmp_path / "out", to="tiktokn")
    assert caught.value.fix == "did you mean tiktoken?"
    with pytest.raises(FileError, match="exists already"):
        tb.export(trained, trained, to="tiktoken")


def test_without_the_formats_package_it_is_written_and_said_not_to_be_proved(trained, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    exported = tb.export(trained, tmp_path / "out", to="tiktoken")
    assert exported.passed
    assert (exported.proof.package, exported.proof.why) == ("", "tiktoken is not installed")
    assert exported.proof.fix == "pip install 'tokbench[tiktoken]'"


def test_the_module_beside_the_ranks_loads_them_wherever_they_are(trained, tmp_path):
    pytest.importorskip("tiktoken", reason="the package tiktoken is an extra")
    tb.export(trained, tmp_path / "out", to="tiktoken")
    line = "from load_encoding import encoding as e; print(e.encode('the cat<|pad|>', allowed_special='all'))"
    done = subprocess.run(
        [sys.executable, "-c", line], cwd=tmp_path / "out", capture_output=True, text=True, check=True
    )
    ours = Tokenizer.from_file(str(trained / "tokenizer.json"))
    assert json.loads(done.stdout) == ours.encode("the cat<|pad|>").ids


def llama(folder):
    """A folder of a class that transformers 4 lets put a first token in, which tokenizer.json does not."""
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config |= {"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": True, "bos_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def test_a_folder_for_transformers_4_names_a_class_that_takes_tokenizer_json_as_it_is(trained, tmp_path):
    (trained / "chat_template.jinja").write_text("{{ messages }}")
    exported = tb.export(llama(trained), tmp_path / "out", to="transformers4")
    assert exported.proof.package == "" or exported.proof.differing == 0
    config = json.loads((tmp_path / "out" / "tokenizer_config.json").read_text())
    assert config["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert "add_bos_token" not in config
    assert (tmp_path / "out" / "chat_template.jinja").read_text() == "{{ messages }}"


def test_transformers_4_itself_proves_its_folder(older, trained, tmp_path):  # noqa: F811
    exported = tb.export(llama(trained), tmp_path / "out", to="transformers4")
    assert exported.proof.package.startswith("transformers 4.")
    assert exported.proof.differing == 0
    [seen] = seen_by(older, tmp_path / "out")
    ours = Tokenizer.from_file(str(trained / "tokenizer.json"))
    assert seen["ids"] == [ours.encode(text).ids for text in TEXTS]


def test_a_python_without_transformers_is_the_answer_no(trained, tmp_path, monkeypatch):
    monkeypatch.setenv(PYTHON, str(tmp_path / "none"))
    assert "names no Python that starts" in tb.export(trained, tmp_path / "a", to="transformers4").proof.why
    (tmp_path / "fake").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "fake").chmod(0o755)
    monkeypatch.setenv(PYTHON, str(tmp_path / "fake"))
    with pytest.raises(NegativeResultError, match="transformers 4 cannot load what was written"):
        tb.export(trained, tmp_path / "b", to="transformers4")
    assert not (tmp_path / "b").exists()
