"""A recipe trained on a corpus into a folder, with a record of what it was made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, overload

from tokenizers import Tokenizer

from tokbench import __version__
from tokbench.corpus.cleaned import CleaningSource, cleaned, refuse_cleaning
from tokbench.corpus.reading import CorpusFacts, CorpusSource, as_corpus
from tokbench.errors import UsageError
from tokbench.io.atomic import atomic_folder, ensure_writable
from tokbench.io.json_files import read_object
from tokbench.pretrained.folder import InMemoryFolder, TokenizerFolder, load, save_folder, tokenizer_text
from tokbench.pretrained.recipe_of import RecipeSource
from tokbench.pretrained.recipe_of import recipe as resolve
from tokbench.pretrained.special_tokens import special_tokens_of
from tokbench.pretrained.wrap import wrapper_config
from tokbench.progress import Progress, silent
from tokbench.recipes.build import (
    assemble_for_training,
    prepare,
    prepare_counted,
    train_counted,
    train_prepared,
)
from tokbench.recipes.recipe import Recipe, read_recipe, to_data, to_toml
from tokbench.results import Result
from tokbench.training.engine import check_threads
from tokbench.training.word_counts import WordCounts

if TYPE_CHECKING:
    from tokbench.training.counting.count_corpus import Counted
    from tokbench.training.counting.store import StoredCounts
    from tokbench.training.engine import EngineChoice

RECIPE, RECORD = "tokbench.toml", "tokbench.json"
NO_JSON = {"json": False}  # a library's object, which no JSON shows


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


@dataclass(frozen=True)
class Likeness:
    """What a tokenizer that was trained like another has of it.

    name: the other one. added: which of its tokens that were not learned were kept: keep, special or drop.
    dropped: how many were not; placeholders: how many of those kept are spelled as nothing in use.
    special_now: tokens that are special here, since they have a role. chat: the fate of its chat templates,
    "" for none. read: facts that its vocabulary tells of its training. guessed: those that no file tells.
    """

    name: str
    added: str
    dropped: int
    placeholders: int
    special_now: tuple[str, ...]
    chat: str
    read: tuple[str, ...]
    guessed: tuple[str, ...]


def record(
    tokenizer: Tokenizer,
    recipe: Recipe,
    corpus: CorpusFacts,
    counts: CountsFacts | None = None,
    column: str | None = None,
) -> Record:
    """The same tokenizer, recipe and corpus give the same text, on every day and in every folder."""
    sha256 = hashlib.sha256(tokenizer_text(tokenizer).encode()).hexdigest()
    facts = {
        "schema": "tokbench/record/1",
        "algorithm": recipe.algorithm,
        "vocab_size": {"asked": recipe.vocab_size, "reached": tokenizer.get_vocab_size()},
        "recipe_sha256": hashlib.sha256(to_toml(recipe).encode()).hexdigest(),
        "corpus": {**_corpus(corpus), **({"column": column} if column else {})},
        **({"counts": asdict(counts)} if counts else {}),
        "tokenizer_json_sha256": sha256,
        "versions": {"tokbench": __version__, "tokenizers": version("tokenizers")},
    }
    return Record(text=json.dumps(facts, indent=2, ensure_ascii=False) + "\n", sha256=sha256)


def training_of(folder: Path) -> dict[str, Any] | None:
    """What a folder records of its training, with the recipe as data under `recipe`; None for none.

    A grown folder has it from the one it was grown from.
    """
    if not (folder / RECORD).is_file():
        return None
    told = dict(read_object(folder / RECORD))
    if (folder / RECIPE).is_file() and "corpus" in told:
        return {**told, "recipe": to_data(read_recipe(folder / RECIPE))}
    found = told.get("trained")
    return dict(found) if isinstance(found, Mapping) else None


def _corpus(corpus: CorpusFacts) -> Mapping[str, Any]:
    """Names without their folders: the same corpus may lie elsewhere. Counts tell no sha256 of the texts."""
    facts = {
        "sources": [source.rpartition("/")[2] for source in corpus.sources],
        "texts": corpus.texts,
        "blank": corpus.blank,
        "utf8_bytes": corpus.utf8_bytes,
        **({"cleaning": dict(corpus.cleaning)} if corpus.cleaning else {}),
    }
    return facts | {"sha256": corpus.sha256} if corpus.sha256 else facts


@dataclass(frozen=True, kw_only=True, repr=False)
class Trained(Result, kind="trained"):
    """A tokenizer that was trained, and saved to `path` unless that is None.

    `asked` and `reached` are vocabulary sizes, special tokens included; a corpus can be too small to
    reach what was asked. `sha256` is that of tokenizer.json: the same corpus and recipe give the same.
    `engine` trained it, `why` says why that is not the compiled one; the result is the same.
    `counts`: the counted words it was trained from instead of texts; then `corpus.sha256` is not known, "".
    `like`: what it has of another tokenizer, from train_like.

    >>> trained = train(["the cat sat", "the cats"] * 9, "wordpiece", vocab_size=40)
    >>> trained.algorithm, trained.path, trained.special_tokens["[CLS]"], trained.corpus.texts
    ('wordpiece', None, 2, 18)
    """

    path: Path | None
    algorithm: str
    asked: int
    reached: int
    special_tokens: Mapping[str, int]
    corpus: CorpusFacts
    sha256: str
    engine: str
    why: str
    counts: CountsFacts | None = None
    like: Likeness | None = None
    tokenizer: Tokenizer = field(repr=False, metadata=NO_JSON)
    recipe: Recipe = field(repr=False, metadata=NO_JSON)
    config: Mapping[str, Any] = field(default_factory=dict, repr=False, metadata=NO_JSON)

    @cached_property
    def folder(self) -> TokenizerFolder:
        """The tokenizer with its files, as `load` gives it."""
        if self.path is not None:
            return load(self.path)
        return InMemoryFolder(self.algorithm, self.tokenizer, self.config)


def train(
    corpus: CorpusSource | WordCounts | StoredCounts | Counted = (),
    recipe: RecipeSource = "bpe",
    *,
    output: str | Path | None = None,
    column: str | None = None,
    clean: CleaningSource = (),
    counts: str | Path | None = None,
    vocab_size: int | None = None,
    special: Sequence[str] = (),
    engine: str = "auto",
    threads: int | None = None,
    force: bool = False,
    progress: Progress = silent,
    **choices: Any,  # noqa: ANN401  a choice is any value that TOML has
) -> Trained:
    """Train on the corpus, and save to `output` what AutoTokenizer loads, a recipe and a record beside it.

    `clean` are steps that the corpus goes through, as in prepare_corpus: words, or a Cleaning. Without
    `output` nothing is written. `counts`, a file of counted words, stands in for the corpus, and so does what
    count_words gave: the same tokenizer.json, unless rare words were left out when they were counted.
    `vocab_size`, `special` and `choices` change the recipe, as in `recipe`. `threads` count words (merges are
    learned in one), by default one of the compiled loops, and in the library one a core; the result is the
    same. Raises FileError before any work when the folder is taken, DataError for a corpus without texts,
    RecipeError for choices that do not fit, with each other or with the counts, UsageError for what does not
    go together.

    >>> trained = train(["the cat sat on the mat", "the cats sat"] * 9, "wordpiece", vocab_size=40)
    >>> trained.tokenizer.encode("the cats").tokens
    ['[CLS]', 'the', 'cats', '[SEP]']
    """
    check_threads(threads)
    chosen = resolve(recipe, vocab_size=vocab_size, special=special, **choices)
    counted = counted_source(corpus, column, counts)
    if counted is not None:
        refuse_cleaning(clean, "counted words are no texts to clean")
    out = None if output is None else Path(output)
    if out is not None:
        ensure_writable(out, force=force)
    if counted is not None:
        if threads is not None:
            raise UsageError("counted words are learned from in one thread", fix="leave out threads")
        return _from_counts(chosen, counted, out, engine=engine, force=force, progress=progress)
    texts = cleaned(as_corpus(cast(CorpusSource, corpus), column=column, progress=progress), clean)
    prepared = prepare(chosen, engine, size=texts.size, progress=progress)
    built = train_prepared(prepared, texts, threads=threads, progress=progress)
    return save_trained(
        built.tokenizer, chosen, texts.facts, out, choice=built.choice, column=column, force=force
    )


def default_output(source: str, kind: str) -> Path:
    """The folder of a training that names none: the first file and the algorithm.

    >>> default_output("texts/english.txt.gz", "bpe")
    PosixPath('english-bpe')
    """
    stem = "stdin" if source == "-" else Path(source).name.strip("*.").split(".")[0].replace("*", "")
    return Path(f"{stem or 'corpus'}-{kind}")


def counted_source(corpus: object, column: str | None, counts: object) -> object:
    """The counted words to learn from, or None for texts; UsageError unless there is one of them."""
    counted = corpus if isinstance(corpus, WordCounts) or hasattr(corpus, "min_count") else counts
    texts = not (isinstance(corpus, Sequence) and not len(corpus))
    if not texts and counts is None:
        raise UsageError("there is nothing to train on", fix="name a corpus, or counted words with --counts")
    if texts and counts is not None:
        first = corpus[0] if isinstance(corpus, list | tuple) else "the corpus"
        raise UsageError(
            "give either a corpus or --counts, not both", fix=f"leave out {first} or --counts {counts}"
        )
    if column is not None and counted is not None:
        raise UsageError("counts have no columns of texts", fix="leave out --column")
    return counted


def stored_counts(source: object, blocks: Callable[[], Tokenizer]) -> StoredCounts:
    """Counted words, a file of them or what wrote it; of words without a record these blocks made them."""
    from tokbench.training.counting import store  # a training from texts need not wait for it

    if isinstance(source, WordCounts):
        return store.stored(source, blocks())
    if isinstance(source, store.StoredCounts):
        return source
    return store.load_counts(Path(str(getattr(source, "path", source))))


def _from_counts(
    recipe: Recipe, source: object, out: Path | None, *, engine: str, force: bool, progress: Progress
) -> Trained:
    counts = stored_counts(source, partial(assemble_for_training, recipe))
    prepared = prepare_counted(recipe, counts, engine, progress=progress)
    tokenizer = train_counted(prepared, counts, progress=progress)
    told = counts.corpus
    corpus = CorpusFacts(told.sources, told.texts, told.blank, told.utf8_bytes, sha256="")
    facts = CountsFacts(counts.fingerprint, len(counts.words), counts.min_count)
    return save_trained(tokenizer, recipe, corpus, out, choice=prepared.choice, counts=facts, force=force)


@overload
def count_words(
    corpus: CorpusSource,
    recipe: RecipeSource = "bpe",
    *,
    output: None = None,
    column: str | None = None,
    clean: CleaningSource = (),
    cased: bool = False,
    min_count: int = 1,
    progress: Progress = silent,
    **options: Any,  # noqa: ANN401
) -> WordCounts: ...


@overload
def count_words(
    corpus: CorpusSource,
    recipe: RecipeSource = "bpe",
    *,
    output: str | Path,
    column: str | None = None,
    clean: CleaningSource = (),
    cased: bool = False,
    min_count: int = 1,
    force: bool = False,
    progress: Progress = silent,
    **options: Any,  # noqa: ANN401
) -> Counted: ...


def count_words(
    corpus: CorpusSource,
    recipe: RecipeSource = "bpe",
    *,
    output: str | Path | None = None,
    column: str | None = None,
    clean: CleaningSource = (),
    cased: bool = False,
    min_count: int = 1,
    force: bool = False,
    progress: Progress = silent,
    **options: Any,
) -> WordCounts | Counted:
    """Count the words that a recipe's normalizers and pre_tokenizers make of a corpus.

    `train` takes the result, WordCounts, in the place of a corpus. With `output` they are saved as a parquet
    file, for corpora of more words than memory holds; then the result, Counted, says what is in it. Words
    rarer than `min_count` are left out. `clean` are steps as in `train`. `options` are engine, memory (in
    bytes), workers and scheduler. Raises FileError when the file is there already and not `force`, DataError
    for a corpus without texts.

    >>> words = count_words(["the cat sat", "the cat"], "wordpiece")
    >>> words.counts
    {'cat': 2, 'the': 2, 'sat': 1}
    >>> train(words, "wordpiece", vocab_size=20).counts.words
    3
    """
    from tokbench.training.counting.count_corpus import CountOptions, count_corpus, count_in_memory

    tokenizer, ways = assemble_for_training(resolve(recipe, cased=cased)), CountOptions(**options)
    if ways.engine == "dask":
        refuse_cleaning(clean, "workers of dask read the files themselves")
    elif clean:
        corpus = cleaned(as_corpus(corpus, column=column, progress=progress), clean)
    if output is None:
        return count_in_memory(
            corpus, tokenizer, column=column, ways=ways, min_count=min_count, progress=progress
        )
    return count_corpus(
        corpus,
        tokenizer,
        Path(output),
        column=column,
        ways=ways,
        min_count=min_count,
        force=force,
        progress=progress,
    )


def save_trained(
    tokenizer: Tokenizer,
    recipe: Recipe,
    corpus: CorpusFacts,
    out: Path | None,
    *,
    choice: EngineChoice,
    counts: CountsFacts | None = None,
    column: str | None = None,
    force: bool = False,
) -> Trained:
    """A trained tokenizer, saved with its wrapper, recipe and record unless `out` is None."""
    config = wrapper_config(
        tokenizer, recipe.special_tokens, extra=recipe.extra_special_tokens, **dict(recipe.wrapper)
    )
    facts = record(tokenizer, recipe, corpus, counts, column)
    more = {RECIPE: to_toml(recipe), RECORD: facts.text}
    if out is not None:
        with atomic_folder(out, force=force) as folder:
            save_folder(tokenizer, config, folder, more=more)
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
        tokenizer=tokenizer,
        recipe=recipe,
        config=config,
    )
