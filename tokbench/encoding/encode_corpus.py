"""A corpus through a tokenizer into ids: arrays, or a file in memory that does not grow with the corpus."""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tokbench.corpus.reading import Corpus, CorpusSource, TextsCorpus, are_paths, as_corpus
from tokbench.corpus.sources import find_sources
from tokbench.encoding.encode_texts import EncodedTexts, RowShape, stream, stream_limited
from tokbench.encoding.id_files import FORMATS, IdArrays, IdFile, JsonLines
from tokbench.encoding.lengths import RowLengths, is_left, must_hold, pad_of
from tokbench.errors import DataError, UsageError, did_you_mean, plural
from tokbench.io.atomic import atomic_files
from tokbench.io.extras import require
from tokbench.io.library_errors import is_of_the_library
from tokbench.native.word_counter import texts_of
from tokbench.pretrained.folder import TokenizerFolder, TokenizerSource, load
from tokbench.progress import Progress, silent
from tokbench.results import Result
from tokbench.training.engine import EngineChoice

NO_JSON = {"json": False}  # arrays are for Python; files hold them for everybody else


@dataclass(frozen=True, kw_only=True, repr=False)
class EncodedCorpus(Result, kind="encoded-corpus"):
    """What became of a corpus: its texts and their tokens, how long it took and by which engine.

    texts: rows, each of them a whole text, however long. utf8_bytes: of the texts. dtype: of the ids in the
    files, "" in JSON lines. `why` says what kept the compiled engine from it. Without files, ids are all ids,
    int32 (tokens,), and starts, int64 (texts + 1,), say where each text begins and the last one ends: text i
    is ids[starts[i]:starts[i + 1]].
    """

    texts: int
    tokens: int
    utf8_bytes: int
    seconds: float
    engine: str
    why: str
    format: str
    dtype: str
    files: tuple[Path, ...]
    ids: NDArray[np.int32] | None = field(default=None, repr=False, compare=False, metadata=NO_JSON)
    starts: NDArray[np.int64] | None = field(default=None, repr=False, compare=False, metadata=NO_JSON)


def encode_corpus(
    tokenizer: TokenizerSource,
    corpus: CorpusSource,
    *,
    output: str | Path | BinaryIO | None = None,
    column: str | None = None,
    pair: CorpusSource | None = None,
    format: str = "",
    special: bool = True,
    max_length: int | None = None,
    truncation: str = "longest_first",
    truncation_side: str = "",
    padding: str = "",
    padding_side: str = "",
    pad_to_multiple_of: int | None = None,
    engine: str = "auto",
    threads: int | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> EncodedCorpus:
    """The ids of every text, as the library gives them: in arrays, or in a file, which appears when whole.

    Of objects every text is a row, blank and missing ones too (`column` names those of a table); of files
    every line or record that is not blank, whole however long it is. `output` ends in
    .jsonl, .npy, .bin or .arrow, or `format` says which; a stream gets JSON lines. `threads` work at the same
    time; None leaves that to the library, and is one for the compiled engine.

    `pair` gives each text its second one: in tables the name of their column, otherwise as many texts, or a
    file of as many lines; then blank lines are rows too. The lengths are those of encode; rows are padded to
    a length that is said, since the longest is known at the end only. Both are the library's work.

    UsageError for what cannot be encoded or written, DataError for a corpus without texts.

    >>> from tokenizers import Tokenizer, models
    >>> tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "cat": 1, "mat": 2}, "[UNK]"))
    >>> done = encode_corpus(tokenizer, ["cat", "mat"])
    >>> done.ids.tolist(), done.starts.tolist()
    ([1, 2], [0, 1, 2])
    """
    begun = time.perf_counter()
    out = Path(output) if isinstance(output, str) else output
    chosen = _format(out, format)
    folder, texts = load(tokenizer), as_corpus(corpus, column=column, progress=progress)
    dtype = np.dtype(np.int32) if out is None else _dtype(folder)
    lengths = RowLengths(
        max_length,
        truncation,
        truncation_side,
        padding=padding,
        padding_side=padding_side,
        multiple_of=pad_to_multiple_of,
    )
    seconds = None if pair is None else _second_texts(corpus, pair)
    how: dict[str, Any] = {"special": special, "threads": threads, "progress": partial(_tell, progress)}
    if seconds is None and lengths == RowLengths():
        encoded = stream(folder.untruncated, _rows(texts), engine=engine, size=texts.size, **how)
    else:
        shape = _shape(folder, lengths, engine, special=special, paired=seconds is not None)
        rows_of_texts = map(texts_of, _rows(texts)) if seconds is None else _pairs(texts, seconds)
        encoded = stream_limited(folder.tokenizer, rows_of_texts, shape, **how)
    files: list[Path] = []
    with _written(out, chosen, dtype, force=force, files=files) as sink:
        rows, tokens, choice = _pass_on(encoded, sink, folder, dtype)
    ids, starts = sink.arrays() if isinstance(sink, IdArrays) else (None, None)
    return EncodedCorpus(
        texts=rows,
        tokens=tokens,
        utf8_bytes=texts.facts.utf8_bytes,
        seconds=time.perf_counter() - begun,
        engine=choice.engine,
        why=choice.why,
        format=chosen,
        dtype="" if chosen in ("", "jsonl") else dtype.name,
        files=tuple(files),
        ids=ids,
        starts=starts,
    )


def _rows(texts: Corpus) -> Iterator[list[str] | bytes]:
    return texts.rows() if isinstance(texts, TextsCorpus) else texts.whole_texts()


def _shape(
    folder: TokenizerFolder, lengths: RowLengths, engine: str, *, special: bool, paired: bool
) -> RowShape:
    """How the library is to cut and fill up; UsageError where it cannot."""
    if engine == "compiled":
        raise UsageError("lengths and pairs are the library's work", fix="--engine auto")
    if lengths.padding == "longest":
        raise UsageError(
            "the longest row of a corpus is known at its end only",
            fix="--padding max_length --max-length 128",
        )
    must_hold(folder.tokenizer.num_special_tokens_to_add(paired) if special else 0, lengths)
    return RowShape(lengths, pad_of(folder, lengths), is_left(folder, lengths))


def _second_texts(corpus: CorpusSource, pair: CorpusSource) -> Corpus:
    """The second texts: in the same tables by the name of their column, else wherever `pair` says."""
    if isinstance(pair, str) and _are_tables(corpus):
        return as_corpus(corpus, column=pair)
    return as_corpus(pair)


def _are_tables(corpus: CorpusSource) -> bool:
    """Whether texts of this corpus stand in columns."""
    if isinstance(corpus, str | PathLike) or (isinstance(corpus, list | tuple) and are_paths(corpus)):
        paths = [corpus] if isinstance(corpus, str | PathLike) else corpus
        return all(source.format != "txt" for source in find_sources(paths))
    return hasattr(corpus, "column_names") or hasattr(corpus, "columns")


def _pairs(first: Corpus, second: Corpus) -> Iterator[list[tuple[str, str]]]:
    """Texts with their second ones, some at a time; DataError where one side has more."""
    others = chain.from_iterable(second.rows())
    done = 0
    for texts in first.rows():
        pairs = list(zip(texts, others, strict=False))
        done += len(pairs)
        if len(pairs) < len(texts):
            raise _uneven(f"there is no second text for text {done + 1:,}")
        yield pairs
    if next(others, None) is not None:
        raise _uneven(f"there are {plural(done, 'text')} and more second texts")


def _uneven(words: str) -> DataError:
    return DataError(words, fix="give as many second texts, in the same order: blank lines count")


def _format(output: Path | BinaryIO | None, asked: str) -> str:
    """The format to write, "" when no file is written."""
    if output is None:
        return ""
    if not isinstance(output, Path):
        if asked not in ("", "jsonl"):
            raise UsageError(f"{asked} needs a file to go to", fix="name one with -o, or take jsonl")
        return "jsonl"
    chosen = asked or output.suffix.removeprefix(".")
    if not chosen:
        raise UsageError(
            f"the name {output} does not say which format it is",
            fix=f"end it in one of {' '.join(f'.{name}' for name in FORMATS)}, or add --format",
        )
    if chosen not in FORMATS:
        raise UsageError(f"there is no format {chosen!r} for ids", fix=did_you_mean(chosen, FORMATS))
    if chosen == "arrow":
        require("pyarrow", extra="data", what="writing Arrow")
    return chosen


def _dtype(folder: TokenizerFolder) -> np.dtype[Any]:
    """The smaller of two types in which every id of the vocabulary fits."""
    highest = max(folder.tokenizer.get_vocab(with_added_tokens=True).values(), default=0)
    return np.dtype("<u2" if highest < 1 << 16 else "<u4")


def _tell(progress: Progress, stage: str, done: int, total: int | None) -> None:
    """Pass on what the corpus does not tell itself."""
    if stage != "encode":
        progress(stage, done, total)


def _pass_on(
    encoded: Iterator[EncodedTexts], sink: IdFile, folder: TokenizerFolder, dtype: np.dtype[Any]
) -> tuple[int, int, EngineChoice]:
    """Write all there is; how many texts and tokens, and who made them."""
    texts = tokens = 0
    choice = EngineChoice("library")
    try:
        for each in encoded:
            _must_fit(each, dtype, folder)
            sink.write(each)
            texts, tokens, choice = texts + len(each), tokens + len(each.ids), each.choice
    except BaseException as error:
        if not is_of_the_library(error):
            raise
        if str(error).startswith("Truncation error"):
            raise UsageError(
                "a row cannot be cut to its length: the text that gives tokens up has too few",
                fix="--truncation longest_first, or a greater --max-length",
            ) from error
        raise UsageError(
            f"{folder.name} cannot encode this corpus: {error}",
            fix=f"tokbench check {shlex.quote(folder.name)}",
        ) from error
    return texts, tokens, choice


def _must_fit(encoded: EncodedTexts, dtype: np.dtype[Any], folder: TokenizerFolder) -> None:
    highest = int(encoded.ids.max(initial=0))
    if highest > np.iinfo(dtype).max:  # a post-processor may name any id
        raise DataError(
            f"{folder.name} puts the id {highest} around texts, which no token has",
            fix=f"tokbench check {shlex.quote(folder.name)}",
        )


@contextlib.contextmanager
def _written(
    output: Path | BinaryIO | None, chosen: str, dtype: np.dtype[Any], *, force: bool, files: list[Path]
) -> Iterator[IdFile]:
    """What takes the ids, arrays for no output; files are put in their places at the end, and noted."""
    if output is None:
        yield IdArrays()
    elif isinstance(output, Path):
        with atomic_files(output, force=force) as (folder, written):
            sink = FORMATS[chosen](folder / output.name, dtype)
            try:
                yield sink
            finally:
                sink.close()
        files += written
    else:
        lines = JsonLines(output)
        yield lines
        lines.close()
