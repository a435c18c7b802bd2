"""The normalizers and pre-tokenizers that the compiled loops serve, told by their JSON, and their tables."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import tokenizers
from numpy.typing import NDArray
from tokenizers import NormalizedString, PreTokenizedString, Regex, Tokenizer, normalizers
from tokenizers.normalizers import Normalizer
from tokenizers.pre_tokenizers import BertPreTokenizer, PreTokenizer, Whitespace, WhitespaceSplit

from tokbench.io.cache import get_or_make
from tokbench.native.compiler import are_compiled
from tokbench.native.kernels import count_abi

Table = NDArray[np.uint16]  # the flags below, by code point

# As the regex engine sees them, in ByteLevel and Split.
LETTER, NUMBER, SPACE, UPPER, LOWER, MARK = (1 << bit for bit in range(6))  # UPPER has the title case too
# As the Rust code sees them: Whitespace's \w and \s, BertPreTokenizer's punctuation, char::is_whitespace.
WORD, GAP, PUNCTUATION, WHITE = (1 << bit for bit in range(6, 10))
CLASS_PATTERNS = {
    LETTER: r"\p{L}",
    NUMBER: r"\p{N}",
    SPACE: r"\s",
    UPPER: r"[\p{Lu}\p{Lt}]",
    LOWER: r"\p{Ll}",
    MARK: r"\p{M}",
}
SURROGATES = range(0xD800, 0xE000)


@cache
def character_flags() -> Table:
    """The flags of every code point; about 2 CPU seconds the first time, then read from the user's cache."""
    name = f"characters-1-{tokenizers.__version__}.bin"
    return np.frombuffer(get_or_make(name, lambda: _ask().astype("<u2").tobytes()), dtype="<u2")


def _ask() -> Table:
    """Every code point, as the library takes it."""
    everything = "".join(map(chr, (*range(SURROGATES.start), *range(SURROGATES.stop, 0x110000))))
    table = np.zeros(0x110000, np.uint16)
    for flag, pattern in CLASS_PATTERNS.items():
        rest = NormalizedString(everything).split(Regex(pattern), "removed")
        _set(table, flag, everything, (piece.normalized for piece in rest))
    _set(table, WHITE, everything, _pieces(WhitespaceSplit(), everything))
    _set(table, GAP, everything, _pieces(Whitespace(), everything))
    for piece in _pieces(Whitespace(), everything):
        if len(list(_pieces(Whitespace(), "a" + piece[0]))) == 1:
            _flag(table, WORD, piece)
    for piece in _pieces(BertPreTokenizer(), everything):
        if len(piece) == 1 and len(list(_pieces(BertPreTokenizer(), f"a{piece}a"))) == 3:
            _flag(table, PUNCTUATION, piece)
    return table


def _pieces(pre_tokenizer: PreTokenizer, text: str) -> Iterator[str]:
    """The words of a text; this way the library counts no characters for offsets, its slowest part."""
    words = PreTokenizedString(text)
    pre_tokenizer.pre_tokenize(words)
    return (piece for piece, _, _ in words.get_splits("original", "byte"))


def _set(table: Table, flag: int, everything: str, others: Iterator[str]) -> None:
    """Give the flag to all characters but these."""
    _flag(table, flag, everything)
    for piece in others:
        table[_codes(piece)] &= ~np.uint16(flag)


def _flag(table: Table, flag: int, text: str) -> None:
    table[_codes(text)] |= np.uint16(flag)


def _codes(text: str) -> NDArray[np.uint32]:
    """The code points of a text."""
    return np.frombuffer(text.encode("utf-32-le"), dtype="<u4")


NORMALIZERS = ("NFC", "NFKC", "Lowercase", "BertNormalizer")  # served alone and one after the other
NOT_ONE_BYTE = 0x80
REFUSED = -1
JOINTS = {"NFKC": "\0"}  # what no normalizer of this kind makes or changes; for the others it is a bar
PLANE_4, TAGS = "\U00040000", frozenset(map(chr, range(0xE0000, 0xE1000)))
EARLY, LATE = "\u0334", "\u0345"  # marks of the lowest and the highest combining class, 1 and 240


@dataclass(frozen=True)
class Rewriter:
    """Tables of a step that rewrites texts character by character; growth: the most bytes a byte becomes."""

    low: NDArray[np.uint8]
    actions: NDArray[np.uint8]
    places: NDArray[np.int32]
    spellings: NDArray[np.uint8]
    growth: float
    prefix: int = 0  # a blank before texts: NEEDED or ALWAYS of kernels/count_abi.py

    @property
    def deletes(self) -> bool:
        """Whether some character leaves nothing behind; the first spelling is the empty one."""
        return bool(((self.actions == count_abi.SPELL) & (self.places == 0)).any())


@dataclass(frozen=True)
class Changes:
    """Characters that become something else, and characters whose texts are refused."""

    spelled: Mapping[str, str]
    refused: frozenset[str] = frozenset()


def rewriter(changes: Changes, *, prefix: int = 0) -> Rewriter:
    """The tables for these changes, and which texts get a blank before them."""
    return _unpacked(_packed(changes), prefix=prefix)


def bordering(characters: str) -> Rewriter:
    """The tables by which these characters part texts."""
    whole = _unpacked(_packed(Changes({}, frozenset(characters))))
    whole.actions[whole.actions == count_abi.REFUSE] = count_abi.AS_BORDER
    return whole


@lru_cache(maxsize=8)  # 10 MB each
def normalizing(state: bytes) -> Rewriter | str:
    """What a normalizer does, from its JSON; or the reason why this is not known character by character."""
    steps = list(_steps(json.loads(state)))
    for step in steps:
        if step["type"] not in NORMALIZERS:
            return f"the normalizer {step['type']} has no compiled form"
    name = hashlib.sha256(b"3" + state).hexdigest()[:16]
    name = f"normalizer-{name}-{tokenizers.__version__}.bin"
    return _unpacked(get_or_make(name, lambda: _packed(_chained(steps))))


def _packed(changes: Changes) -> bytes:
    """The changes as bytes: how many, the most growth, characters and where they are spelled, spellings."""
    places, spellings = {"": 0}, bytearray(1)
    for spelling in changes.spelled.values():
        if spelling not in places:
            places[spelling] = len(spellings)
            written = spelling.encode()
            spellings += bytes([len(written)]) + written
    growth = [len(now.encode()) / len(before.encode()) for before, now in changes.spelled.items()]
    rows = [(ord(before), places[now]) for before, now in changes.spelled.items()]
    rows += [(ord(each), REFUSED) for each in sorted(changes.refused)]
    head = np.array([len(rows), 0], "<i8").tobytes() + np.array([max(growth, default=1.0)], "<f8").tobytes()
    return head + np.array(rows, "<i4").tobytes() + bytes(spellings)


def _unpacked(packed: bytes, *, prefix: int = 0) -> Rewriter:
    """The tables made of what `_packed` gave."""
    number = int(np.frombuffer(packed, "<i8", 1)[0])
    growth = max(1.0, float(np.frombuffer(packed, "<f8", 1, 16)[0]))
    codes, spelled = np.frombuffer(packed, "<i4", 2 * number, 24).reshape(-1, 2).T
    spellings = np.frombuffer(packed, np.uint8, offset=24 + 8 * number)
    actions, places = np.zeros(count_abi.CODE_POINTS, np.uint8), np.zeros(count_abi.CODE_POINTS, np.int32)
    actions[codes] = np.where(spelled == REFUSED, count_abi.REFUSE, count_abi.SPELL)
    places[codes] = np.maximum(spelled, 0)
    low = np.arange(256, dtype=np.uint8)
    for code in codes[codes < 0x80].tolist():
        place = places[code]
        one = (
            actions[code] == count_abi.SPELL and spellings[place] == 1 and spellings[place + 1] < NOT_ONE_BYTE
        )
        low[code] = spellings[place + 1] if one else NOT_ONE_BYTE
    return Rewriter(low, actions, places, spellings, growth, prefix)


def _steps(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The normalizers in a normalizer, one after the other."""
    if block["type"] == "Sequence":
        for inner in block["normalizers"]:
            yield from _steps(inner)
    else:
        yield block


def _chained(steps: list[dict[str, Any]]) -> Changes:
    """The changes of several steps as those of one."""
    whole = Changes({}, frozenset())
    for step in steps:
        whole = _then(whole, _changes(json.dumps(step)))
    return whole


def _then(first: Changes, second: Changes) -> Changes:
    spelled, refused = {}, set(first.refused)
    for character in {*first.spelled, *second.spelled, *second.refused} - refused:
        between = first.spelled.get(character, character)
        if second.refused.intersection(between):
            refused.add(character)
        else:
            spelled[character] = "".join(second.spelled.get(each, each) for each in between)
    return Changes(spelled, frozenset(refused))


@cache
def _changes(step: str) -> Changes:
    """What one normalizer does, asked of the library."""
    options = json.loads(step)
    kind = options.pop("type")
    normalizer = getattr(normalizers, kind)(**options)
    after = {chr(code): normalizer.normalize_str(chr(code)) for code in range(0x80)}
    after |= _after(normalizer, _beyond_ascii(), JOINTS.get(kind, "|"))
    changed = {before: now for before, now in after.items() if now != before}
    if kind == "NFC":
        return Changes({}, _marks() | _joiners() | changed.keys())
    if kind == "NFKC":  # what neither joins nor moves, before and after, is changed whatever is beside it
        unsure = _marks() | _joiners()
        refused = unsure | {each for each, now in changed.items() if not unsure.isdisjoint(now)}
        return Changes({each: now for each, now in changed.items() if each not in refused}, refused)
    strips = options.get("strip_accents", False)
    if options.get("lowercase") if strips is None else strips:  # by NFD; of the marks it orders, some remain
        return Changes(
            changed, frozenset(each for each, now in after.items() if not _marks().isdisjoint(now))
        )
    return Changes(changed)


def _beyond_ascii() -> list[str]:
    """All characters but the first 128."""
    return [chr(code) for code in (*range(0x80, 0xD800), *range(0xE000, 0x110000))]


def _after(normalizer: normalizers.Normalizer, texts: Sequence[str], joint: str = "|") -> dict[str, str]:
    """What the normalizer makes of each of these short texts, all in one go; `joint` it leaves alone."""
    told: list[str] = normalizer.normalize_str(joint.join(texts)).split(joint)
    return dict(zip(texts, told, strict=True))


@cache
def _marks() -> frozenset[str]:
    """Characters that NFD may put into another order: those whose combining class is not 0."""
    alone = _decomposed()
    before = _after(normalizers.NFD(), [each + EARLY for each in alone])
    behind = _after(normalizers.NFD(), [LATE + each for each in alone])
    return frozenset((EARLY, LATE)).union(
        each
        for each, parts in alone.items()
        if before[each + EARLY] != parts + EARLY or behind[LATE + each] != LATE + parts
    )


@cache
def _decomposed() -> dict[str, str]:
    """What NFD makes of every character of the planes in which some are decomposed or combine.

    Planes 4 to 13 are empty, 15 and 16 for private use; a test asks about every one of theirs.
    """
    return _after(normalizers.NFD(), [each for each in _beyond_ascii() if each < PLANE_4 or each in TAGS])


@cache
def _joiners() -> frozenset[str]:
    """Characters that NFC may join with one before them: all that do not begin a decomposition."""
    return frozenset(each for whole in _decomposed().values() for each in whole[1:])


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
TEKKEN_TEXT = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LOW_LINE = "▁"  # U+2581, Metaspace's blank; the loops see it as a blank, since Metaspace leaves none


@dataclass(frozen=True)
class WordSplit:
    """One way to part texts into words. flags: by code point, what the loops of this kind go by."""

    kind: int
    flags: Callable[[Table], Flags]
    steps: tuple[Callable[[], Rewriter], ...] = ()
    digits: int = 0
    blank: str = " "  # what a blank in a word stands for
    bytewise: bool = False  # whether words are spelled in the byte alphabet
    counts_from_start: bool = False  # whether the first character of a text as it is written is another


@dataclass(frozen=True)
class Scanner:
    """How to count the words of one normalizer and pre-tokenizer.

    low: the flags of bytes, with a line feed between texts; steps: what texts go through before the split.
    `refusals` says that the first step is the normalizer, which then takes on the texts that it refused.
    `cuts` says whether a blank between two letters always begins a word, whatever goes before.
    """

    split: WordSplit
    flags: Flags
    steps: tuple[Rewriter, ...]
    normalizer: Normalizer | None
    cuts: bool = True


def why_not_here() -> str:
    """Why nothing is compiled on this machine, or ""."""
    if os.environ.get("TOKBENCH_NO_COMPILE", "") not in ("", "0"):
        return "TOKBENCH_NO_COMPILE is set"
    if find_spec("llvmlite") is None or (find_spec("numba") is None and not are_compiled(["count"])):
        return "numba is not installed"
    return ""


def scanner_for(tokenizer: Tokenizer) -> Scanner | str:
    """How to count this tokenizer's words, or the reason why that is left to the library."""
    if why := why_not_here():
        return why
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
    if step and split.counts_from_start and step.deletes:
        return "the library looks for the first character of a text before its normalizer deletes some"
    steps = (*([step] if step else []), *(make() for make in split.steps))
    return Scanner(split, _flags(split.flags), steps, tokenizer.normalizer)


@cache
def _flags(of: Callable[[Table], Flags]) -> Flags:
    """The flags of all that four bytes can spell; beyond Unicode there are none."""
    flags = np.zeros(count_abi.CODE_POINTS, np.uint8)
    flags[:0x110000] = of(character_flags())
    return flags


def _states(tokenizer: Tokenizer) -> tuple[bytes, bytes]:
    """The JSON of both blocks, empty where there is none."""
    blocks = tokenizer.normalizer, tokenizer.pre_tokenizer
    first, second = (b"" if block is None else block.__getstate__() for block in blocks)
    return first, second or b'{"type": "no pre_tokenizer"}'


def _split(block: dict[str, Any]) -> WordSplit | str:
    """The split of a pre-tokenizer, or why there is none."""
    inner = block.get("pretokenizers", [block])
    if len(inner) == 1 and inner[0] is not block:
        return _split(inner[0])
    names = tuple(each["type"] for each in inner)
    served = PRE_TOKENIZERS.get(names)
    if served is None:
        return f"the pre-tokenizer {'+'.join(names)} has no compiled form"
    return served(*inner) or f"this {'+'.join(names)} has no compiled form"


def _byte_level(block: dict[str, Any]) -> WordSplit | None:
    if not block["use_regex"]:
        return None
    prefix = (lambda: rewriter(Changes({}), prefix=count_abi.NEEDED),) if block["add_prefix_space"] else ()
    return WordSplit(count_abi.GPT2, _gpt2_flags, prefix, bytewise=True)


def _metaspace(block: dict[str, Any]) -> WordSplit | None:
    """Metaspace alone; with "first" a text has its ▁ only if its first character is still there."""
    if block["replacement"] != LOW_LINE or not block["split"]:
        return None
    scheme = block["prepend_scheme"]

    def blanks() -> Rewriter:
        return rewriter(Changes({LOW_LINE: " "}), prefix=0 if scheme == "never" else count_abi.NEEDED)

    return WordSplit(
        count_abi.RUNS, _metaspace_flags, (blanks,), blank=LOW_LINE, counts_from_start=scheme == "first"
    )


def _metaspace_on_words(_: dict[str, Any], block: dict[str, Any]) -> WordSplit | None:
    """Metaspace on words: each of them is a text of its own, so which is the first cannot be told."""
    split = _metaspace(block)
    if split is None or split.counts_from_start:
        return None
    return replace(split, steps=(lambda: bordering(_white()), *split.steps))


def _pattern(split: dict[str, Any], byte_level: dict[str, Any]) -> WordSplit | None:
    """One of the known patterns, so used that every match is a word, with a ByteLevel that only spells."""
    how = split["behavior"], split["invert"]
    whole = how in (("Isolated", False), ("Removed", True), ("Isolated", True))
    if not whole or byte_level["use_regex"] or byte_level["add_prefix_space"]:
        return None
    return SPLITTERS.get(split["pattern"].get("Regex", ""))


def _has(table: Table, flag: int) -> NDArray[np.bool_]:
    has: NDArray[np.bool_] = (table & flag) != 0
    return has


def _where(table: Table, flag: int, ours: int) -> Flags:
    """This flag of ours for the characters with that flag; in bytes, since wider numbers took 20 ms more."""
    return np.multiply(_has(table, flag), ours, dtype=np.uint8)


def _gpt2_flags(table: Table) -> Flags:
    flags = _where(table, LETTER, count_abi.LETTER) | _where(table, NUMBER, count_abi.NUMBER)
    flags |= _where(table, SPACE, count_abi.SPACE)
    flags[ord(" ")] |= count_abi.BLANK
    return flags


def _cl100k_flags(table: Table) -> Flags:
    flags = _where(table, LETTER, count_abi.UPPERISH | count_abi.LOWERISH) | _where(
        table, NUMBER, count_abi.DIGIT
    )
    flags |= _where(table, SPACE, count_abi.SPACE)
    flags[[ord("\r"), ord("\n")]] |= count_abi.NEWLINE
    return flags


def _o200k_flags(table: Table) -> Flags:
    flags = _cl100k_flags(table)
    flags[_has(table, UPPER)] = count_abi.UPPERISH
    flags[_has(table, LOWER)] = count_abi.LOWERISH
    flags[_has(table, MARK)] = count_abi.UPPERISH | count_abi.LOWERISH | count_abi.MARK
    return flags


def _bert_flags(table: Table) -> Flags:
    flags = np.where(_has(table, PUNCTUATION), count_abi.ALONE, count_abi.FIRST_RUN)
    return np.where(_has(table, WHITE), count_abi.BORDER, flags).astype(np.uint8)


def _whitespace_flags(table: Table) -> Flags:
    flags = np.where(_has(table, WORD), count_abi.FIRST_RUN, count_abi.SECOND_RUN)
    return np.where(_has(table, GAP), count_abi.BORDER, flags).astype(np.uint8)


def _whitespace_split_flags(table: Table) -> Flags:
    return np.where(_has(table, WHITE), count_abi.BORDER, count_abi.FIRST_RUN).astype(np.uint8)


def _metaspace_flags(table: Table) -> Flags:
    flags = np.full(len(table), count_abi.FIRST_RUN, np.uint8)
    flags[ord(" ")] = count_abi.BEGINS
    return flags


def _white() -> str:
    """The characters that WhitespaceSplit takes for white space."""
    return "".join(map(chr, np.flatnonzero(_has(character_flags(), WHITE)).tolist()))


def _runs(flags: Callable[[Table], Flags]) -> Callable[..., WordSplit]:
    """A pre-tokenizer without options that cuts a text into runs of characters."""
    return lambda _: WordSplit(count_abi.RUNS, flags)


SPLITTERS = {
    CL100K_TEXT % "{1,3}": WordSplit(count_abi.CL100K, _cl100k_flags, digits=3, bytewise=True),  # Llama 3 too
    CL100K_TEXT % "": WordSplit(count_abi.CL100K, _cl100k_flags, digits=1, bytewise=True),  # Qwen 2
    O200K_TEXT: WordSplit(count_abi.O200K, _o200k_flags, digits=3, bytewise=True),
    TEKKEN_TEXT: WordSplit(count_abi.TEKKEN, _o200k_flags, digits=1, bytewise=True),
}
# What is served: the names of the blocks in order, and the split that they are with these options, None when
# they are none. A law holds every row against the library, with every normalizer and model that is served:
# tests/laws/test_pipelines.py. What no law proves has no row.
PRE_TOKENIZERS: Mapping[tuple[str, ...], Callable[..., WordSplit | None]] = {
    ("ByteLevel",): _byte_level,
    ("BertPreTokenizer",): _runs(_bert_flags),
    ("Whitespace",): _runs(_whitespace_flags),
    ("WhitespaceSplit",): _runs(_whitespace_split_flags),
    ("Metaspace",): _metaspace,
    ("WhitespaceSplit", "Metaspace"): _metaspace_on_words,
    ("Split", "ByteLevel"): _pattern,
}
