"""Which rows stay when there are more than are wanted: sources weighted by bytes, and samples that nest.

Every row draws a number, in the order of the rows; the lowest stay. So a smaller sample with the same seed is
part of a larger one, and of each source a smaller share is part of a larger one. No row is ever taken twice:
weights let the source that runs out first decide how much there is of the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from tokbench.corpus.cleaning.choices import Cleaning, SampleSize, sample_size
from tokbench.corpus.cleaning.spool import Scratch, Spool
from tokbench.corpus.cleaning.text_batches import Batch, StepTally
from tokbench.errors import DataError, UsageError, plural

Kept = NDArray[np.bool_]


class Selection:
    """The steps `weights` and `sample`: they see all rows before they let one go on."""

    def __init__(self, choices: Cleaning, sources: Sequence[str], scratch: Scratch) -> None:
        self._scratch = scratch
        self._draw = np.random.default_rng(choices.seed)
        self._weights = source_weights(choices.weights, sources) if choices.weights else None
        self._sample = sample_size(choices.sample) if choices.sample else None
        self.weights, self.sample = StepTally("weights"), StepTally("sample")

    @property
    def tallies(self) -> list[StepTally]:
        """Those of the steps that were asked for."""
        asked = ((self._weights, self.weights), (self._sample, self.sample))
        return [tally for step, tally in asked if step is not None]

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The batches of the rows that stay, in their order."""
        if self._weights is None and self._sample is None:
            return batches
        if self._weights is None and self._sample and self._sample.unit == "share":
            return self._share(batches, self._sample.amount)
        return self._chosen(batches)

    def _share(self, batches: Iterator[Batch], share: float) -> Iterator[Batch]:
        for batch in batches:
            yield self.sample.keep(batch, (self._draw.random(len(batch.texts)) < share).tolist())

    def _chosen(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        spool: Spool[Batch] = Spool(self._scratch)
        sizes: list[NDArray[np.int64]] = []
        sources: list[NDArray[np.int32]] = []
        for batch in batches:
            spool.put(batch)
            sizes.append(np.array([len(text.encode()) for text in batch.texts], np.int64))
            sources.append(np.full(len(batch.texts), batch.source, np.int32))
        if not sizes:
            return
        rows = _Rows(np.concatenate(sizes), np.concatenate(sources), self._draw)
        weighted = rows.weighted(self._weights) if self._weights else np.ones(len(rows.sizes), bool)
        sampled = rows.sampled(weighted, self._weights, self._sample) if self._sample else weighted
        start = 0
        for batch in spool:
            here = slice(start, start + len(batch.texts))
            start = here.stop
            batch_weighted, chosen = weighted[here], sampled[here]
            if self._weights:
                batch = self.weights.keep(batch, batch_weighted.tolist())
                chosen = chosen[batch_weighted]
            yield self.sample.keep(batch, chosen.tolist()) if self._sample else batch
        spool.drop()


class _Rows:
    """All rows as arrays: 28 bytes a row, while the texts wait on the disk."""

    def __init__(
        self, sizes: NDArray[np.int64], sources: NDArray[np.int32], draw: np.random.Generator
    ) -> None:
        self.sizes, self._sources = sizes, sources
        self._in_turn = np.argsort(draw.random(len(sizes)), kind="stable")  # row numbers, lowest number first

    def weighted(self, weights: Mapping[int, tuple[int, float]], most: float = np.inf) -> Kept:
        """Rows so that the bytes of each weighted part stand in its ratio, `most` bytes in all."""
        part_of = np.array([weights[source][0] for source in range(len(weights))])[self._sources]
        shares = dict(weights.values())
        whole = sum(shares.values())
        there = {part: int(self.sizes[part_of == part].sum()) for part in shares}
        total = min(most, *(there[part] * whole / weight for part, weight in shares.items()))
        kept = np.zeros(len(self.sizes), bool)
        for part, weight in shares.items():
            turn = self._in_turn[part_of[self._in_turn] == part]
            kept[self._within(turn, total * weight / whole)] = True
        return kept

    def sampled(
        self, there: Kept, weights: Mapping[int, tuple[int, float]] | None, sample: SampleSize
    ) -> Kept:
        """Of the rows that are there, those of the sample; weights are kept when it is told in bytes."""
        size = int(self.sizes[there].sum())
        has = int(there.sum()) if sample.unit == "rows" else size
        wanted = sample.amount * (size if sample.unit == "share" else 1)
        if sample.unit != "share" and wanted > has:
            raise DataError(
                f"a sample of {sample} is more than the {has:,} {sample.unit} that are left",
                fix=f"leave out --sample, or --sample {has}{'' if sample.unit == 'rows' else 'B'}",
            )
        if sample.unit != "rows" and weights:
            return self.weighted(weights, wanted)
        turn = self._in_turn[there[self._in_turn]]
        kept = np.zeros(len(self.sizes), bool)
        kept[turn[: int(wanted)] if sample.unit == "rows" else self._within(turn, wanted)] = True
        return kept

    def _within(self, turn: NDArray[np.intp], most: float) -> NDArray[np.intp]:
        """As many of these rows, in their turn, as have `most` bytes together."""
        return turn[np.cumsum(self.sizes[turn]) <= most + 1e-6]


def source_weights(weights: Mapping[str, float], sources: Sequence[str]) -> dict[int, tuple[int, float]]:
    """Number of a source → the number and the weight of the part of the corpus that it belongs to.

    A name means a source by its path, its file's name with or without suffixes, or a folder it lies in;
    weights without names (1, 2 …) mean the sources in their order. UsageError when a source has no weight or
    two of them, or a weight no source.

    >>> source_weights({"en": 3, "ko": 1}, ["texts/en.txt.gz", "ko/a.txt", "ko/b.txt"])
    {0: (0, 3), 1: (1, 1), 2: (1, 1)}
    """
    in_order = list(weights) == [str(at) for at in range(1, len(weights) + 1)]
    stems = list(dict.fromkeys(PurePath(source).name.partition(".")[0] for source in sources))
    fix = f"name each once: --weights {','.join(f'{stem}=1' for stem in stems)}"
    if in_order and len(weights) != len(sources):
        raise UsageError(
            f"--weights has {len(weights)} numbers for {plural(len(sources), 'source')}", fix=fix
        )
    found: dict[int, tuple[int, float]] = {}
    for number, source in enumerate(sources):
        meant = [name for name in weights if name in _names(source, number, in_order=in_order)]
        if len(meant) != 1:
            why = "two weights" if meant else "no weight"
            raise UsageError(f"{source} has {why} in --weights {','.join(weights)}", fix=fix)
        found[number] = (list(weights).index(meant[0]), weights[meant[0]])
    used = {part for part, _ in found.values()}
    idle = next((name for at, name in enumerate(weights) if at not in used), None)
    if idle is not None:
        raise UsageError(f"no source is named {idle}, as --weights has it", fix=fix)
    return found


def _names(source: str, number: int, *, in_order: bool) -> set[str]:
    """All names that a weight may give a source."""
    if in_order:
        return {str(number + 1)}
    path = PurePath(source)
    return {source, path.name, path.name.partition(".")[0], *path.parts[:-1], *map(str, path.parents)}
