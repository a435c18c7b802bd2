"""The tokenizer classes that transformers has, read off its files: importing it takes half a second."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

MAPPING = "models/auto/tokenization_auto.py"
NAMED = re.compile(r'"(\w*Token\w+)"')
DEFINED = re.compile(r"^class (\w*Token\w+)\(", re.MULTILINE)
OF_EVERY_VERSION = frozenset({
    "PreTrainedTokenizerFast", "TokenizersBackend", "PreTrainedTokenizer", "PythonBackend", "BloomTokenizer",
})  # fmt: skip
# Those whose padding token is None unless tokenizer_config.json names one (transformers 5.23).
WITHOUT_PADDING = frozenset({
    "PreTrainedTokenizerFast", "TokenizersBackend", "PreTrainedTokenizer", "PythonBackend",
    "BertGenerationTokenizer", "BloomTokenizer", "CTRLTokenizer", "CodeGenTokenizer", "CodeLlamaTokenizer",
    "GPT2Tokenizer", "GPTSw3Tokenizer", "LlamaTokenizer", "OpenAIGPTTokenizer", "ParakeetTokenizer",
})  # fmt: skip


def exists(name: str) -> bool:
    """Whether transformers has this class, under the name of version 4 or 5; True where it is not installed.

    >>> exists("BertTokenizerFast"), exists("PreTrainedTokenizerFast")
    (True, True)
    """
    plain = name.removesuffix("Fast")
    if name in OF_EVERY_VERSION or plain in OF_EVERY_VERSION:
        return True
    folder = _folder()
    return folder is None or plain in _mapped(folder) or plain in _defined(folder)


def brings_padding(name: str) -> bool:
    """Whether a tokenizer of this class has a padding token though no file names one."""
    return bool(name) and exists(name) and not {name, name.removesuffix("Fast")} & WITHOUT_PADDING


@cache
def _folder() -> Path | None:
    found = find_spec("transformers")
    return None if found is None or found.origin is None else Path(found.origin).parent


@cache
def _mapped(folder: Path) -> frozenset[str]:
    """The classes that AutoTokenizer knows."""
    file = folder / MAPPING
    return frozenset(NAMED.findall(file.read_text(encoding="utf-8"))) if file.is_file() else frozenset()


@cache
def _defined(folder: Path) -> frozenset[str]:
    """All others."""
    files = folder.glob("models/*/tokenization_*.py")
    return frozenset(name for file in files for name in DEFINED.findall(file.read_text(encoding="utf-8")))
