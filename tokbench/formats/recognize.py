"""Which format a file or a folder is of, by name and first bytes; what is none is refused by its own name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.corpus.signatures import BINARY, GZIP, not_text
from tokbench.errors import FileError
from tokbench.formats.bert_vocab import read_bert_vocab
from tokbench.formats.byte_level_files import read_clip_merges, read_vocab_and_merges
from tokbench.formats.sentencepiece_models import read_sentencepiece
from tokbench.io.json_files import WHOLE_COPY

if TYPE_CHECKING:
    from tokbench.formats.portable import ReadOptions, ReadTokenizer


def _by_rank(name: str) -> Callable[[Path, ReadOptions], ReadTokenizer]:
    """A reader of tiktoken_files, which imports numpy: not before there is a file to read."""

    def read_late(path: Path, options: ReadOptions) -> ReadTokenizer:
        from tokbench.formats import tiktoken_files

        found: ReadTokenizer = getattr(tiktoken_files, name)(path, options)
        return found

    return read_late


read_npm_json, read_tekken, read_tiktoken_file = map(
    _by_rank, ("read_npm_json", "read_tekken", "read_tiktoken_file")
)
READ = 2048  # bytes of a file that tell what it is
TRIE_LINE = re.compile(rb"\d+ b?['\"].*['\"] \d+\r?\n")  # RWKV's: an id, a Python literal, its length
NOTES: dict[str, str] = {}  # path → what was read, which the program says once, at its end
NPM = "npm"
# What the first bytes of a file look like. RANK: base64, then the token's rank.
RANK = re.compile(rb"(?:[A-Za-z0-9+/]+=*|=) \d+\r?\n")
BEGINNINGS = (
    ("tiktoken", RANK),
    (NPM, re.compile(rb'\s*\{\s*"(?:explicit_n_vocab|pat_str|bpe_ranks|special_tokens)"\s*:')),
    ("tekken", re.compile(rb'\s*\{\s*"config"\s*:\s*\{[^{}]*"(?:pattern|default_num_special_tokens)"')),
    ("sentencepiece", re.compile(rb"\n.\n[\x01-\x40]", re.DOTALL)),  # a first piece, and in it its text
    ("clip", re.compile(rb'"bpe_simple_vocab_16e6\.txt#version')),
)


@dataclass(frozen=True)
class Format:
    """A format that can be read. names: shell patterns of its files, the one to read first."""

    kind: str
    names: tuple[str, ...]
    read: Callable[[Path, ReadOptions], ReadTokenizer]


# In the order in which a folder is searched: where a model has two, the more exact comes first.
FORMATS = (
    Format("merges", ("vocab.json", "encoder.json", "*-vocab.json", "*-encoder.json"), read_vocab_and_merges),
    Format("clip", ("bpe_simple_vocab*.txt.gz", "bpe_simple_vocab*.txt"), read_clip_merges),
    Format("tekken", ("tekken.json", "tekken*.json"), read_tekken),
    Format("sentencepiece", ("*.model", "*.model.v[0-9]*"), read_sentencepiece),
    Format("tiktoken", ("*.tiktoken",), read_tiktoken_file),
    Format("vocab", ("vocab.txt", "*-vocab.txt"), read_bert_vocab),
)
MERGES = ("merges.txt", "vocab.bpe")
READABLE = "a tokenizer.json, vocab.txt, vocab.json with merges.txt, .model, .tiktoken or tekken.json"
KINDS = {each.kind: each for each in FORMATS}


def read(path: Path, options: ReadOptions) -> ReadTokenizer | None:
    """The tokenizer of another format at `path`; None where there may be a tokenizer.json, or nothing.

    Raises FileError for a file that is no tokenizer or is damaged, MissingExtraError where its format needs a
    package that is not installed.
    """
    if path.is_dir():
        found = _read_in_folder(path, options)
    else:
        found = _read_named(path, options) if path.is_file() else None
    if found is not None:
        NOTES[str(path)] = f"read {found.said}"
    return found


def _read_in_folder(folder: Path, options: ReadOptions) -> ReadTokenizer | None:
    """The tokenizer of another format in a folder; None when no file there has one of their names."""
    found = next(
        (path for each in FORMATS for name in each.names for path in sorted(folder.glob(name))), None
    )
    if found is None:
        return None
    return _read_named(found, options)


def _read_named(path: Path, options: ReadOptions) -> ReadTokenizer | None:
    """The tokenizer of another format in a file; None when it may be a tokenizer.json.

    Raises FileError for a file that is no tokenizer: what it is.
    """
    start = start_of(path)
    found = _format_of(path, start)
    if found and not start:
        raise FileError(f"{path} is empty", fix=WHOLE_COPY)
    if found:
        return found.read(path, options)
    if TRIE_LINE.match(start):
        raise FileError(
            f"{path} is a vocabulary of RWKV's trie, which takes the longest token and has no merges, "
            "and no model of the tokenizers library gives its ids",
            fix="use the package pyrwkv-tokenizer or rwkv-tokenizer for it",
        )
    if start.lstrip()[:1] in (b"{", b""):
        return None
    what = not_text(start)
    if what:
        raise _no_tokenizer(path, what[0])
    return None


def start_of(path: Path) -> bytes:
    """The first bytes of a file; FileError for an archive, a picture and the like, whatever its name."""
    with path.open("rb") as file:
        start = file.read(READ)
    what = not_text(start)
    if what and what[0] not in (BINARY, GZIP):  # a .model is binary, and CLIP's merges come packed
        raise _no_tokenizer(path, what[0])
    return start


def _no_tokenizer(path: Path, what: str) -> FileError:
    return FileError(f"{path} is no tokenizer: it looks like {what}", fix=f"name {READABLE}")


def has_its_name(path: Path) -> bool:
    """Whether a file is called as those of a format are: a vocab.txt ends as a corpus does."""
    return path.name.endswith(MERGES) or any(path.match(name) for each in FORMATS for name in each.names)


def _format_of(path: Path, start: bytes) -> Format | None:
    """By first bytes where they tell, since tokenizer.model may be of two formats; else by name."""
    seen = next((kind for kind, looks in BEGINNINGS if looks.match(start)), "")
    if seen == NPM:
        return Format("tiktoken", (), read_npm_json)
    if seen:
        return KINDS[seen]
    if path.name.endswith(MERGES):
        return KINDS["merges"]
    return next((each for each in FORMATS if any(path.match(name) for name in each.names)), None)
