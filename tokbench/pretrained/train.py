"""A recipe trained on a corpus into a folder, with a record of what it was made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from tokbench import __version__
from tokbench.corpus.reading import CorpusFacts, open_corpus
from tokbench.errors import UsageError
from tokbench.io.atomic import atomic_folder, ensure_writable
from tokbench.pretrained.folder import save_folder, tokenizer_text
from tokbench.pretrained.special_tokens import special_tokens_of
from tokbench.pretrained.wrap import wrapper_config
from tokbench.progress import Progress, silent
from tokbench.recipes.build import prepare, prepare_counted, train_counted, train_prepared
from tokbench.recipes.recipe import Recipe, to_toml
from tokbench.training.engine import EngineChoice


@dataclass(frozen=True, kw_only=True)
class Record:
    """The text of tokbench.json, and the sha256 of the tokenizer.json beside it."""

    text: str
    sha256: str


@dataclass(frozen=True)
class CountsFacts:
    """The counts that a tokenizer was trained from.

    fingerprint: of the pipeline and all words; words: different ones; min_count: rarer ones were left out.
    """

    fingerprint: str
    words: int
    min_count: int


def record(
    tokenizer: Tokenizer, recipe: Recipe, corpus: CorpusFacts, counts: CountsFacts | None = None
) -> Record:
    """The same tokenizer, recipe and corpus give the same text, on every day and in every folder."""
    sha256 = hashlib.sha256(tokenizer_text(tokenizer).encode()).hexdigest()
    facts = {
        "schema": "tokbench/record/1",
        "algorithm": recipe.algorithm,
        "vocab_size": {"asked": recipe.vocab_size, "reached": tokenizer.get_vocab_size()},
        "corpus": _corpus(corpus),
        **({"counts": asdict(counts)} if counts else {}),
        "tokenizer_json_sha256": sha256,
        "versions": {"tokbench": __version__, "tokenizers": version("tokenizers")},
    }
    return Record(text=json.dumps(facts, indent=2, ensure_ascii=False) + "\n", sha256=sha256)


def _corpus(corpus: CorpusFacts) -> Mapping[str, Any]:
    """Names without their folders: the same corpus may lie elsewhere. Counts tell no sha256 of the texts."""
    facts = {
        "sources": [source.rpartition("/")[2] for source in corpus.sources],
        "texts": corpus.texts,
        "blank": corpus.blank,
        "utf8_bytes": corpus.utf8_bytes,
    }
    return facts | {"sha256": corpus.sha256} if corpus.sha256 else facts


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
    algorithm. Raises FileError before any work when the folder is taken, DataError for a corpus without
    texts, RecipeError for choices that do not fit, with each other or with the counts.
    """
    _refuse_both(corpus, column, counts)
    out = output or Path(f"{_stem(str(counts or corpus[0]))}-{recipe.algorithm}")
    ensure_writable(out, force=force)
    if counts is not None:
        return _from_counts(recipe, counts, out, engine=engine, force=force, progress=progress)
    texts = open_corpus(corpus, column=column, progress=progress)
    prepared = prepare(recipe, engine, size=texts.size, progress=progress)
    tokenizer = train_prepared(prepared, texts, progress=progress)
    return save_trained(tokenizer, recipe, texts.facts, out, choice=prepared.choice, force=force)


def _refuse_both(corpus: Sequence[str], column: str | None, counts: Path | None) -> None:
    """UsageError unless there is one thing to train on."""
    if not corpus and counts is None:
        raise UsageError("there is nothing to train on", fix="name a corpus, or counted words with --counts")
    if corpus and counts is not None:
        raise UsageError(
            "give either a corpus or --counts, not both", fix=f"leave out {corpus[0]} or --counts {counts}"
        )
    if column is not None and counts is not None:
        raise UsageError("counts have no columns of texts", fix="leave out --column")


def _from_counts(
    recipe: Recipe, file: Path, out: Path, *, engine: str, force: bool, progress: Progress
) -> Trained:
    from tokbench.training.counting import store  # a training from texts need not wait for it

    counts = store.load_counts(file)
    prepared = prepare_counted(recipe, counts, engine, progress=progress)
    tokenizer = train_counted(prepared, counts, progress=progress)
    told = counts.corpus
    corpus = CorpusFacts(told.sources, told.texts, told.blank, told.utf8_bytes, sha256="")
    facts = CountsFacts(counts.fingerprint, len(counts.words), counts.min_count)
    return save_trained(tokenizer, recipe, corpus, out, choice=prepared.choice, counts=facts, force=force)


def save_trained(
    tokenizer: Tokenizer,
    recipe: Recipe,
    corpus: CorpusFacts,
    out: Path,
    *,
    choice: EngineChoice,
    counts: CountsFacts | None = None,
    force: bool = False,
) -> Trained:
    """Save a trained tokenizer with its wrapper, recipe and record."""
    config = wrapper_config(
        tokenizer, recipe.special_tokens, extra=recipe.extra_special_tokens, **dict(recipe.wrapper)
    )
    facts = record(tokenizer, recipe, corpus, counts)
    with atomic_folder(out, force=force) as folder:
        save_folder(
            tokenizer, config, folder, more={"tokbench.toml": to_toml(recipe), "tokbench.json": facts.text}
        )
    return Trained(
        path=out,
        algorithm=recipe.algorithm,
        asked=recipe.vocab_size,
        reached=tokenizer.get_vocab_size(),
        special_tokens=special_tokens_of(tokenizer),
        corpus=corpus,
        sha256=facts.sha256,
        engine=choice.engine,
        why=choice.why,
        counts=counts,
    )


def _stem(source: str) -> str:
    if source == "-":
        return "stdin"
    stem = Path(source).name.strip("*.").split(".")[0].replace("*", "")
    return stem or "corpus"
