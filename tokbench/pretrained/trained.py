"""From a recipe and a corpus to a folder, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from tokbench.blocks.build import prepare, prepare_counted, train, train_counted
from tokbench.blocks.recipe import Recipe, to_toml
from tokbench.corpus.reading import CorpusFacts, open_corpus
from tokbench.errors import AskedWrongly
from tokbench.pretrained.folder import ensure_free, replacing, save
from tokbench.pretrained.record import CountsFacts, record
from tokbench.pretrained.special_tokens import special_tokens_of
from tokbench.pretrained.wrap import wrapper_config
from tokbench.progress import Progress, silent
from tokbench.training.roads import WORTH, Road


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A tokenizer that was trained and saved.

    `asked` and `reached` are vocabulary sizes, special tokens included; a corpus can be too small to
    reach what was asked. `sha256` is that of tokenizer.json: the same corpus and recipe give the same.
    `engine` trained it, `why` says why that is not the compiled one; the result is the same.
    `counts`: the counted words it was trained from instead of texts; then `corpus.sha256` is not known, "".
    """

    path: Path
    algorithm: str
    asked: int
    reached: int
    special_tokens: Mapping[str, int]
    corpus: CorpusFacts
    sha256: str
    engine: str
    why: str
    counts: CountsFacts | None = None


def train_folder(
    recipe: Recipe,
    corpus: Sequence[str],
    output: Path | None = None,
    *,
    column: str | None = None,
    counts: Path | None = None,
    engine: str = "auto",
    force: bool = False,
    progress: Progress = silent,
) -> Trained:
    """Train on the corpus and save what AutoTokenizer loads, with the recipe and a record beside it.

    `counts`, a file of counted words, stands in for the corpus: the same tokenizer.json, unless rare words
    were left out when they were counted. Without `output` the folder is named after the first file and the
    algorithm. Raises FileProblem before any work when the folder is taken, DataProblem for a corpus without
    texts, RecipeProblem for choices that do not fit, with each other or with the counts.
    """
    _refuse_both(corpus, column, counts)
    out = output or Path(f"{_stem(str(counts or corpus[0]))}-{recipe.algorithm}")
    ensure_free(out, force=force)
    if counts is not None:
        return _from_counts(recipe, counts, out, engine=engine, force=force, progress=progress)
    texts = open_corpus(corpus, column=column, progress=progress)
    size = WORTH if texts.size is None else texts.size
    prepared = prepare(recipe, engine, size=size, progress=progress)
    tokenizer = train(prepared, texts, progress=progress)
    return save_trained(tokenizer, recipe, texts.facts, out, road=prepared.road, force=force)


def _refuse_both(corpus: Sequence[str], column: str | None, counts: Path | None) -> None:
    """AskedWrongly unless there is one thing to train on."""
    if not corpus and counts is None:
        raise AskedWrongly(
            "there is nothing to train on", fix="name a corpus, or counted words with --counts"
        )
    if corpus and counts is not None:
        raise AskedWrongly(
            f"{corpus[0]} and the counts in {counts} are two things to train on", fix="leave out one of them"
        )
    if column is not None and counts is not None:
        raise AskedWrongly("counts have no columns of texts", fix="leave out --column")


def _from_counts(
    recipe: Recipe, file: Path, out: Path, *, engine: str, force: bool, progress: Progress
) -> Trained:
    from tokbench.training import stored  # a training from texts need not wait for it

    counts = stored.load(file)
    prepared = prepare_counted(recipe, counts, engine, progress=progress)
    tokenizer = train_counted(prepared, counts, progress=progress)
    told = counts.corpus
    corpus = CorpusFacts(told.sources, told.texts, told.blank, told.utf8_bytes, sha256="")
    facts = CountsFacts(counts.fingerprint, len(counts.words), counts.min_count)
    return save_trained(tokenizer, recipe, corpus, out, road=prepared.road, counts=facts, force=force)


def save_trained(
    tokenizer: Tokenizer,
    recipe: Recipe,
    corpus: CorpusFacts,
    out: Path,
    *,
    road: Road,
    counts: CountsFacts | None = None,
    force: bool = False,
) -> Trained:
    """Save a trained tokenizer with its wrapper, recipe and record."""
    config = wrapper_config(
        tokenizer, recipe.special_tokens, extra=recipe.extra_special_tokens, **dict(recipe.wrapper)
    )
    facts = record(tokenizer, recipe, corpus, counts)
    with replacing(out, force=force) as folder:
        save(tokenizer, config, folder, more={"tokbench.toml": to_toml(recipe), "tokbench.json": facts.text})
    return Trained(
        path=out,
        algorithm=recipe.algorithm,
        asked=recipe.vocab_size,
        reached=tokenizer.get_vocab_size(),
        special_tokens=special_tokens_of(tokenizer),
        corpus=corpus,
        sha256=facts.sha256,
        engine=road.engine,
        why=road.why,
        counts=counts,
    )


def _stem(source: str) -> str:
    if source == "-":
        return "stdin"
    stem = Path(source).name.strip("*.").split(".")[0].replace("*", "")
    return stem or "corpus"
