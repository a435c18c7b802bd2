"""One recipe in many vocabulary sizes, from as few trainings as it allows; the curve and its knee."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer
from tokenizers.models import BPE, Model, WordPiece

from tokbench.analysis.backends import HfBackend
from tokbench.analysis.compare import CompareOptions, Work, measure
from tokbench.analysis.corpus_metrics import share
from tokbench.analysis.knees import knee
from tokbench.corpus.reading import Corpus, CorpusFacts, CorpusSource, as_corpus
from tokbench.errors import FileError, RecipeError, UsageError, did_you_mean
from tokbench.io.atomic import atomic_folder, ensure_writable
from tokbench.pretrained.recipe_of import RecipeSource
from tokbench.pretrained.recipe_of import recipe as resolve
from tokbench.pretrained.train import save_trained
from tokbench.progress import Progress, silent
from tokbench.recipes.build import assemble, assemble_for_training, build
from tokbench.recipes.validate import check_result
from tokbench.results import Result
from tokbench.training.bpe import Merges, truncate_merges
from tokbench.training.engine import EngineChoice

if TYPE_CHECKING:
    from tokbench.analysis.measure import Measured
    from tokbench.recipes.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Point:
    """One size: what was asked, what was reached, and what its tokenizer does to the corpus.

    embedding_parameters: reached × hidden, once; twice that where input and output rows are not tied.
    fewer_tokens: the share of the tokens of the size before that this one saves.
    """

    asked: int
    reached: int
    tokens: int
    bytes_per_token: float
    fertility: float
    renyi_efficiency: float
    unknown_rate: float
    vocabulary_unused: int
    embedding_parameters: int
    fewer_tokens: float | None


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """The size to take, and why in one sentence; `method` says how it was found."""

    size: int
    why: str
    method: str


METHOD = "the knee of bytes a token over embedding parameters (Kneedle, Satopää et al. 2011)"


def points(asked: Sequence[int], measured: Sequence[Measured], *, hidden: int) -> tuple[Point, ...]:
    """A point a size, in rising order."""
    found: list[Point] = []
    for size, each in zip(asked, measured, strict=True):
        reached = each.vocabulary_used + each.vocabulary_unused
        before = found[-1].tokens if found else 0
        found.append(
            Point(
                asked=size,
                reached=reached,
                tokens=each.tokens,
                bytes_per_token=each.bytes_per_token,
                fertility=each.fertility,
                renyi_efficiency=each.renyi_efficiency,
                unknown_rate=each.unknown_rate,
                vocabulary_unused=each.vocabulary_unused,
                embedding_parameters=reached * hidden,
                fewer_tokens=share(before - each.tokens, before) if before else None,
            )
        )
    return tuple(found)


def recommended(curve: Sequence[Point]) -> Recommendation | None:
    """The knee; None for a curve without one."""
    prices = [float(point.embedding_parameters) for point in curve]
    at = knee(prices, [point.bytes_per_token for point in curve])
    if at is None:
        return None
    here, first, last = curve[at], curve[0], curve[-1]
    why = (
        f"from {first.reached:,} to {here.reached:,} tokens a text gets {_fewer(first, here):.1%} shorter; "
        f"from there to {last.reached:,} another {_fewer(here, last):.1%}, "
        f"for {_millions(last.embedding_parameters - here.embedding_parameters)} more embedding parameters"
    )
    return Recommendation(size=here.asked, why=why, method=METHOD)


def _fewer(one: Point, other: Point) -> float:
    return share(one.tokens - other.tokens, one.tokens)


def _millions(number: int) -> str:
    """A count of parameters in millions.

    >>> _millions(24_576_000)
    '24.6 M'
    """
    return f"{number / 1e6:.1f} M"


DEFAULT_SIZES = (2000, 4000, 8000, 16_000, 32_000, 64_000)
MOST = 64  # sizes: more points show no more of a curve
RANGE = re.compile(r"(\d+):(\d+):([x+])(\d+(?:\.\d+)?)")
FIX = "write 2000:64000:x2 (each twice the last), 8000:32000:+8000, or 1000,2000,4000"


def read_sizes(words: str) -> tuple[int, ...]:
    """The sizes, in rising order, each once; UsageError for words that say none.

    >>> read_sizes("2000:16000:x2")
    (2000, 4000, 8000, 16000)
    >>> read_sizes("4_000, 1000")
    (1000, 4000)
    """
    plain = words.replace("_", "").replace(" ", "")
    found = RANGE.fullmatch(plain)
    parts = [] if found else plain.split(",")
    if not found and not all(part.isascii() and part.isdigit() for part in parts):
        raise UsageError(f"{words!r} says no sizes", fix=FIX)
    sizes = _range(found) if found else iter(map(int, parts))
    taken: set[int] = set()
    for size in sizes:
        taken.add(size)
        if len(taken) > MOST:
            raise UsageError(f"{words!r} are more than {MOST} sizes", fix="take larger steps")
    if 0 in taken or not taken:
        raise UsageError(f"{words!r} says no size above 0", fix=FIX)
    return tuple(sorted(taken))


def _range(found: re.Match[str]) -> Iterator[int]:
    """From the first to the last, by factor or by step."""
    size, last, step = float(found[1]), int(found[2]), float(found[4])
    if (found[3] == "x" and step <= 1) or step <= 0:
        raise UsageError(f"{found[0]} never grows", fix=FIX)
    while 0 < size <= last:
        yield round(size)
        size = size * step if found[3] == "x" else size + step


ALL = "all"
RECORD = "tokbench.sweep.json"  # also what lets --force replace the folder


@dataclass(frozen=True)
class SaveSizes:
    """Which sizes to keep, or "all", and the folder that gets a folder of each."""

    sizes: tuple[str, ...]
    folder: Path
    force: bool = False

    def check(self, sizes: Sequence[int]) -> None:
        """UsageError for a size that is not swept; FileError when the folder may not be written."""
        for word in self.sizes:
            if word != ALL and word not in map(str, sizes):
                raise UsageError(
                    f"{word} is none of the sizes", fix=did_you_mean(word, [ALL, *map(str, sizes)])
                )
        ensure_writable(self.folder, force=self.force)

    def chosen(self, size: int) -> bool:
        """Whether this size is kept."""
        return ALL in self.sizes or str(size) in self.sizes


def save_sizes(
    tokenizers: Mapping[int, Tokenizer], recipe: Recipe, corpus: CorpusFacts, saving: SaveSizes
) -> tuple[Path, ...]:
    """Save the chosen ones as training each would have; returns their folders.

    RecipeError when one was too small to be trained.
    """
    for word in saving.sizes:
        if word != ALL and int(word) not in tokenizers:
            raise RecipeError(
                f"{word} is too small for the characters of these texts",
                fix=f"keep {min(tokenizers)} or more",
            )
    chosen = {size: each for size, each in tokenizers.items() if saving.chosen(size)}
    with atomic_folder(saving.folder, force=saving.force) as folder:
        for size, tokenizer in chosen.items():
            alone = replace(recipe, vocab_size=size)
            save_trained(tokenizer, alone, corpus, folder / str(size), choice=EngineChoice("compiled"))
        facts = {"schema": "tokbench/sweep-folder/1", "sizes": sorted(chosen)}
        (folder / RECORD).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return tuple(saving.folder / str(size) for size in chosen)


def sizes_to_save(
    keep: Sequence[int | str], output: str | Path | None, *, force: bool = False
) -> SaveSizes | None:
    """Which sizes to keep and where, or None; UsageError for one without the other.

    >>> sizes_to_save(["16_000", 8000], "sizes").sizes
    ('16000', '8000')
    """
    if keep and output is not None:
        words = tuple(str(size).replace("_", "").replace(",", "") for size in keep)
        return SaveSizes(words, Path(output), force)
    if keep:
        raise UsageError("sizes that are kept need a folder", fix="name it: -o sizes")
    if output is not None:
        raise UsageError("the folder gets the sizes that are kept, and none is", fix="say which: --keep all")
    return None


# Merges are learned one after the other, whatever size was asked for. Unigram drops pieces until the size is
# reached, and estimates the others' scores anew on the way; words and characters train in no time.
MODELS: Mapping[str, type[Model]] = {"bpe": BPE, "wordpiece": WordPiece}
LEARNED = ("type", "vocab", "merges")  # of a model in tokenizer.json; the rest are its options


class TruncatableVocab:
    """A trained tokenizer of which smaller ones are the beginning; read once, cut often."""

    def __init__(self, tokenizer: Tokenizer, recipe: Recipe) -> None:
        """RecipeError when a token was made by two merges: a tokenizer does not tell in which order."""
        self._whole, self._recipe = tokenizer, recipe
        data = json.loads(tokenizer.to_str())
        model = data["model"]
        options = ((name, value) for name, value in model.items() if name not in LEARNED)
        self._options = {name: value for name, value in options if value is not None}
        self._tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
        self._merges = [(left, right) for left, right in model.get("merges", ())]
        self._begun = self._of_merges() if recipe.algorithm == "bpe" else self._of_pieces()
        model["vocab"] = {token: number for number, token in enumerate(recipe.given_tokens)}
        model["merges"] = []
        self._blank = json.dumps(data)  # all but what was learned

    def at(self, size: int) -> Tokenizer:
        """The tokenizer that the recipe makes of the same texts at this size; RecipeError if too small."""
        if size >= len(self._tokens):
            return self._whole
        tokens = self._tokens[: max(self._begun, size)]
        check_result(replace(self._recipe, vocab_size=size), len(tokens))
        learned: dict[str, Any] = {"vocab": dict(zip(tokens, range(len(tokens)), strict=True))}
        if self._recipe.algorithm == "bpe":
            learned["merges"] = self._merges[: len(tokens) - self._begun]
        tokenizer = Tokenizer.from_str(self._blank)
        tokenizer.model = MODELS[self._recipe.algorithm](**learned, **self._options)
        return tokenizer

    def _of_merges(self) -> int:
        """How many tokens there were before the first merge."""
        whole = Merges(dict(zip(self._tokens, range(len(self._tokens)), strict=True)), self._merges)
        prefix = self._options.get("continuing_subword_prefix", "")
        return len(self._tokens) - len(
            truncate_merges(whole, len(self._tokens), continuing_subword_prefix=prefix).merges
        )

    def _of_pieces(self) -> int:
        """The same by the pieces alone: special tokens and single characters come before all merges."""
        prefix, special = self._options["continuing_subword_prefix"], len(self._recipe.given_tokens)
        letters = takewhile(lambda piece: len(piece.removeprefix(prefix)) <= 1, self._tokens[special:])
        return special + sum(1 for _ in letters)


@dataclass(frozen=True, kw_only=True, repr=False)
class Sweep(Result, kind="sweep", table="points"):
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
class TrainedSizes:
    """Tokenizers of one recipe by asked size; how many trainings they took, and why several."""

    tokenizers: dict[int, Tokenizer]
    too_small: tuple[int, ...]
    trainings: int
    why: str


def sweep(
    corpus: CorpusSource,
    recipe: RecipeSource = "bpe",
    sizes: Sequence[int] | str = DEFAULT_SIZES,
    *,
    held_out: CorpusSource | None = None,
    column: str | None = None,
    hidden: int = 768,
    keep: Sequence[int | str] = (),
    output: str | Path | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Sweep:
    """Train every size, measure each on the corpus, or on texts held out of it, and find the knee.

    `sizes` are numbers, or words such as "2000:64000:x2". `hidden` is the width of the embeddings, for their
    cost. The sizes in `keep`, or "all", are saved to folders of `output`. What can be known before reading is
    checked before: sizes, files, and where the kept ones go.

    >>> import tokbench as tb
    >>> found = tb.sweep(["the cat sat on the mat", "the cats sat on mats"] * 9, "bpe", sizes=[260, 265, 270])
    >>> [(point.reached, point.tokens) for point in found.points], found.trainings
    ([(260, 297), (265, 198), (270, 117)], 1)
    """
    sizes = read_sizes(sizes) if isinstance(sizes, str) else sizes
    saving = sizes_to_save(keep, output, force=force)
    recipe, sizes = resolve(recipe), sorted(sizes)
    _check(recipe, sizes)
    if saving:
        saving.check(sizes)
    texts = _opened(corpus, column, progress)
    evaluated = texts if held_out is None else _opened(held_out, column, progress)
    begun = time.perf_counter()
    family = train_sizes(recipe, texts, sizes, progress=progress)
    seconds = time.perf_counter() - begun
    facts, kept = texts.facts, _distinct(family.tokenizers)
    backends = [HfBackend(f"{size:,}", each) for size, each in kept.items()]
    size = None if evaluated.size is None else evaluated.size * len(backends)
    work = Work(backends, [None] * len(backends), size, progress)
    _, measured, _ = measure("texts", evaluated, work, CompareOptions(column=column))
    curve = points(list(kept), measured, hidden=hidden)
    return Sweep(
        algorithm=recipe.algorithm,
        corpus=facts,
        measured_on=evaluated.facts.sources,
        hidden=hidden,
        points=curve,
        recommendation=recommended(curve),
        too_small=family.too_small,
        beyond=tuple(size for size in family.tokenizers if size not in kept),
        trainings=family.trainings,
        why=family.why,
        training_seconds=seconds,
        kept=save_sizes(family.tokenizers, recipe, facts, saving) if saving else (),
    )


def train_sizes(
    recipe: Recipe, corpus: Corpus, sizes: Sequence[int], *, progress: Progress = silent
) -> TrainedSizes:
    """The tokenizer of each size, each as if it had been trained by itself."""
    largest = max(sizes)
    if recipe.algorithm not in MODELS:
        return _apart(
            recipe, corpus, sizes, f"{recipe.algorithm} does not nest: each size learns anew", progress
        )
    whole = build(replace(recipe, vocab_size=largest), corpus, size=corpus.size, progress=progress)
    try:
        cuttable = TruncatableVocab(whole, recipe)
    except RecipeError as error:
        return _apart(recipe, corpus, sizes, error.message, progress)
    found, too_small = {}, []
    for each in sorted(sizes):
        try:
            found[each] = cuttable.at(each)
        except RecipeError:
            too_small.append(each)
    return TrainedSizes(found, tuple(too_small), 1, "")


def _apart(
    recipe: Recipe, corpus: Corpus, sizes: Sequence[int], why: str, progress: Progress
) -> TrainedSizes:
    """Every size trained by itself; the largest first, for if that is too small, all are."""
    found, too_small = {}, []
    for each in sorted(sizes, reverse=True):
        try:
            found[each] = build(replace(recipe, vocab_size=each), corpus, size=corpus.size, progress=progress)
        except RecipeError:
            if not found:
                raise
            too_small.append(each)
    return TrainedSizes(dict(sorted(found.items())), tuple(sorted(too_small)), len(sizes), why)


def _check(recipe: Recipe, sizes: Sequence[int]) -> None:
    """RecipeError for a recipe that is not sound, or a size that it can never have."""
    assemble_for_training(replace(recipe, vocab_size=max(sizes)))
    for size in sizes:
        try:
            assemble(replace(recipe, vocab_size=size))
        except RecipeError as error:
            raise RecipeError(error.message, fix=f"leave {size} out of --sizes") from error


def _opened(source: CorpusSource, column: str | None, progress: Progress) -> Corpus:
    opened = as_corpus(source, column=column, progress=progress)
    if opened.size is None and not opened.sources:
        raise UsageError(
            "a sweep reads its corpus more than once, and an iterator can be read only once",
            fix="give a list of its texts",
        )
    if opened.size is None:
        raise FileError(
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
