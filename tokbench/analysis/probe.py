"""A few texts looked at closely: what takes offsets, decoding or a clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tokbench.analysis.contender import Contender
from tokbench.analysis.ratios import continued_rate, share
from tokbench.analysis.round_trip import RoundTrip, round_trip
from tokbench.analysis.words import continued


@dataclass(frozen=True, kw_only=True)
class Probed:
    """Some texts of a corpus, drawn by the seed, through one tokenizer.

    continued_rate: of their words. bytes_per_second: the tokenizer's own library on one thread, in processor
    time. ids_verified: whether that gave the ids that were counted.
    """

    texts: int
    words: int
    continued_rate: float
    round_trip: RoundTrip
    bytes_per_second: float
    ids_verified: bool


def probe(contender: Contender, texts: Sequence[str]) -> Probed:
    """These texts through one tokenizer."""
    look = contender.look(texts)
    counted = [continued(text, spans) for text, spans in zip(texts, look.spans, strict=True)]
    split, words = (sum(each) for each in zip(*counted, strict=True)) if counted else (0, 0)
    [bulk] = contender.stream([list(texts)])
    same = bulk.ids.tolist() == [number for ids in look.ids for number in ids]
    utf8_bytes = sum(len(text.encode()) for text in texts)
    return Probed(
        texts=len(texts),
        words=words,
        continued_rate=continued_rate(continued=split, words=words),
        round_trip=round_trip(texts, contender.decode(look.ids), contender.normalized),
        bytes_per_second=share(utf8_bytes, look.seconds),
        ids_verified=same and len(bulk) == len(texts),
    )
