"""One recipe in many vocabulary sizes, from as few trainings as it allows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tokenizers import Tokenizer

from tokbench.analysis.by_tokenizers import OfTokenizers
from tokbench.analysis.comparison import Ways, Work, measure, short
from tokbench.analysis.growth_curve import Point, Recommendation, points, recommended
from tokbench.analysis.keeping import Keeping, keep
from tokbench.analysis.smaller import MODELS, Cuttable
from tokbench.blocks.build import assemble, build
from tokbench.blocks.recipe import Recipe
from tokbench.corpus.reading import Corpus, CorpusFacts, open_corpus
from tokbench.errors import FileProblem, RecipeProblem
from tokbench.progress import Progress, silent
from tokbench.training.roads import WORTH


@dataclass(frozen=True, kw_only=True)
class Swept:
    """The curve over vocabulary sizes, measured on `measured_on`.

    trainings: how many there were; why: why there was more than one, "" otherwise. too_small: sizes that do
    not hold the characters; beyond: sizes that the corpus has nothing to fill with. kept: folders written.
    """

    algorithm: str
    corpus: CorpusFacts
    measured_on: tuple[str, ...]
    hidden: int
    points: tuple[Point, ...]
    recommendation: Recommendation | None
    too_small: tuple[int, ...]
    beyond: tuple[int, ...]
    trainings: int
    why: str
    training_seconds: float
    kept: tuple[Path, ...]


@dataclass(frozen=True)
class Family:
    """Tokenizers of one recipe by asked size; how many trainings they took, and why several."""

    tokenizers: dict[int, Tokenizer]
    too_small: tuple[int, ...]
    trainings: int
    why: str


def sweep(
    recipe: Recipe,
    corpus: Sequence[str],
    sizes: Sequence[int],
    *,
    held_out: Sequence[str] = (),
    column: str | None = None,
    hidden: int = 768,
    keeping: Keeping | None = None,
    progress: Progress = silent,
) -> Swept:
    """Train every size, measure each on the corpus, or on texts held out of it, and find the knee.

    What can be known before reading is checked before: sizes, files, and where the kept ones go.
    """
    _check(recipe, sizes)
    if keeping:
        keeping.check(sizes)
    texts = _opened(corpus, column, progress)
    ground = _opened(held_out, column, progress) if held_out else texts
    begun = time.perf_counter()
    family = train(recipe, texts, sizes, progress=progress)
    seconds = time.perf_counter() - begun
    facts, kept = texts.facts, _distinct(family.tokenizers)
    contenders = [OfTokenizers(f"{size:,}", each) for size, each in kept.items()]
    size = (WORTH if ground.size is None else ground.size) * len(contenders)
    work = Work(contenders, [None] * len(contenders), size, progress)
    _, measured = measure(short(held_out or corpus, stems=True)[0], ground, work, Ways(column=column))
    curve = points(list(kept), measured, hidden=hidden)
    return Swept(
        algorithm=recipe.algorithm,
        corpus=facts,
        measured_on=ground.facts.sources,
        hidden=hidden,
        points=curve,
        recommendation=recommended(curve),
        too_small=family.too_small,
        beyond=tuple(size for size in family.tokenizers if size not in kept),
        trainings=family.trainings,
        why=family.why,
        training_seconds=seconds,
        kept=keep(family.tokenizers, recipe, facts, keeping) if keeping else (),
    )


def train(recipe: Recipe, corpus: Corpus, sizes: Sequence[int], *, progress: Progress = silent) -> Family:
    """The tokenizer of each size, each as if it had been trained by itself."""
    largest = max(sizes)
    size = WORTH if corpus.size is None else corpus.size
    if recipe.algorithm not in MODELS:
        return _apart(
            recipe, corpus, sizes, f"{recipe.algorithm} does not nest: each size learns anew", progress
        )
    whole = build(replace(recipe, vocab_size=largest), corpus, size=size, progress=progress)
    try:
        cuttable = Cuttable(whole, recipe)
    except RecipeProblem as error:
        return _apart(recipe, corpus, sizes, error.message, progress)
    found, too_small = {}, []
    for each in sorted(sizes):
        try:
            found[each] = cuttable.at(each)
        except RecipeProblem:
            too_small.append(each)
    return Family(found, tuple(too_small), 1, "")


def _apart(recipe: Recipe, corpus: Corpus, sizes: Sequence[int], why: str, progress: Progress) -> Family:
    """Every size trained by itself; the largest first, for if that is too small, all are."""
    size = WORTH if corpus.size is None else corpus.size
    found, too_small = {}, []
    for each in sorted(sizes, reverse=True):
        try:
            found[each] = build(replace(recipe, vocab_size=each), corpus, size=size, progress=progress)
        except RecipeProblem:
            if not found:
                raise
            too_small.append(each)
    return Family(dict(sorted(found.items())), tuple(sorted(too_small)), len(sizes), why)


def _check(recipe: Recipe, sizes: Sequence[int]) -> None:
    """RecipeProblem for a recipe that is not sound, or a size that it can never have."""
    assemble(replace(recipe, vocab_size=max(sizes)))
    for size in sizes:
        try:
            assemble(replace(recipe, vocab_size=size))
        except RecipeProblem as error:
            raise RecipeProblem(error.message, fix=f"leave {size} out of --sizes") from error


def _opened(paths: Sequence[str], column: str | None, progress: Progress) -> Corpus:
    opened = open_corpus(paths, column=column, progress=progress)
    if opened.size is None:
        raise FileProblem(
            "a sweep reads its corpus more than once, and stdin can be read only once",
            fix="save it to a file and name the file",
        )
    return opened


def _distinct(tokenizers: dict[int, Tokenizer]) -> dict[int, Tokenizer]:
    """Without the sizes that reached no more than the size before: the corpus had nothing left to learn."""
    kept: dict[int, Tokenizer] = {}
    reached = 0
    for size, tokenizer in tokenizers.items():
        if tokenizer.get_vocab_size() > reached:
            kept[size], reached = tokenizer, tokenizer.get_vocab_size()
    return kept
