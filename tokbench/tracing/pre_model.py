"""What the text is after every block before the model, as the library itself says it.

The library shows nothing between its blocks. So its model is replaced by one that writes out bytes, and its
blocks are put in one after the other: what comes out is each block's text, its pieces, and for every
character the place in the original it came from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tokenizers import AddedToken, Tokenizer

from tokbench.tracing.spelling import blocks_of, byte_values, spelled
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
        owner = [at for at, character in enumerate(self.text) for _ in character.encode()]
        return self.places[owner[first_byte]][0], self.places[owner[max(first_byte, last_byte - 1)]][1]


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
    yield Stage("text", "text", {}, _look(tokenizer, [], [], (), text))
    if early:
        pieces = _look(tokenizer, [], [], early, text)
        yield Stage("added_tokens", "added_tokens", {"searched": "before the normalizer"}, pieces)
    for count in range(1, len(normalizers) + 1):
        pieces = _look(tokenizer, normalizers[:count], [], early, text)
        yield _stage("normalizer", normalizers[count - 1], pieces)
    if len(early) < len(every):
        pieces = _look(tokenizer, normalizers, [], every, text)
        yield Stage("added_tokens", "added_tokens", {"searched": "after the normalizer"}, pieces)
    for count in range(1, len(cutters) + 1):
        pieces = _look(tokenizer, normalizers, cutters[:count], every, text)
        yield _stage("pre_tokenizer", cutters[count - 1], pieces)


def _stage(kind: str, block: Mapping[str, Any], pieces: tuple[Seen, ...]) -> Stage:
    return Stage(kind, block["type"], {name: each for name, each in block.items() if name != "type"}, pieces)


def _look(
    tokenizer: Tokenizer,
    normalizers: Sequence[Mapping[str, Any]],
    cutters: Sequence[Mapping[str, Any]],
    added: Sequence[AddedToken],
    text: str,
) -> tuple[Seen, ...]:
    letters = _letters({token.content for token in added})
    description: dict[str, Any] = {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": {"type": "Sequence", "normalizers": list(normalizers)} if normalizers else None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": list(cutters)} if cutters else None,
        "model": {
            "type": "BPE",
            "unk_token": UNKNOWN,
            "byte_fallback": True,
            "vocab": {letter: number for number, letter in enumerate((*letters, UNKNOWN))},
            "merges": [],
        },
    }
    probe = Tokenizer.from_str(json.dumps(description))
    for token in added:
        (probe.add_special_tokens if token.special else probe.add_tokens)([token])
    probe.encode_special_tokens = tokenizer.encode_special_tokens
    return tuple(_read(probe, letters, text))


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


def _read(probe: Tokenizer, letters: Sequence[str], text: str) -> Iterator[Seen]:
    """The pieces of the probe's encoding: its bytes as text again."""
    encoding = probe.encode(text, add_special_tokens=False)
    rows: list[list[int]] = []
    last = None
    for at, word in enumerate(encoding.word_ids):
        if word != last:
            rows.append([])
        rows[-1].append(at)
        last = word
    hidden = letters.index(HIDDEN) if HIDDEN in letters else None
    for row in rows:
        ids = [encoding.ids[at] if encoding.ids[at] != 0x100 else hidden or 0 for at in row]
        if len(row) == 1 and ids[0] >= 0x80:
            [at] = row
            found = probe.id_to_token(ids[0])
            yield Seen(encoding.tokens[at], [encoding.offsets[at]], found)
            continue
        letters_of = bytes(ids).decode()
        firsts = [at for at, number in zip(row, ids, strict=True) if number & 0xC0 != 0x80]
        yield Seen(letters_of, [encoding.offsets[at] for at in firsts])


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
