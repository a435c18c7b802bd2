"""From a recipe and a corpus to a folder, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from tokbench.blocks.build import build, way
from tokbench.blocks.recipe import Recipe, to_toml
from tokbench.corpus.reading import CorpusFacts, open_corpus
from tokbench.pretrained.folder import ensure_free, replacing, save
from tokbench.pretrained.record import record
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


def train_folder(
    recipe: Recipe,
    corpus: Sequence[str],
    output: Path | None = None,
    *,
    column: str | None = None,
    engine: str = "auto",
    force: bool = False,
    progress: Progress = silent,
) -> Trained:
    """Train on the corpus and save what AutoTokenizer loads, with the recipe and a record beside it.

    Without `output` the folder is named after the first file and the algorithm. Raises FileProblem
    before any work when the folder is taken, DataProblem for a corpus without texts, RecipeProblem for
    choices that do not fit.
    """
    out = output or Path(f"{_stem(corpus[0])}-{recipe.algorithm}")
    ensure_free(out, force=force)
    texts = open_corpus(corpus, column=column, progress=progress)
    road = way(recipe, engine, size=WORTH if texts.size is None else texts.size)
    tokenizer = build(recipe, texts, engine=road.engine, progress=progress)
    return save_trained(tokenizer, recipe, texts.facts, out, road=road, force=force)


def save_trained(
    tokenizer: Tokenizer, recipe: Recipe, corpus: CorpusFacts, out: Path, *, road: Road, force: bool = False
) -> Trained:
    """Save a trained tokenizer with its wrapper, recipe and record."""
    config = wrapper_config(
        tokenizer, recipe.special_tokens, extra=recipe.extra_special_tokens, **dict(recipe.wrapper)
    )
    facts = record(tokenizer, recipe, corpus)
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
    )


def _stem(source: str) -> str:
    if source == "-":
        return "stdin"
    stem = Path(source).name.strip("*.").split(".")[0].replace("*", "")
    return stem or "corpus"
