"""Vocabularies in formats other than tokenizer.json: token → id, as whoever reads that file has them."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from tokbench.errors import FileError, clipped
from tokbench.io.json_files import MIB, WHOLE_COPY, read_object, read_text

# How vocabularies in other formats are called.
VOCABULARIES = ("vocab.txt", "vocab.json", "merges.txt", "*.model", "*.tiktoken")
LARGEST_TABLE = 256 * MIB
VERSIONS = ("#version", '"bpe_simple_vocab_16e6.txt#version')  # first lines of merges, the second CLIP's


def read_lines(path: Path, *, unique: bool = False) -> dict[str, int]:
    """Of a vocab.txt: a token a line, the id is the line's number from 0.

    Of a token in two lines the last counts, as transformers has it, unless it must be `unique`.
    """
    found: dict[str, int] = {}
    for number, line in enumerate(read_text(path, limit=LARGEST_TABLE).split("\n")):
        token = line.rstrip("\r")
        if not token:
            continue
        if unique and token in found:
            raise FileError(
                f"{path} has {clipped(token)} twice: in lines {found[token] + 1:,} and {number + 1:,}",
                fix="take a whole copy of the file: a token has one id",
            )
        found[token] = number
    return found


def read_table(path: Path) -> dict[str, int]:
    """Of a vocab.json or added_tokens.json: an object of tokens and ids."""
    found = read_object(path, limit=LARGEST_TABLE)
    return {token: number for token, number in found.items() if isinstance(number, int)}


def read_merges(path: Path) -> list[tuple[str, str]]:
    """Of a merges.txt: two pieces a line, in order; the first line may name a version."""
    return pairs_of(read_text(path, limit=LARGEST_TABLE), path)


def pairs_of(text: str, path: Path) -> list[tuple[str, str]]:
    """The merges written in a text; `path` is what an error calls it."""
    lines = text.split("\n")
    kept = lines[1:] if lines[0].startswith(VERSIONS) else lines
    pairs = [line.rstrip("\r").split(" ") for line in kept if line.strip()]
    odd = next((number for number, pair in enumerate(pairs) if len(pair) != 2), None)
    if odd is not None:
        raise FileError(f"{path} has no pair in its merge {odd + 1:,}", fix=WHOLE_COPY)
    return [(left, right) for left, right in pairs]


def read_tiktoken(path: Path) -> dict[str, int]:
    """Of a *.tiktoken: the bytes of a token in base64 and its id on each line, spelt in byte letters."""
    return _ranks(path, whole_bytes(path))


def _ranks(path: Path, data: bytes) -> dict[str, int]:
    from tokbench.tracing.spelling import byte_values

    letters = {byte: letter for letter, byte in byte_values().items()}
    found: dict[str, int] = {}
    for line, words in enumerate(data.splitlines(), 1):
        if not words.strip():
            continue
        try:
            token, rank = words.split()
            found[base64.b64decode(token).decode("latin-1").translate(letters)] = int(rank)
        except (ValueError, binascii.Error) as error:
            raise FileError(f"{path} has no token and rank in line {line:,}", fix=WHOLE_COPY) from error
    found.pop("", None)  # Whisper's file gives the last rank to no bytes at all
    return found


def is_ranks(data: bytes) -> bool:
    """Whether the first line is base64 and a number, which no SentencePiece model begins with."""
    words = data[:400].split(b"\n")[0].split()
    return len(words) == 2 and words[1].isdigit() and all(32 < byte < 127 for byte in words[0])


def whole_bytes(path: Path) -> bytes:
    """The content of a file; FileError for what is none, is too large or cannot be read."""
    try:
        size = path.stat().st_size
        if not path.is_file() or size > LARGEST_TABLE:
            raise FileError(f"{path} is no file of at most {LARGEST_TABLE >> 20} MiB", fix="name another one")
        return path.read_bytes()
    except OSError as error:
        raise FileError(
            f"{path} cannot be read: {error.strerror}", fix="check the path and its rights"
        ) from error
