"""The steps before the model: pieces with their parents, and what each normalizer changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from tokenizers import Tokenizer

from tokbench.blocks.tracing.probe import Seen, Stage
from tokbench.blocks.tracing.spelling import byte_values, spelled
from tokbench.blocks.tracing.steps import Edit, Piece, Step

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
