"""Counts in a file: one parquet file of words, with the pipeline that made them and what was counted.

Columns: word, the UTF-8 of the word as the library spells it (ByteLevel's letters and Metaspace's sign
included), whichever engine counted it; count, the most frequent first, equally frequent ones by their bytes.
The same counts give the same bytes with the same versions of pyarrow, tokenizers and this package. Whatever
depends on how the texts were read is left out: neither dates nor folders nor the engine are told.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from tokbench import __version__
from tokbench.errors import AskedWrongly, FileProblem, RecipeProblem
from tokbench.training import wordfile
from tokbench.training.counts import WordCounts
from tokbench.training.learner_words import WordArrays
from tokbench.training.placing import written_whole
from tokbench.training.spelled import Spelled, joined, summed
from tokbench.training.wordfile import AGAIN, groups

SCHEMA = "tokbench/counts/1"


@dataclass(frozen=True)
class Pipeline:
    """What made words of texts: the JSON of normalizer and pre_tokenizer, "null" where there is none."""

    normalizer: str
    pre_tokenizer: str

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Pipeline:
        """The pipeline of a tokenizer; its model plays no part."""
        return cls(_json(tokenizer.normalizer), _json(tokenizer.pre_tokenizer))


@dataclass(frozen=True)
class CountedCorpus:
    """What was counted: names of sources without folders, texts, blank ones left out, bytes of the others."""

    sources: tuple[str, ...]
    texts: int
    blank: int
    utf8_bytes: int


@dataclass(frozen=True, eq=False)
class StoredCounts:
    """What a file of counts holds.

    min_count: words rarer than this were left out. fingerprint: the SHA-256 over the pipeline, all words and
    their counts; the same whatever the order of the texts and whoever counted.
    """

    words: Spelled
    pipeline: Pipeline
    corpus: CountedCorpus
    min_count: int = 1
    fingerprint: str = ""

    def ensure_made_by(self, tokenizer: Tokenizer, *, fix: str) -> None:
        """RecipeProblem when the normalizer or the pre_tokenizer of this tokenizer makes other words."""
        wanted = Pipeline.of(tokenizer)
        for name in ("normalizer", "pre_tokenizer"):
            here, there = getattr(self.pipeline, name), getattr(wanted, name)
            if here != there:
                raise RecipeProblem(
                    f"these words were counted with the {name} {here}, and the recipe has {there}", fix=fix
                )

    def word_counts(self) -> WordCounts:
        """For the learner in Python."""
        return self.words.word_counts()

    def arrays(self) -> WordArrays:
        """For the compiled learner."""
        return self.words.arrays()


@dataclass(frozen=True)
class Saved:
    """A file of counts that was written: its different words, all words counted, its fingerprint."""

    words: int
    total: int
    fingerprint: str


def save(
    blocks: Iterable[Spelled], path: Path, pipeline: Pipeline, corpus: CountedCorpus, *, min_count: int = 1
) -> Saved:
    """Write words that come in their final order; the file takes its place at the end, whole."""
    wordfile.need_pyarrow()
    digest, words, total = _digest(pipeline), 0, 0
    with written_whole(path) as beside, wordfile.writer(beside) as writer:
        for group in groups(blocks):
            _absorb(digest, group)
            words, total = words + len(group), total + int(group.counts.sum())
            writer.write_table(wordfile.table(group))
        facts = {
            "schema": SCHEMA,
            "fingerprint": digest.hexdigest(),
            "normalizer": pipeline.normalizer,
            "pre_tokenizer": pipeline.pre_tokenizer,
            "corpus": asdict(corpus),
            "min_count": min_count,
            "versions": {"tokbench": __version__, "tokenizers": version("tokenizers")},
        }
        writer.add_key_value_metadata({wordfile.KEY: json.dumps(facts, ensure_ascii=False).encode()})
    return Saved(words, total, digest.hexdigest())


def load(path: Path) -> StoredCounts:
    """The counts in a file, every word and count looked at; a FileProblem when something is wrong with it."""
    wordfile.need_pyarrow()
    import pyarrow

    try:
        with path.open("rb") as file:
            if file.read(len(wordfile.MAGIC)) != wordfile.MAGIC:
                raise FileProblem(f"{path} is no file of counts: it is not parquet", fix=AGAIN)
        facts, words = wordfile.read(path, SCHEMA)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise FileProblem(f"there is no file {path}", fix=AGAIN) from error
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise FileProblem(f"{path} cannot be read, it is damaged: {reason}", fix=AGAIN) from error
    return _checked(path, facts, words)


def fingerprint(words: Spelled, pipeline: Pipeline) -> str:
    """The SHA-256 over a pipeline and the words it made, which are in their final order."""
    digest = _digest(pipeline)
    for group in groups([words]):
        _absorb(digest, group)
    return str(digest.hexdigest())


def merge(several: Sequence[StoredCounts]) -> StoredCounts:
    """One from several of the same pipeline: as if all texts had been counted at once."""
    first, *others = several
    for other in others:
        _refuse_other_pipeline(first.pipeline, other.pipeline)
    for each in several:
        if each.min_count > 1:
            raise AskedWrongly(
                f"words rarer than {each.min_count} were left out of {_named(each)}, so sums would be wrong",
                fix="count it again without --min-count",
            )
    words = summed(joined([each.words for each in several])).by_count()
    corpora = [each.corpus for each in several]
    corpus = CountedCorpus(
        tuple(chain.from_iterable(each.sources for each in corpora)),
        sum(each.texts for each in corpora),
        sum(each.blank for each in corpora),
        sum(each.utf8_bytes for each in corpora),
    )
    return StoredCounts(words, first.pipeline, corpus, 1, fingerprint(words, first.pipeline))


def _json(block: Any) -> str:  # noqa: ANN401  (a Normalizer or a PreTokenizer)
    """A block's JSON in one fixed spelling; those written in Python have none."""
    try:
        state = "null" if block is None else block.__getstate__()
    except Exception as error:  # the library raises nothing narrower
        raise RecipeProblem(
            f"a block of this pipeline cannot be written as JSON: {error}",
            fix="use the library's own blocks instead of custom ones",
        ) from error
    return json.dumps(json.loads(state), ensure_ascii=False, sort_keys=True)


def _digest(pipeline: Pipeline) -> Any:  # noqa: ANN401  (hashlib has no name for it)
    return sha256("\n".join((SCHEMA, pipeline.normalizer, pipeline.pre_tokenizer, "")).encode())


def _absorb(digest: Any, group: Spelled) -> None:  # noqa: ANN401
    for array in (group.lengths.astype("<u4"), group.counts.astype("<i8"), group.utf8):
        digest.update(array.tobytes())


def _checked(path: Path, facts: Mapping[str, Any], words: Spelled) -> StoredCounts:
    """The counts, if they are what was written."""
    negative = words.counts[words.counts <= 0]
    if len(negative):
        raise FileProblem(f"{path} is damaged: a word occurs {negative[0]} times", fix=AGAIN)
    try:
        pipeline = Pipeline(facts["normalizer"], facts["pre_tokenizer"])
        corpus = facts["corpus"]
        sources = tuple(corpus["sources"])
        numbers = corpus["texts"], corpus["blank"], corpus["utf8_bytes"]
        stored = StoredCounts(
            words, pipeline, CountedCorpus(sources, *numbers), facts["min_count"], facts["fingerprint"]
        )
    except (KeyError, TypeError) as error:
        raise FileProblem(f"{path} is damaged: it does not tell what was counted", fix=AGAIN) from error
    if fingerprint(words, pipeline) != stored.fingerprint:
        raise FileProblem(f"{path} is damaged: its words are not those that were written", fix=AGAIN)
    return stored


def _refuse_other_pipeline(one: Pipeline, other: Pipeline) -> None:
    for name in ("normalizer", "pre_tokenizer"):
        here, there = getattr(one, name), getattr(other, name)
        if here != there:
            raise AskedWrongly(
                f"these counts have different {name}s, so their words cannot be added up: {here} and {there}",
                fix="count both corpora with the same recipe",
            )


def _named(counts: StoredCounts) -> str:
    return ", ".join(counts.corpus.sources)
