"""Counts in a file: one parquet file of words, with the pipeline that made them and what was counted.

Columns: word, the UTF-8 of the word as the library spells it (ByteLevel's letters and Metaspace's sign
included), whichever engine counted it; count, the most frequent first, equally frequent ones by their bytes.
The same counts give the same bytes with the same versions of pyarrow, tokenizers and this package. Whatever
depends on how the texts were read is left out: neither dates nor folders nor the engine are told.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from tokbench import __version__
from tokbench.errors import FileError, RecipeError
from tokbench.io.atomic import atomic_file
from tokbench.io.extras import require
from tokbench.native.byte_alphabet import byte_characters
from tokbench.native.word_counter import CompiledCounts, order_words, sort_words
from tokbench.training.bpe_compiled import WordArrays, arrays_of_bytes
from tokbench.training.word_counts import CountedCorpus, PipelineRecord, WordCounts

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.int64]
AT_ONCE = 1 << 18  # words, or bytes, worked at in one go: what numpy makes on the way is many times as large


@dataclass(frozen=True, eq=False)
class PackedWords:
    """Words and their counts.

    utf8: the bytes of all words, one word after the other; lengths: how many each has; counts: how often each
    occurs.
    """

    utf8: Bytes
    lengths: Numbers
    counts: Numbers

    def __len__(self) -> int:
        """How many words there are."""
        return len(self.counts)

    @property
    def places(self) -> Numbers:
        """Start and end of each word, (words, 2)."""
        ends = np.cumsum(self.lengths, dtype=np.int64)
        return np.stack((ends - self.lengths, ends), axis=1)

    def words(self) -> Iterator[bytes]:
        """The words, one by one."""
        utf8 = self.utf8.tobytes()
        return (utf8[start:end] for start, end in self.places.tolist())

    def part(self, start: int, end: int) -> PackedWords:
        """The words from one number to another."""
        before, size = int(self.lengths[:start].sum()), int(self.lengths[start:end].sum())
        return PackedWords(self.utf8[before : before + size], self.lengths[start:end], self.counts[start:end])

    def take(self, numbers: Numbers) -> PackedWords:
        """The words of these numbers, in this order."""
        return gather_words(self.utf8, self.places[numbers], self.counts[numbers])

    def by_count(self) -> PackedWords:
        """The most frequent first, equally frequent ones by their bytes."""
        return self.take(order_words(self.utf8, self.places, self.counts))

    def by_word(self) -> PackedWords:
        """Sorted by the bytes of the words."""
        return self.take(sort_words(self.utf8, self.places, np.zeros_like(self.counts))[0])

    def word_counts(self) -> WordCounts:
        """The same as Python's strings and numbers."""
        counts = zip((word.decode() for word in self.words()), self.counts.tolist(), strict=True)
        return WordCounts(dict(counts))

    def arrays(self) -> WordArrays:
        """The same for the compiled learner."""
        return arrays_of_bytes(self.utf8, self.places, self.counts)


def packed_of_counts(counts: WordCounts) -> PackedWords:
    """Words counted in Python, in their order."""
    words = [word.encode() for word in counts.counts]
    return PackedWords(
        np.frombuffer(b"".join(words), np.uint8),
        np.fromiter(map(len, words), np.int64, len(words)),
        np.fromiter(counts.counts.values(), np.int64, len(words)),
    )


def packed_of_compiled(found: CompiledCounts) -> PackedWords:
    """Words that the compiled loops counted, in their order, as the library spells them."""
    words = gather_words(found.arena, found.places, found.counts)
    if found.bytewise:
        letters = np.array([ord(each) for each in byte_characters()], "<u2")
        cuts = [words.utf8[at : at + AT_ONCE] for at in range(0, len(words.utf8), AT_ONCE)]
        utf8 = b"".join(letters[cut].tobytes().decode("utf-16-le").encode() for cut in cuts)
        sizes = 1 + (letters >= 0x80)
    else:
        utf8 = words.utf8.tobytes().replace(b" ", found.blank.encode())
        sizes = np.ones(0x100, np.int64)
        sizes[ord(" ")] = len(found.blank.encode())
    starts = words.places[:, 0]  # no word is empty, which is what reduceat needs
    lengths = np.add.reduceat(sizes[words.utf8], starts, dtype=np.int64) if len(words) else words.lengths
    return PackedWords(np.frombuffer(utf8, np.uint8), lengths, found.counts)


def joined_words(several: Sequence[PackedWords]) -> PackedWords:
    """All of these words, one table after the other."""
    if len(several) == 1:
        return several[0]
    return PackedWords(
        np.concatenate([each.utf8 for each in several] or [np.zeros(0, np.uint8)]),
        np.concatenate([each.lengths for each in several] or [np.zeros(0, np.int64)]),
        np.concatenate([each.counts for each in several] or [np.zeros(0, np.int64)]),
    )


def summed(words: PackedWords) -> PackedWords:
    """Each word once, sorted by bytes, its counts added up."""
    order, group = sort_words(words.utf8, words.places, np.zeros_like(words.counts))
    first = np.flatnonzero(np.diff(group, prepend=-1))
    if len(first) == len(words):
        return words.take(order)
    once = words.take(order[first])
    return PackedWords(once.utf8, once.lengths, np.add.reduceat(words.counts[order], first))


def gather_words(arena: Bytes, places: Numbers, counts: Numbers) -> PackedWords:
    """The words at these places, one after the other."""
    lengths = places[:, 1] - places[:, 0]
    ends = np.cumsum(lengths, dtype=np.int64)
    utf8 = np.empty(int(lengths.sum()), np.uint8)
    for start, end in _portions(ends, len(utf8)):
        before = int(ends[start - 1]) if start else 0
        shift = places[start:end, 0] - (ends[start:end] - lengths[start:end])
        at = np.arange(before, ends[end - 1]) + np.repeat(shift, lengths[start:end])
        utf8[before : ends[end - 1]] = arena[at]
    return PackedWords(utf8, lengths, counts)


def _portions(ends: Numbers, size: int) -> Iterator[tuple[int, int]]:
    """Numbers of words from, to: about AT_ONCE bytes each."""
    cuts = np.searchsorted(ends, np.arange(AT_ONCE, size + AT_ONCE, AT_ONCE), side="right")
    borders = np.unique(np.concatenate(([0], cuts, [len(ends)]))).tolist()
    return pairwise(borders)


MAGIC = b"PAR1"
KEY = b"tokbench"  # of our facts among the file's own
ROWS = 1 << 17  # words in a row group; part of the format, since the bytes and the fingerprint depend on it
AGAIN = "count the corpus again: tokbench count CORPUS -o counts.parquet"


def groups(blocks: Iterable[PackedWords]) -> Iterator[PackedWords]:
    """The same words in groups of ROWS, however they come."""
    held: list[PackedWords] = []
    rows = 0
    for block in blocks:
        held.append(block)
        rows += len(block)
        if rows >= ROWS:
            whole = joined_words(held)
            full = rows - rows % ROWS
            yield from (whole.part(start, start + ROWS) for start in range(0, full, ROWS))
            held, rows = [whole.part(full, rows)], rows - full
    if rows:
        yield joined_words(held)


def _columns() -> Any:  # noqa: ANN401
    import pyarrow

    fields = [("word", pyarrow.string()), ("count", pyarrow.int64())]
    return pyarrow.schema([pyarrow.field(name, kind, nullable=False) for name, kind in fields])


def open_writer(file: Any) -> Any:  # noqa: ANN401
    """Neighbours in this order have the same count and like words, which these encodings make little of."""
    from pyarrow import parquet

    return parquet.ParquetWriter(
        file,
        _columns(),
        compression="zstd",
        use_dictionary=False,
        column_encoding={"word": "DELTA_BYTE_ARRAY", "count": "DELTA_BINARY_PACKED"},
        write_page_checksum=True,
    )


def row_group(group: PackedWords) -> Any:  # noqa: ANN401
    """A row group."""
    import pyarrow

    ends = np.cumsum(np.append(0, group.lengths)).astype("<i4")
    buffers = [None, pyarrow.py_buffer(ends), pyarrow.py_buffer(np.ascontiguousarray(group.utf8))]
    words = pyarrow.StringArray.from_buffers(len(group), *buffers[1:])
    return pyarrow.Table.from_arrays([words, pyarrow.array(group.counts)], schema=_columns())


def read_counts_file(path: Path, schema: str) -> tuple[Mapping[str, Any], PackedWords]:
    """The facts and the words in a file of this schema; ValueError when the facts are no JSON."""
    from pyarrow import parquet

    # opened here: pyarrow takes no name that is not UTF-8
    # and read without its threads: one that outlives the reading ends the program by SIGABRT (arrow #34314)
    reader = partial(parquet.ParquetFile, pre_buffer=False, page_checksum_verification=True)
    with path.open("rb") as opened, reader(opened) as file:
        written = (file.metadata.metadata or {}).get(KEY)
        facts = json.loads(written) if written else {}
        if facts.get("schema") != schema or not file.schema_arrow.equals(_columns()):
            raise FileError(f"{path} is parquet, but no file of counts of this version ({schema})", fix=AGAIN)
        parts = [
            _words(file.read_row_group(number, use_threads=False)) for number in range(file.num_row_groups)
        ]
    return facts, joined_words(parts)


def _words(table: Any) -> PackedWords:  # noqa: ANN401
    words, counts = (_whole(table.column(name)) for name in ("word", "count"))
    _, offsets, utf8 = words.buffers()
    ends = np.frombuffer(offsets, "<i4")[words.offset : words.offset + len(words) + 1].astype(np.int64)
    letters = np.frombuffer(utf8 or b"", np.uint8)[ends[0] : ends[-1]]
    numbers = np.frombuffer(counts.buffers()[1], "<i8")[counts.offset : counts.offset + len(counts)]
    return PackedWords(letters, np.diff(ends), numbers)


def _whole(column: Any) -> Any:  # noqa: ANN401
    """A column as one array; pyarrow's own way to numpy would import pandas."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


SCHEMA = "tokbench/counts/1"


@dataclass(frozen=True, eq=False)
class StoredCounts:
    """What a file of counts holds.

    min_count: words rarer than this were left out. fingerprint: the SHA-256 over the pipeline, all words and
    their counts; the same whatever the order of the texts and whoever counted.
    """

    words: PackedWords
    pipeline: PipelineRecord
    corpus: CountedCorpus
    min_count: int = 1
    fingerprint: str = ""

    def ensure_made_by(self, tokenizer: Tokenizer, *, fix: str) -> None:
        """RecipeError when the normalizer or the pre_tokenizer of this tokenizer makes other words."""
        wanted = PipelineRecord.of(tokenizer)
        for name in ("normalizer", "pre_tokenizer"):
            here, there = getattr(self.pipeline, name), getattr(wanted, name)
            if here != there:
                raise RecipeError(
                    f"these words were counted with the {name} {here}, and the recipe has {there}", fix=fix
                )

    def word_counts(self) -> WordCounts:
        """For the learner in Python."""
        return self.words.word_counts()

    def arrays(self) -> WordArrays:
        """For the compiled learner."""
        return self.words.arrays()


def stored(counts: WordCounts, tokenizer: Tokenizer) -> StoredCounts:
    """Words that were counted here, or by somebody: those as if this tokenizer's blocks had made them."""
    packed, pipeline = packed_of_counts(counts), counts.pipeline or PipelineRecord.of(tokenizer)
    corpus = counts.corpus or CountedCorpus(("words",), 0, 0, 0)
    return StoredCounts(packed, pipeline, corpus, counts.min_count, counts_fingerprint(packed, pipeline))


@dataclass(frozen=True)
class Saved:
    """A file of counts that was written: its different words, all words counted, its fingerprint."""

    words: int
    total: int
    fingerprint: str


def save_counts(
    blocks: Iterable[PackedWords],
    path: Path,
    pipeline: PipelineRecord,
    corpus: CountedCorpus,
    *,
    min_count: int = 1,
) -> Saved:
    """Write words that come in their final order; the file takes its place at the end, whole."""
    require("pyarrow", extra="data", what="a file of counts")
    digest, words, total = _digest(pipeline), 0, 0
    with atomic_file(path) as beside, beside.open("wb") as opened, open_writer(opened) as writer:
        for group in groups(blocks):
            _absorb(digest, group)
            words, total = words + len(group), total + int(group.counts.sum())
            writer.write_table(row_group(group))
        facts = {
            "schema": SCHEMA,
            "fingerprint": digest.hexdigest(),
            "normalizer": pipeline.normalizer,
            "pre_tokenizer": pipeline.pre_tokenizer,
            "corpus": asdict(corpus),
            "min_count": min_count,
            "versions": {"tokbench": __version__, "tokenizers": version("tokenizers")},
        }
        writer.add_key_value_metadata({KEY: json.dumps(facts, ensure_ascii=False).encode()})
    return Saved(words, total, digest.hexdigest())


def load_counts(path: Path) -> StoredCounts:
    """The counts in a file, every word and count looked at; a FileError when something is wrong with it."""
    require("pyarrow", extra="data", what="a file of counts")
    import pyarrow

    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise FileError(f"{path} is no file of counts: it is not parquet", fix=AGAIN)
        facts, words = read_counts_file(path, SCHEMA)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise FileError(f"there is no file {path}", fix=AGAIN) from error
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise FileError(f"{path} cannot be read, it is damaged: {reason}", fix=AGAIN) from error
    return _checked(path, facts, words)


def counts_fingerprint(words: PackedWords, pipeline: PipelineRecord) -> str:
    """The SHA-256 over a pipeline and the words it made, which are in their final order."""
    digest = _digest(pipeline)
    for group in groups([words]):
        _absorb(digest, group)
    return str(digest.hexdigest())


def _digest(pipeline: PipelineRecord) -> Any:  # noqa: ANN401  (hashlib has no name for it)
    return sha256("\n".join((SCHEMA, pipeline.normalizer, pipeline.pre_tokenizer, "")).encode())


def _absorb(digest: Any, group: PackedWords) -> None:  # noqa: ANN401
    for array in (group.lengths.astype("<u4"), group.counts.astype("<i8"), group.utf8):
        digest.update(array.tobytes())


def _checked(path: Path, facts: Mapping[str, Any], words: PackedWords) -> StoredCounts:
    """The counts, if they are what was written."""
    negative = words.counts[words.counts <= 0]
    if len(negative):
        raise FileError(f"{path} is damaged: a word occurs {negative[0]} times", fix=AGAIN)
    try:
        pipeline = PipelineRecord(facts["normalizer"], facts["pre_tokenizer"])
        corpus = facts["corpus"]
        sources = tuple(corpus["sources"])
        numbers = corpus["texts"], corpus["blank"], corpus["utf8_bytes"]
        stored = StoredCounts(
            words, pipeline, CountedCorpus(sources, *numbers), facts["min_count"], facts["fingerprint"]
        )
    except (KeyError, TypeError) as error:
        raise FileError(f"{path} is damaged: it does not tell what was counted", fix=AGAIN) from error
    if counts_fingerprint(words, pipeline) != stored.fingerprint:
        raise FileError(f"{path} is damaged: its words are not those that were written", fix=AGAIN)
    return stored
