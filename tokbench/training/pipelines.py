"""Which normalizers and pre-tokenizers the compiled loops can stand in for, decided by their JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.normalizers import Normalizer

from tokbench.training import characters as c
from tokbench.training.kernels import layout as at
from tokbench.training.machine import are_compiled
from tokbench.training.rewriters import Changes, Rewriter, bordering, normalizing, rewriter

Flags = NDArray[np.uint8]

CL100K_TEXT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
O200K_TEXT = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LOW_LINE = "▁"  # U+2581, Metaspace's blank; the loops see it as a blank, since Metaspace leaves none


@dataclass(frozen=True)
class Split:
    """One way to part texts into words. flags: by code point, what the loops of this kind go by."""

    kind: int
    flags: Callable[[c.Table], Flags]
    steps: tuple[Callable[[], Rewriter], ...] = ()
    digits: int = 0
    blank: str = " "  # what a blank in a word stands for
    bytewise: bool = False  # whether words are spelled in the byte alphabet


@dataclass(frozen=True)
class Scanner:
    """How to count the words of one normalizer and pre-tokenizer.

    low: the flags of bytes, with a line feed between texts; steps: what texts go through before the split.
    `refusals` says that the first step is the normalizer, which then takes on the texts that it refused.
    """

    split: Split
    flags: Flags
    steps: tuple[Rewriter, ...]
    normalizer: Normalizer | None


def served(tokenizer: Tokenizer) -> Scanner | str:
    """How to count this tokenizer's words, or the reason why that is left to the library."""
    if os.environ.get("TOKBENCH_NO_COMPILE", "") not in ("", "0"):
        return "TOKBENCH_NO_COMPILE is set"
    if find_spec("llvmlite") is None or (find_spec("numba") is None and not are_compiled()):
        return "numba is not installed"
    try:
        normalizer, pre_tokenizer = _states(tokenizer)
    except Exception as error:  # the library raises nothing narrower for blocks written in Python
        return f"a block has no JSON: {error}"
    split = _split(json.loads(pre_tokenizer))
    if isinstance(split, str):
        return split
    step = normalizing(normalizer) if normalizer else None
    if isinstance(step, str):
        return step
    steps = (*([step] if step else []), *(make() for make in split.steps))
    return Scanner(split, _flags(split.flags), steps, tokenizer.normalizer)


@cache
def _flags(of: Callable[[c.Table], Flags]) -> Flags:
    """The flags of all that four bytes can spell; beyond Unicode there are none."""
    flags = np.zeros(at.CODE_POINTS, np.uint8)
    flags[:0x110000] = of(c.characters())
    return flags


def _states(tokenizer: Tokenizer) -> tuple[bytes, bytes]:
    """The JSON of both blocks, empty where there is none."""
    blocks = tokenizer.normalizer, tokenizer.pre_tokenizer
    first, second = (b"" if block is None else block.__getstate__() for block in blocks)
    return first, second or b'{"type": "no pre_tokenizer"}'


def _split(block: dict[str, Any]) -> Split | str:
    """The split of a pre-tokenizer, or why there is none."""
    kind = block["type"]
    inner = block.get("pretokenizers", [])
    if len(inner) == 1:
        return _split(inner[0])
    if kind == "ByteLevel" and block["use_regex"]:
        return _PREFIXED if block["add_prefix_space"] else _GPT2
    if kind == "Metaspace":
        return _metaspace(block)
    if [each["type"] for each in inner] == ["WhitespaceSplit", "Metaspace"]:
        return _metaspace(inner[1], after_split=True)
    if [each["type"] for each in inner] == ["Split", "ByteLevel"]:
        return _pattern(*inner)
    names = "+".join(each["type"] for each in inner) or kind
    return _PLAIN.get(kind, f"the pre-tokenizer {names} has no compiled form")


def _metaspace(block: dict[str, Any], *, after_split: bool = False) -> Split | str:
    """Metaspace alone or on words; "first" needs no words before it, since each text is split for itself."""
    scheme = block["prepend_scheme"]
    if block["replacement"] != LOW_LINE or not block["split"] or (after_split and scheme == "first"):
        return "this Metaspace has no compiled form"
    words = (lambda: bordering(_white()),) if after_split else ()

    def blanks() -> Rewriter:
        return rewriter(Changes({LOW_LINE: " "}), prefix=scheme != "never")

    return Split(at.RUNS, _metaspace_flags, (*words, blanks), blank=LOW_LINE)


def _pattern(split: dict[str, Any], byte_level: dict[str, Any]) -> Split | str:
    """One of the known patterns, so used that every match is a word, with a ByteLevel that only spells."""
    how = split["behavior"], split["invert"]
    known = PATTERNS.get(split["pattern"].get("Regex", ""))
    whole = how in (("Isolated", False), ("Removed", True), ("Isolated", True))
    if known is None or not whole or byte_level["use_regex"] or byte_level["add_prefix_space"]:
        return "this Split has no compiled form"
    return known


def _has(table: c.Table, flag: int) -> NDArray[np.bool_]:
    has: NDArray[np.bool_] = (table & flag) != 0
    return has


def _where(table: c.Table, flag: int, ours: int) -> Flags:
    """This flag of ours for the characters with that flag; in bytes, since wider numbers took 20 ms more."""
    return np.multiply(_has(table, flag), ours, dtype=np.uint8)


def _gpt2_flags(table: c.Table) -> Flags:
    flags = _where(table, c.LETTER, at.LETTER) | _where(table, c.NUMBER, at.NUMBER)
    flags |= _where(table, c.SPACE, at.SPACE)
    flags[ord(" ")] |= at.BLANK
    return flags


def _cl100k_flags(table: c.Table) -> Flags:
    flags = _where(table, c.LETTER, at.UPPERISH | at.LOWERISH) | _where(table, c.NUMBER, at.DIGIT)
    flags |= _where(table, c.SPACE, at.SPACE)
    flags[[ord("\r"), ord("\n")]] |= at.NEWLINE
    return flags


def _o200k_flags(table: c.Table) -> Flags:
    flags = _cl100k_flags(table)
    flags[_has(table, c.UPPER)] = at.UPPERISH
    flags[_has(table, c.LOWER)] = at.LOWERISH
    flags[_has(table, c.MARK)] = at.UPPERISH | at.LOWERISH | at.MARK
    return flags


def _bert_flags(table: c.Table) -> Flags:
    flags = np.where(_has(table, c.PUNCTUATION), at.ALONE, at.FIRST_RUN)
    return np.where(_has(table, c.WHITE), at.BORDER, flags).astype(np.uint8)


def _whitespace_flags(table: c.Table) -> Flags:
    flags = np.where(_has(table, c.WORD), at.FIRST_RUN, at.SECOND_RUN)
    return np.where(_has(table, c.GAP), at.BORDER, flags).astype(np.uint8)


def _whitespace_split_flags(table: c.Table) -> Flags:
    return np.where(_has(table, c.WHITE), at.BORDER, at.FIRST_RUN).astype(np.uint8)


def _metaspace_flags(table: c.Table) -> Flags:
    flags = np.full(len(table), at.FIRST_RUN, np.uint8)
    flags[ord(" ")] = at.BEGINS
    return flags


def _white() -> str:
    """The characters that WhitespaceSplit takes for white space."""
    return "".join(map(chr, np.flatnonzero(_has(c.characters(), c.WHITE)).tolist()))


_GPT2 = Split(at.GPT2, _gpt2_flags, bytewise=True)
_PREFIXED = Split(at.GPT2, _gpt2_flags, (lambda: rewriter(Changes({}), prefix=True),), bytewise=True)
_PLAIN = {
    "BertPreTokenizer": Split(at.RUNS, _bert_flags),
    "Whitespace": Split(at.RUNS, _whitespace_flags),
    "WhitespaceSplit": Split(at.RUNS, _whitespace_split_flags),
}
PATTERNS = {
    CL100K_TEXT % "{1,3}": Split(at.CL100K, _cl100k_flags, digits=3, bytewise=True),  # Llama 3 too
    CL100K_TEXT % "": Split(at.CL100K, _cl100k_flags, digits=1, bytewise=True),  # Qwen 2
    O200K_TEXT: Split(at.O200K, _o200k_flags, digits=3, bytewise=True),
}
