"""A corpus through a tokenizer into a file of ids, text by text, in memory that does not grow with it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tokbench.corpus.reading import Corpus
from tokbench.errors import AskedWrongly, DataProblem, FileProblem, OutOfRoom, did_you_mean
from tokbench.pretrained.edge import is_of_the_library
from tokbench.pretrained.folder import TokenizerFolder
from tokbench.pretrained.id_files import FORMATS, IdFile, JsonLines, need_packages
from tokbench.pretrained.orphans import sweep, temporary_beside
from tokbench.pretrained.place import ELSEWHERE
from tokbench.pretrained.swap import FULL
from tokbench.progress import Progress, silent
from tokbench.training.encoding import EncodedTexts, stream
from tokbench.training.roads import WORTH, Road


@dataclass(frozen=True, kw_only=True)
class EncodedCorpus:
    """What became of a corpus: its texts and their tokens, how long it took and by which engine.

    texts: as they were encoded, so that one beyond 65,536 characters counts as its pieces. utf8_bytes: of the
    texts. dtype: of the ids in the files, "" in JSON lines. `why` says what kept the compiled engine from it.
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


def encode_corpus(
    folder: TokenizerFolder,
    corpus: Corpus,
    output: Path | BinaryIO | None = None,
    *,
    format: str = "",
    special: bool = True,
    engine: str = "auto",
    threads: int = 1,
    force: bool = False,
    progress: Progress = silent,
) -> EncodedCorpus:
    """Write the ids of every text: to a file, which appears when it is whole, to a stream, or nowhere.

    The format is that of the file's suffix unless it is given; a stream gets JSON lines. The other arguments
    are those of training.encoding.stream.
    """
    begun = time.perf_counter()
    chosen = _format(output, format)
    tokenizer, dtype = folder.tokenizer, _dtype(folder)
    encoded = stream(
        tokenizer,
        corpus.blocks(),
        special=special,
        engine=engine,
        size=WORTH if corpus.size is None else corpus.size,
        threads=threads,
        progress=lambda stage, done, total=None: _tell(progress, stage, done, total),
    )
    files: list[Path] = []
    with _written(output, chosen, dtype, force=force, files=files) as sink:
        texts, tokens, road = _pass_on(encoded, sink, folder, dtype)
    return EncodedCorpus(
        texts=texts,
        tokens=tokens,
        utf8_bytes=corpus.facts.utf8_bytes,
        seconds=time.perf_counter() - begun,
        engine=road.engine,
        why=road.why,
        format=chosen,
        dtype="" if chosen in ("", "jsonl") else dtype.name,
        files=tuple(files),
    )


def _format(output: Path | BinaryIO | None, asked: str) -> str:
    """The format to write, "" when nothing is written."""
    if output is None:
        return ""
    if not isinstance(output, Path):
        if asked not in ("", "jsonl"):
            raise AskedWrongly(f"{asked} needs a file to go to", fix="name one with -o, or take jsonl")
        return "jsonl"
    chosen = asked or output.suffix.removeprefix(".")
    if not chosen:
        raise AskedWrongly(
            f"the name {output} does not say which format it is",
            fix=f"end it in one of {' '.join(f'.{name}' for name in FORMATS)}, or add --format",
        )
    if chosen not in FORMATS:
        raise AskedWrongly(f"there is no format {chosen!r} for ids", fix=did_you_mean(chosen, FORMATS))
    need_packages(chosen)
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
    encoded: Iterator[EncodedTexts], sink: IdFile | None, folder: TokenizerFolder, dtype: np.dtype[Any]
) -> tuple[int, int, Road]:
    """Write all there is; how many texts and tokens, and who made them."""
    texts = tokens = 0
    road = Road("library")
    try:
        for each in encoded:
            if sink is not None:
                _must_fit(each, dtype, folder)
                sink.write(each)
            texts, tokens, road = texts + len(each), tokens + len(each.ids), each.road
    except BaseException as error:
        if not is_of_the_library(error):
            raise
        raise AskedWrongly(
            f"{folder.name} cannot encode this corpus: {error}", fix=f"tokbench check {folder.name}"
        ) from error
    return texts, tokens, road


def _must_fit(encoded: EncodedTexts, dtype: np.dtype[Any], folder: TokenizerFolder) -> None:
    highest = int(encoded.ids.max(initial=0))
    if highest > np.iinfo(dtype).max:  # a post-processor may name any id
        raise DataProblem(
            f"{folder.name} puts the id {highest} around texts, which no token has",
            fix=f"tokbench check {folder.name}",
        )


@contextlib.contextmanager
def _written(
    output: Path | BinaryIO | None, chosen: str, dtype: np.dtype[Any], *, force: bool, files: list[Path]
) -> Iterator[IdFile | None]:
    """What takes the ids; files are put in their places at the end, and noted."""
    if output is None:
        yield None
    elif isinstance(output, Path):
        place = _free(output, force=force)
        with _in_words(output):
            place.parent.mkdir(parents=True, exist_ok=True)
            sweep(place)
            with temporary_beside(place) as folder:
                sink = FORMATS[chosen](folder / place.name, dtype)
                try:
                    yield sink
                finally:
                    sink.close()
                files += _put(folder, place.parent, force=force)
    else:
        lines = JsonLines(output)
        yield lines
        lines.close()


def _put(folder: Path, into: Path, *, force: bool) -> list[Path]:
    """Move the files of a folder to their places, each in one step, what describes the others last."""
    found = sorted(folder.iterdir(), key=lambda path: (path.suffix == ".json", path.name))
    places = [_free(into / path.name, force=force) for path in found]
    for path, place in zip(found, places, strict=True):
        with path.open("rb") as file:
            os.fsync(file.fileno())
        path.replace(place)
    return places


def _free(output: Path, *, force: bool) -> Path:
    """The place of a new file, or an error where something is in the way."""
    if output.is_dir():
        raise FileProblem(f"{output} is a folder, and the output is a file", fix=ELSEWHERE)
    if output.exists() and not force:
        raise FileProblem(
            f"{output} exists already", fix="add --force to replace it, or choose another place with -o"
        )
    return output


@contextlib.contextmanager
def _in_words(output: Path) -> Iterator[None]:
    """Say what the disk refused; errors about other files go through as they are."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise OutOfRoom(
                f"the disk is full: {output} was not written", fix="make room, or choose another disk with -o"
            ) from error
        if error.filename is None or str(output.parent) in str(error.filename):
            raise FileProblem(f"{output} cannot be written: {error.strerror}", fix=ELSEWHERE) from error
        raise
