"""A corpus through a tokenizer into ids: arrays, or a file in memory that does not grow with the corpus."""

from __future__ import annotations

import contextlib
import json
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from tokbench.corpus.reading import CorpusSource, TextsCorpus, as_corpus
from tokbench.errors import DataError, UsageError, did_you_mean
from tokbench.io.atomic import atomic_files
from tokbench.io.extras import require
from tokbench.io.library_errors import is_of_the_library
from tokbench.native.ragged import concatenated
from tokbench.pretrained.encode_texts import EncodedTexts, stream
from tokbench.pretrained.folder import TokenizerFolder, TokenizerSource, load
from tokbench.progress import Progress, silent
from tokbench.results import Result
from tokbench.training.engine import EngineChoice

STARTS = np.dtype("<i8")
MOST_IDS = 1 << 20  # that are written as text in one go
NO_JSON = {"json": False}  # arrays are for Python; files hold them for everybody else


class IdFile(Protocol):
    """Takes ids as they come; whole once it is closed."""

    def write(self, encoded: EncodedTexts) -> None:
        """Add texts."""

    def close(self) -> None:
        """Write what is known only at the end."""


class JsonLines:
    """One object a line: {"ids": [1, 2]}."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, encoded: EncodedTexts) -> None:
        """Add texts."""
        if len(encoded.ids) > MOST_IDS:
            for row in range(len(encoded)):
                self._row(encoded[row])
            return
        ids = encoded.ids.tolist()  # a list of numbers looks the same in Python and in JSON
        lines = [f'{{"ids": {ids[start:end]}}}\n' for start, end in pairwise(encoded.starts.tolist())]
        self._stream.write("".join(lines).encode())

    def _row(self, ids: NDArray[Any]) -> None:
        """Add one text of any length, some of its ids at a time."""
        self._stream.write(b'{"ids": [')
        for start in range(0, len(ids), MOST_IDS):
            comma = ", " if start else ""
            self._stream.write((comma + str(ids[start : start + MOST_IDS].tolist())[1:-1]).encode())
        self._stream.write(b"]}\n")

    def close(self) -> None:
        """Write what is in the stream's buffer; the stream stays open."""
        self._stream.flush()


class IdFiles:
    """All ids one after the other, and beside them where each text begins, with the end of the last."""

    def __init__(self, ids: BinaryIO, starts: BinaryIO, dtype: np.dtype[Any]) -> None:
        self._ids, self._starts, self._dtype = ids, starts, dtype
        self._texts, self._tokens = 0, 0
        self._starts.write(np.zeros(1, STARTS).tobytes())

    def write(self, encoded: EncodedTexts) -> None:
        """Add texts."""
        self._ids.write(encoded.ids.astype(self._dtype).data)
        self._starts.write((encoded.starts[1:] + self._tokens).astype(STARTS).data)
        self._tokens += len(encoded.ids)
        self._texts += len(encoded)

    @property
    def sizes(self) -> tuple[int, int]:
        """How many ids and how many starts there are."""
        return self._tokens, self._texts + 1

    def close(self) -> None:
        """End both files."""
        self._ids.close()
        self._starts.close()


class Bin(IdFiles):
    """Raw numbers: NAME.bin, NAME.starts.bin, and in NAME.json what they are."""

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        self._path, starts = path, path.with_suffix(".starts.bin")
        super().__init__(path.open("wb"), starts.open("wb"), dtype)

    def close(self) -> None:
        """End both files and describe them."""
        super().close()
        facts = {
            "ids": self._path.name,
            "dtype": self._dtype.name,
            "tokens": self._tokens,
            "starts": self._path.with_suffix(".starts.bin").name,
            "starts_dtype": STARTS.name,
            "texts": self._texts,
            "byteorder": "little",
        }
        text = json.dumps(facts, indent=2) + "\n"
        self._path.with_suffix(".json").write_text(text, encoding="utf-8", newline="\n")


class Npy(IdFiles):
    """Arrays of numpy: NAME.npy and NAME.starts.npy, which numpy.load can map into memory."""

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        files = [(path.open("wb"), dtype), (path.with_suffix(".starts.npy").open("wb"), STARTS)]
        for file, kind in files:
            _write_head(file, kind, 0)
        super().__init__(files[0][0], files[1][0], dtype)

    def close(self) -> None:
        """Write the sizes into the heads, for which numpy leaves room, and end both files."""
        heads = zip((self._ids, self._starts), (self._dtype, STARTS), self.sizes, strict=True)
        for file, dtype, size in heads:
            file.seek(0)
            _write_head(file, dtype, size)
        super().close()


def _write_head(file: BinaryIO, dtype: np.dtype[Any], size: int) -> None:
    head = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (size,)}
    np.lib.format.write_array_header_1_0(file, head)


class Arrow:
    """A stream of Arrow with a column of lists, `ids`, as the datasets library reads and maps it."""

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        import pyarrow as pa

        self._pa, self._dtype = pa, dtype
        self._schema = pa.schema([("ids", pa.list_(pa.from_numpy_dtype(dtype)))])
        self._writer = pa.ipc.new_stream(str(path), self._schema)

    def write(self, encoded: EncodedTexts) -> None:
        """Add texts."""
        starts: NDArray[np.int32] = encoded.starts.astype(np.int32)
        ids = self._pa.ListArray.from_arrays(starts, encoded.ids.astype(self._dtype))
        self._writer.write_batch(self._pa.record_batch([ids], schema=self._schema))

    def close(self) -> None:
        """End the stream."""
        self._writer.close()


class _JsonLinesFile(JsonLines):
    """JSON lines in a file of their own."""

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        super().__init__(path.open("wb"))

    def close(self) -> None:
        """End the file."""
        self._stream.close()


class IdArrays:
    """Arrays in memory, while they grow."""

    def __init__(self) -> None:
        self._parts: list[EncodedTexts] = []

    def write(self, encoded: EncodedTexts) -> None:
        """Add texts."""
        self._parts.append(encoded)

    def close(self) -> None:
        """There is nothing to end."""

    def arrays(self) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """All ids (tokens,), and where each text starts and the last one ends (texts + 1,)."""
        whole = concatenated(self._parts)
        return whole.ids.astype(np.int32), whole.starts


FORMATS: dict[str, Callable[[Path, np.dtype[Any]], IdFile]] = {
    "jsonl": _JsonLinesFile,
    "npy": Npy,
    "bin": Bin,
    "arrow": Arrow,
}


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
    format: str = "",
    special: bool = True,
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
    encoded = stream(
        folder.untruncated,
        texts.rows() if isinstance(texts, TextsCorpus) else texts.whole_texts(),
        special=special,
        engine=engine,
        size=texts.size,
        threads=threads,
        progress=lambda stage, done, total=None: _tell(progress, stage, done, total),
    )
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
