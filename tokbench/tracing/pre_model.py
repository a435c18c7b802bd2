"""What the text is after every block before the model, as the library itself says it.

The library shows nothing between its blocks. So its model is replaced by one that writes out bytes, and its
blocks are put in one after the other: what comes out is each block's text, its pieces, and for every
character the place in the original it came from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby, pairwise
from typing import Any

from tokenizers import AddedToken, Encoding, Tokenizer

from tokbench.tracing.spelling import INNER, blocks_of, byte_values, spelled
from tokbench.tracing.steps import Edit, Piece, Step

UNKNOWN, HIDDEN = "�unknown�", "�hidden�"


@dataclass(frozen=True)
class Seen:
    """A piece as the library holds it: its text, and for each character its place in the original.

    `added` is the content of the added token that was found here.
    """

    text: str
    places: Sequence[tuple[int, int]]
    added: str | None = None

    @property
    def span(self) -> tuple[int, int]:
        """The characters of the original that the piece came from."""
        return self.places[0][0], self.places[-1][1]

    def under(self, first_byte: int, last_byte: int) -> tuple[int, int]:
        """The characters of the original below bytes first..last of the piece's text in UTF-8."""
        owner = self._owners
        return self.places[owner[first_byte]][0], self.places[owner[max(first_byte, last_byte - 1)]][1]

    @cached_property
    def _owners(self) -> Sequence[int]:
        """For each byte of the text the index of its character."""
        return [at for at, character in enumerate(self.text) for _ in character.encode()]


@dataclass(frozen=True)
class Stage:
    """A block and the pieces after it."""

    kind: str
    name: str
    options: Mapping[str, object]
    pieces: tuple[Seen, ...] = field(repr=False)


def stages(tokenizer: Tokenizer, raw: Mapping[str, Any], text: str) -> Iterator[Stage]:
    """The blocks before the model in order, each with the pieces it leaves."""
    normalizers, cutters = blocks_of(raw, "normalizer"), blocks_of(raw, "pre_tokenizer")
    every = list(tokenizer.get_added_tokens_decoder().values())
    early = [token for token in every if not token.normalized]
    kept = tokenizer.encode_special_tokens
    yield Stage("text", "text", {}, _Probe([], (), kept=kept).pieces(text))
    probe = _Probe([], early, kept=kept)
    if early:
        yield Stage("added_tokens", "added_tokens", {"searched": "before the normalizer"}, probe.pieces(text))
    for count in range(1, len(normalizers) + 1):
        probe.take("normalizer", normalizers[:count])
        yield _stage("normalizer", normalizers[count - 1], probe.pieces(text))
    if len(early) < len(every):  # these are written as the normalizer leaves them, so it must be there first
        probe = _Probe(normalizers, every, kept=kept)
        yield Stage("added_tokens", "added_tokens", {"searched": "after the normalizer"}, probe.pieces(text))
    for count in range(1, len(cutters) + 1):
        probe.take("pre_tokenizer", cutters[:count])
        yield _stage("pre_tokenizer", cutters[count - 1], probe.pieces(text))


def _stage(kind: str, block: Mapping[str, Any], pieces: tuple[Seen, ...]) -> Stage:
    return Stage(kind, block["type"], {name: each for name, each in block.items() if name != "type"}, pieces)


class _Probe:
    """A tokenizer whose model writes out bytes, with the added tokens of another one.

    `kept` is whether special tokens are read as text. Tokens are added in runs of equal kind: the library
    makes its search anew with every call, and 6,400 calls for 6,400 tokens took 12 seconds.
    """

    def __init__(
        self, normalizers: Sequence[Mapping[str, Any]], added: Sequence[AddedToken], *, kept: bool
    ) -> None:
        self._letters = _letters({token.content for token in added})
        vocabulary = {letter: number for number, letter in enumerate((*self._letters, UNKNOWN))}
        model = {"unk_token": UNKNOWN, "byte_fallback": True, "vocab": vocabulary, "merges": []}
        self._tokenizer = _bare(model={"type": "BPE", **model})
        self.take("normalizer", normalizers)
        for special, run in groupby(added, lambda token: bool(token.special)):
            add = self._tokenizer.add_special_tokens if special else self._tokenizer.add_tokens
            add(list(run))
        self._tokenizer.encode_special_tokens = kept

    def take(self, place: str, blocks: Sequence[Mapping[str, Any]]) -> None:
        """Put these blocks into a place, instead of those that are there."""
        whole = {"type": "Sequence", INNER[place]: list(blocks)}
        setattr(self._tokenizer, place, getattr(_bare(**{place: whole}), place) if blocks else None)

    def pieces(self, text: str) -> tuple[Seen, ...]:
        """What the blocks leave of the text."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        return tuple(_read(self._tokenizer, encoding, self._letters))


def _bare(**parts: Mapping[str, Any]) -> Tokenizer:
    """A tokenizer of these parts alone."""
    nothing = {"type": "BPE", "vocab": {}, "merges": []}
    return Tokenizer.from_str(json.dumps({"version": "1.0", "added_tokens": [], "model": nothing, **parts}))


def _letters(taken: set[str]) -> list[str]:
    """For each byte the token that the probe writes for it, none of them also an added token.

    A byte above 127 is never alone in a piece, so a piece of one such token is an added one. A character
    whose two spellings are both added tokens gets none, and comes out as the unknown token.
    """
    letters = [f"<0x{byte:02X}>" for byte in range(0x100)]
    for byte in range(0x80):
        if letters[byte] in taken:
            letters[byte] = chr(byte) if chr(byte) not in taken else HIDDEN
    return letters


def _read(probe: Tokenizer, encoding: Encoding, letters: Sequence[str]) -> Iterator[Seen]:
    """The pieces of the probe's encoding: its bytes as text again."""
    ids, offsets, tokens = encoding.ids, encoding.offsets, encoding.tokens  # each makes its whole list anew
    hidden = letters.index(HIDDEN) if HIDDEN in letters else None
    for _, run in groupby(enumerate(encoding.word_ids), lambda each: each[1]):
        row = [at for at, _ in run]
        numbers = [ids[at] if ids[at] != 0x100 else hidden or 0 for at in row]
        if len(row) == 1 and numbers[0] >= 0x80:
            [at] = row
            yield Seen(tokens[at], [offsets[at]], probe.id_to_token(numbers[0]))
            continue
        firsts = [at for at, number in zip(row, numbers, strict=True) if number & 0xC0 != 0x80]
        yield Seen(bytes(numbers).decode(), [offsets[at] for at in firsts])


Place = tuple[int, int]


def steps_of(tokenizer: Tokenizer, stages: Sequence[Stage], text: str) -> Iterator[Step]:
    """A step for each stage."""
    before: Sequence[Seen] = ()
    bytewise = False
    for stage in stages:
        bytewise = bytewise or stage.name == "ByteLevel"
        parents = _parents(before, stage.pieces)
        edits = tuple(_edits(before, stage.pieces, parents)) if stage.kind == "normalizer" else ()
        yield Step(
            kind=stage.kind,
            name=stage.name,
            options=stage.options,
            pieces=tuple(
                _piece(tokenizer, seen, parent, bytewise=bytewise)
                for seen, parent in zip(stage.pieces, parents, strict=True)
            ),
            edits=edits,
            text=text if stage.kind == "text" else "",
            notes=tuple(_notes(stage, before)),
        )
        before = stage.pieces


def _piece(tokenizer: Tokenizer, seen: Seen, parent: int, *, bytewise: bool) -> Piece:
    start, end = seen.span
    number = tokenizer.token_to_id(seen.added) if seen.added is not None else None
    known = byte_values()
    letters = bytewise and seen.added is None and all(letter in known for letter in seen.text)
    shown = spelled(bytes(known[letter] for letter in seen.text))[0] if letters else seen.text
    return Piece(
        text=seen.text, start=start, end=end, shown=shown, parent=parent, token=seen.added, id=number
    )


def _notes(stage: Stage, before: Sequence[Seen]) -> Iterator[str]:
    found = [seen.added for seen in stage.pieces if seen.added is not None]
    if stage.kind == "added_tokens":
        known = [seen.added for seen in before if seen.added is not None]
        if len(found) == len(known):
            yield "no added token is in the text"
    elif stage.kind in ("normalizer", "pre_tokenizer") and not stage.pieces:
        yield "nothing is left of the text"
    elif [(seen.text, seen.span) for seen in stage.pieces] == [(seen.text, seen.span) for seen in before]:
        yield "changes nothing here"


def _parents(outer: Sequence[Seen], inner: Sequence[Seen]) -> list[int]:
    """For each piece the index of the one it was cut from: the first, from the last one on, that holds it."""
    found: list[int] = []
    at = 0
    for seen in inner:
        start, end = seen.span
        while at < len(outer) - 1 and not (outer[at].span[0] <= start and end <= outer[at].span[1]):
            at += 1
        found.append(at)
    return found


def _edits(outer: Sequence[Seen], inner: Sequence[Seen], parents: Sequence[int]) -> Iterator[Edit]:
    """What became of each piece: the smallest stretches that differ, by their place in the original."""
    child = dict(zip(parents, inner, strict=True))
    for at, before in enumerate(outer):
        if before.added is None:
            yield from _differences(at, before, child.get(at))


def _differences(at: int, before: Seen, after: Seen | None) -> Iterator[Edit]:
    if after is None:
        yield Edit(piece=at, start=0, end=len(before.text), before=before.text, text="")
        return
    if not (_rises(before.places) and _rises(after.places)):  # a normalizer that moves characters about
        if before.text != after.text:
            yield Edit(piece=at, start=0, end=len(before.text), before=before.text, text=after.text)
        return
    for (start, end), (first, last) in _stretches(before.places, after.places):
        old, new = before.text[start:end], after.text[first:last]
        if old != new:
            yield Edit(piece=at, start=start, end=end, before=old, text=new)


def _rises(places: Sequence[Place]) -> bool:
    return all(one <= other for one, other in pairwise(places))


def _stretches(before: Sequence[Place], after: Sequence[Place]) -> Iterator[tuple[Place, Place]]:
    """Stretches of both that came from the same characters of the original, as small as can be."""
    left = right = 0
    while left < len(before) or right < len(after):
        firsts = [places[at] for places, at in ((before, left), (after, right)) if at < len(places)]
        start, reach = min(firsts)
        old, new = left, right
        while True:
            left = _advance(before, left, start, reach)
            right = _advance(after, right, start, reach)
            taken = [*before[old:left], *after[new:right]]
            further = max(end for _, end in taken)
            if further <= reach:
                break
            reach = further
        yield (old, left), (new, right)


def _advance(places: Sequence[Place], at: int, start: int, reach: int) -> int:
    while at < len(places) and (places[at][0] < reach or places[at] == (start, reach)):
        at += 1
    return at
