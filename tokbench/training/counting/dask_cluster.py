"""Count on several machines: shards on the workers of a dask cluster, merged there by the hash of the words.

Each worker writes the words of a shard into a folder that all machines see, in parts by the words' hash. Then
each part is merged over all shards, and the parts, sorted, are merged here as they are read. A shard that is
done stays in the folder: counting again after a kill goes on from there.

On paper, 10 TB of English: 150,000 shards of 64 MiB. At 40 MB a second and core (measured, reading included)
100 cores count for 42 minutes. A shard has some 130,000 different words, 20 bytes each with its count, so the
folder takes 400 GB, and 20 billion rows are merged, some 500,000 a second and core: 40 minutes by 16 workers,
twice that with the second pass that more than 256 shards need. What is left, some billion words, most of
them typing errors seen once, wants --min-count before merges are learned.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from hashlib import sha256
from itertools import chain, pairwise
from multiprocessing import resource_tracker
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from tokbench import __version__
from tokbench.corpus.compression import CHUNK, open_bytes
from tokbench.corpus.decoding import Decoding
from tokbench.corpus.lines import TextPart, line_blocks, read_txt
from tokbench.corpus.reading import Intake, record_texts
from tokbench.corpus.remote import file_system, remote_sources
from tokbench.corpus.sources import find_sources
from tokbench.errors import DataError, FileError, ResourceError, UsageError
from tokbench.io.atomic import atomic_file, scratch_folder
from tokbench.io.extras import require
from tokbench.native.scanner import scanner_for
from tokbench.native.word_counter import count_words_compiled
from tokbench.progress import Progress, silent
from tokbench.training.counting import external
from tokbench.training.counting.external import BUDGET, Chain, SortedRun, in_final_order, portions
from tokbench.training.counting.store import (
    PackedWords,
    packed_of_compiled,
    packed_of_counts,
)
from tokbench.training.engine import COUNTING, EngineChoice, choose_engine
from tokbench.training.probe import probed_counting
from tokbench.training.word_counts import CountedCorpus, PipelineRecord, library_counts

if TYPE_CHECKING:
    from tokbench.corpus.source import Source

ANSWER = 10  # seconds that a scheduler may take
LEFT: list[ExitStack] = []  # clusters that Ctrl-C ended, never closed


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Where to count: at the scheduler of this address, or with so many workers on this machine."""

    scheduler: str | None = None
    workers: int = 2


def results(client: Any, calls: Sequence[Callable[[], Any]]) -> Iterator[Any]:  # noqa: ANN401
    """What the workers return, as it comes; what is not done by then is given up with the client."""
    import distributed

    library: Any = distributed
    futures = [client.submit(call, pure=False) for call in calls]
    try:
        for future in library.as_completed(futures, loop=client.loop):
            yield future.result()
    except library.KilledWorker as error:
        raise ResourceError(
            "workers were killed at the same work again and again, most likely for want of memory",
            fix="use fewer workers; what is counted is kept, so the same command goes on from there",
        ) from error


@contextmanager
def client_of(cluster: Cluster) -> Iterator[Any]:
    """A client of the cluster; one that is started here ends with it."""
    require("distributed", extra="distributed", what="counting on several machines")
    import distributed

    library: Any = distributed  # it has types for few of its functions
    if cluster.scheduler:
        try:
            client = library.Client(cluster.scheduler, timeout=ANSWER)
        except (OSError, ValueError) as error:  # a time-out is an OSError
            raise UsageError(
                f"no scheduler answers at {cluster.scheduler}",
                fix="start one: dask scheduler; or leave it out",
            ) from error
        with client:
            yield client
        return
    with _local_cluster(library, cluster.workers) as client:
        yield client


@contextmanager
def _local_cluster(library: Any, workers: int) -> Iterator[Any]:  # noqa: ANN401
    """A client of a cluster on this machine, which is gone when this is left."""
    others = set(multiprocessing.active_children())
    with scratch_folder() as scratch, ExitStack() as stack:
        loop = stack.enter_context(_deaf_loop())
        try:
            local = stack.enter_context(_started(library, workers, str(scratch), loop))
            yield stack.enter_context(library.Client(local, set_as_default=False))
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                loop.add_callback(threading.Event().wait)  # forever: nothing is restarted or closed any more
                LEFT.append(stack.pop_all())
            _end_workers(library, set(multiprocessing.active_children()) - others)
            raise


@contextmanager
def _deaf_loop() -> Iterator[Any]:
    """The thread in which dask works and starts workers: they inherit that Ctrl-C is not for them."""
    from distributed import utils

    resource_tracker.ensure_running()  # it would make the thread that starts it hear Ctrl-C again
    runner: Any = utils.LoopRunner()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        runner.start()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        yield runner.loop
    finally:
        runner.stop()


def _started(library: Any, workers: int, folder: str, loop: Any) -> Any:  # noqa: ANN401
    """A cluster on this machine, which listens to nobody else."""
    try:
        return library.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # any free port: the usual one may be taken
            local_directory=folder,
            silence_logs=logging.CRITICAL,
            loop=loop,
        )
    except AssertionError as error:  # what dask makes of Ctrl-C while it starts
        raise KeyboardInterrupt from error


def _end_workers(library: Any, processes: set[Any]) -> None:  # noqa: ANN401
    """End the workers: asked to close, they would finish their shards first."""
    for cluster in list(library.SpecCluster._instances):
        for nanny in cluster.workers.values():
            nanny.auto_restart = False
        cluster.shutdown_on_close = False  # nor closed when Python ends
    for process in processes:
        process.kill()


SHARD = 1 << 26  # bytes: some seconds of work, so that little is lost with one and starting it costs nothing


@dataclass(frozen=True)
class Shard:
    """A part of a source: the lines of a plain file that begin at bytes from start to end, or all of another.

    url: where it is when it is no file of this machine; mark: what changes when the file does.
    """

    source: Source
    url: str
    start: int
    end: int
    mark: str


def plan(paths: Sequence[str], *, size: int = SHARD) -> list[Shard]:
    """The shards of these files, folders, globs and URLs, in the order in which they would be read."""
    found: dict[str, Shard] = {}
    for path in paths:
        for shard in _remote(path) if "://" in path else _local_shards(path):
            found.setdefault(shard.url or str(shard.source.path), shard)
    return [part for whole in found.values() for part in _parts(whole, size)]


def shard_batches(shard: Shard, column: str | None, intake: Intake) -> Iterator[list[str] | bytes]:
    """The texts of a shard, passed through an intake, which counts them."""
    for part in _texts(shard, column):
        yield from intake.take(part)
    yield from intake.last()


def _local_shards(path: str) -> Iterator[Shard]:
    for source in find_sources([path]):
        if source.format == "hub":
            raise FileError(
                f"{source.name} cannot be counted in shards", fix="leave out --scheduler, or name its files"
            )
        if source.path is None:
            raise FileError("stdin cannot be counted in shards", fix="save it to a file and name the file")
        real = source.path.resolve()
        yield Shard(replace(source, path=real), "", 0, source.size, str(real.stat().st_mtime_ns))


def _remote(url: str) -> Iterator[Shard]:
    """The files behind a URL, through fsspec."""
    disk, _ = file_system(url)
    for source in remote_sources(url):
        assert source.place is not None
        whole = source.place.url
        yield Shard(source, whole, 0, source.size, disk.ukey(disk._strip_protocol(whole)))


def _parts(whole: Shard, size: int) -> list[Shard]:
    """A plain file in ranges of about equal size; anything else as it is."""
    source = whole.source
    number = 1 + (source.size - 1) // size
    if source.format != "txt" or source.compression or number < 2:
        return [whole]
    cuts = [source.size * each // number for each in range(number + 1)]
    return [replace(whole, start=start, end=end) for start, end in pairwise(cuts)]


def _texts(shard: Shard, column: str | None) -> Iterator[TextPart]:
    source = shard.source
    if source.format == "txt" and not source.compression:
        yield from _lines(shard)
        return
    with _at_hand(shard) as local:
        if source.format == "txt":
            yield from read_txt(local, _ignore)
        else:
            yield from record_texts(local, column, _ignore)


def _ignore(done: int) -> None:
    """Nobody watches a shard."""


@contextmanager
def _at_hand(shard: Shard) -> Iterator[Source]:
    """The source as a local file: some formats are read from their end, and decompressors know files only."""
    if not shard.url:
        yield shard.source
        return
    with scratch_folder() as folder:
        disk, root = file_system(shard.url)
        path = Path(folder, PurePosixPath(root).name)
        disk.get_file(root, str(path))
        yield replace(shard.source, path=path, place=None)


def _lines(shard: Shard) -> Iterator[TextPart]:
    """The lines that begin in the shard's range."""
    decoding, lines = Decoding(shard.source), 0
    if shard.start:
        decoding.block(b"\n", lines=0)  # so that what follows is not the beginning, where a mark is dropped
    with _open(shard) as file:
        try:
            for block in line_blocks(_range(file, shard.start, shard.end)):
                utf8, text = decoding.block(block, lines=lines)
                texts = text.split("\n")
                unfinished = texts.pop()
                lines = len(texts)
                yield TextPart(texts, unfinished, utf8)
        except DataError as error:
            if not shard.start:
                raise
            where = f"{error.message} (counted from byte {shard.start:,} of the file)"
            raise DataError(where, fix=error.fix) from error


def _open(shard: Shard) -> AbstractContextManager[BinaryIO]:
    if not shard.url:
        return open_bytes(shard.source)
    disk, root = file_system(shard.url)
    return cast(AbstractContextManager[BinaryIO], disk.open(root, "rb"))


def _range(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    """The bytes of the lines that begin at a byte from `start` to `end`, the last one whole."""
    at, last = start, b"\n"
    if start:
        file.seek(start - 1)
        at += _rest_of_line(file, end - start + 1) - 1
    while at < end and (last := file.read(min(CHUNK, end - at))):
        at += len(last)
        yield last
    while at >= end > start and last and not last.endswith(b"\n"):
        last = file.readline(CHUNK)
        yield last


def _rest_of_line(file: BinaryIO, most: int) -> int:
    """Pass over what is left of a line, at most so many bytes; how many there were."""
    passed = 0
    while passed < most and (piece := file.readline(min(CHUNK, most - passed))):
        passed += len(piece)
        if piece.endswith(b"\n"):
            break
    return passed


PARTS = 16  # by hash, which so many workers can merge at once
TEXTS = 1 << 26  # bytes of text whose words are held at once: a compressed shard may be of any size


@dataclass(frozen=True)
class CountTask:
    """What a worker needs to know to count: the pipeline as a tokenizer's JSON, and where the words go."""

    tokenizer: str
    column: str | None
    folder: Path
    memory: int = BUDGET
    compiled: bool = False


@dataclass(frozen=True)
class Finished:
    """What is known of a shard that was counted: its texts, and its words by part."""

    texts: int
    blank: int
    utf8_bytes: int
    parts: tuple[tuple[SortedRun, ...], ...]
    why: str = ""  # the library counted some of its words, not the compiled loops


@contextmanager
def count_distributed(
    paths: Sequence[str],
    tokenizer: Tokenizer,
    work: Path,
    *,
    cluster: Cluster | None = None,
    column: str | None = None,
    min_count: int = 1,
    memory: int = BUDGET,
    shard_bytes: int = SHARD,
    progress: Progress = silent,
) -> Iterator[tuple[Iterator[PackedWords], CountedCorpus, str]]:
    """The words of files, folders, globs and URLs, in their final order, while inside; and what was read.

    The third is why the library counted where the compiled loops gave something else, "" when they did not.

    `work` is a folder that all workers see; finished shards stay in it.
    """
    PipelineRecord.of(tokenizer)  # refuses what no other process could be told
    every = plan(paths, size=shard_bytes)
    size = sum(shard.end - shard.start for shard in every)
    # Compiled here, once, and not by each worker of this machine.
    choice = choose_engine(COUNTING, size=size, served=partial(scanner_for, tokenizer), progress=progress)
    with client_of(cluster or Cluster()) as client:
        task = CountTask(_blank(tokenizer), column, work.absolute(), memory, choice.compiled)
        work.mkdir(parents=True, exist_ok=True)
        _count_missing(client, every, task, progress)
        done = [_finished(shard, task) for shard in every]
        corpus = _corpus(every, [each for each in done if each])
        merged = _merged(client, [each for each in done if each], task, min_count, progress)
    why = next((each.why for each in done if each and each.why), "")
    yield external.order_by_count(merged, memory=memory // 2), corpus, why


def count_shard(shard: Shard, task: CountTask) -> int:
    """Count a shard and write its words; done by a worker. Its size on the disk is returned."""
    scan = _scan(task.tokenizer, compiled=task.compiled)
    intake = Intake(raw=scan.raw)
    texts = shard_batches(shard, task.column, intake)
    parts: list[list[SortedRun]] = [[] for _ in range(PARTS)]
    key, said = _key(shard, task), ""
    for number, portion in enumerate(portions(texts, TEXTS)):
        words, why = scan.count(portion)
        said = said or why
        path = task.folder / f"{key}-{number}.words"
        with atomic_file(path) as beside:
            written = external.write_runs(beside, list(_by_hash(words)))
        for part, run in zip(parts, written, strict=True):
            part.append(SortedRun(path, run.start, run.rows, run.utf8_bytes))
    finished = Finished(intake.texts, intake.blank, intake.utf8_bytes, tuple(map(tuple, parts)), said)
    with atomic_file(task.folder / f"{key}.json") as beside:
        beside.write_text(json.dumps(asdict(finished), default=_file_name))
    return shard.end - shard.start


def merge_part(several: Sequence[Chain], task: CountTask, number: int, min_count: int) -> Chain:
    """Merge what all shards have of one part; done by a worker."""
    path = task.folder / f"part-{number}.words"
    with tempfile.TemporaryDirectory(dir=task.folder) as folder:
        words = in_final_order(several, Path(folder), memory=task.memory, min_count=min_count)
        return external.write_runs(path, words)


def _blank(tokenizer: Tokenizer) -> str:
    """The JSON of a tokenizer with the same normalizer and pre_tokenizer, and no vocabulary."""
    from tokenizers.models import BPE

    blank = Tokenizer(BPE())
    if tokenizer.normalizer is not None:
        blank.normalizer = tokenizer.normalizer
    if tokenizer.pre_tokenizer is not None:
        blank.pre_tokenizer = tokenizer.pre_tokenizer
    return blank.to_str()


@dataclass(frozen=True)
class Scan:
    """How a process counts, and why not by the loops where they differ; whether it takes texts as bytes."""

    count: Callable[[Iterator[Any]], tuple[PackedWords, str]]
    raw: bool


@cache
def _scan(tokenizer: str, *, compiled: bool) -> Scan:
    """Compiled when that was chosen and can be done here, else through the library."""
    made = Tokenizer.from_str(tokenizer)
    scanner = scanner_for(made) if compiled and choose_engine(COUNTING).compiled else ""
    if isinstance(scanner, str):
        return Scan(lambda texts: (packed_of_counts(library_counts(made, texts)), ""), raw=False)

    def count(texts: Iterator[Any]) -> tuple[PackedWords, str]:
        choice, held = probed_counting(EngineChoice("compiled"), made, texts)
        if not choice.compiled:
            return packed_of_counts(library_counts(made, held)), choice.why
        return packed_of_compiled(count_words_compiled(held, scanner, threads=1, in_order=False)), ""

    return Scan(count, raw=True)


def _by_hash(words: PackedWords) -> Iterator[PackedWords]:
    """The words of each part, sorted."""
    part = _hashes(words) % np.uint64(PARTS)
    return (words.take(np.flatnonzero(part == number)).by_word() for number in range(PARTS))


def _hashes(words: PackedWords) -> NDArray[np.uint64]:
    """A number from a word's first and last eight bytes; the same on every machine."""
    padded = np.concatenate((np.zeros(8, np.uint8), words.utf8, np.zeros(8, np.uint8)))
    numbers = np.ndarray(len(padded) - 7, "<u8", padded, strides=(1,))
    starts, ends = words.places.T
    unused = 8 * (8 - np.clip(words.lengths, 1, 8)).astype(np.uint64)
    first = numbers[starts + 8].astype(np.uint64) << unused
    last = numbers[ends].astype(np.uint64) >> unused
    mixed: NDArray[np.uint64] = (first ^ last * np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0x5851F42D4C957F2D)
    return mixed >> np.uint64(40)


def _key(shard: Shard, task: CountTask) -> str:
    """What the files of a shard are named after; it tells all that its words depend on."""
    source = shard.source
    told = [str(source.path), shard.url, source.size, shard.mark, shard.start, shard.end, source.format]
    told += [task.column, task.tokenizer, PARTS, __version__]
    return sha256(json.dumps(told).encode()).hexdigest()[:32]


def _finished(shard: Shard, task: CountTask) -> Finished | None:
    """A shard that was counted, now or before."""
    try:
        found = json.loads((task.folder / f"{_key(shard, task)}.json").read_text())
        parts = tuple(
            tuple(
                SortedRun(task.folder / run["path"], run["start"], run["rows"], run["utf8_bytes"])
                for run in part
            )
            for part in found["parts"]
        )
        there = all(run.path.exists() for run in chain.from_iterable(parts))
        return Finished(**(found | {"parts": parts})) if there else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _file_name(path: Path) -> str:
    return path.name


def _corpus(every: Sequence[Shard], done: Sequence[Finished]) -> CountedCorpus:
    """What was read, each source named once."""
    if len(done) < len(every):
        raise FileError(
            "the workers wrote where this machine cannot see it", fix="choose a shared folder with -o"
        )
    whole = {shard.source.name: shard.url or shard.source.name for shard in every}
    names = tuple(name.rpartition("/")[2] for name in whole)
    texts, blank = sum(each.texts for each in done), sum(each.blank for each in done)
    if not texts:
        found = f"only blank ones ({blank})" if blank else "nothing to read"
        raise DataError(f"no texts in {names[0]}: {found}", fix="name a file with at least one text")
    return CountedCorpus(names, texts, blank, sum(each.utf8_bytes for each in done))


def _count_missing(client: Any, every: Sequence[Shard], task: CountTask, progress: Progress) -> None:  # noqa: ANN401
    """Have all shards counted that are not yet."""
    total = sum(shard.end - shard.start for shard in every)
    missing = [shard for shard in every if not _finished(shard, task)]
    done = total - sum(shard.end - shard.start for shard in missing)
    progress("count", done, total)
    for size in results(client, [partial(count_shard, shard, task) for shard in missing]):
        done += size
        progress("count", done, total)


def _merged(
    client: Any,  # noqa: ANN401
    done: Sequence[Finished],
    task: CountTask,
    min_count: int,
    progress: Progress,
) -> list[Chain]:
    """The parts, each merged over all shards."""
    parts = [[[run] for each in done for run in each.parts[number]] for number in range(PARTS)]
    calls = [partial(merge_part, part, task, number, min_count) for number, part in enumerate(parts)]
    merged: list[Chain] = []
    for number, found in enumerate(results(client, calls)):
        merged.append(found)
        progress("merge", number + 1, PARTS)
    return merged
