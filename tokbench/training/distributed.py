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
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache, partial
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from tokbench import __version__
from tokbench.corpus.intake import Intake
from tokbench.errors import DataProblem, FileProblem
from tokbench.progress import Progress, silent
from tokbench.training import runs, shards
from tokbench.training.cluster import Cluster, client_of, results
from tokbench.training.compiled import count
from tokbench.training.pipelines import served
from tokbench.training.placing import written_whole
from tokbench.training.roads import WORTH, road
from tokbench.training.runs import Chain, Run
from tokbench.training.shards import Shard
from tokbench.training.spelled import Spelled, of_arena, of_counts
from tokbench.training.spilling import BUDGET, in_final_order, portions
from tokbench.training.stored import CountedCorpus, Pipeline
from tokbench.training.words import count_words

PARTS = 16  # by hash, which so many workers can merge at once
TEXTS = 1 << 26  # bytes of text whose words are held at once: a compressed shard may be of any size


@dataclass(frozen=True)
class Task:
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
    parts: tuple[tuple[Run, ...], ...]


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
    shard_bytes: int = shards.SHARD,
    progress: Progress = silent,
) -> Iterator[tuple[Iterator[Spelled], CountedCorpus]]:
    """The words of files, folders, globs and URLs, in their final order, while inside; and what was read.

    `work` is a folder that all workers see; finished shards stay in it.
    """
    Pipeline.of(tokenizer)  # refuses what no other process could be told
    every = shards.plan(paths, size=shard_bytes)
    size = sum(shard.end - shard.start for shard in every)
    # Compiled here, once, and not by each worker of this machine.
    way = road(tokenizer, size=size, learning=False, progress=progress)
    with client_of(cluster or Cluster()) as client:
        task = Task(_blank(tokenizer), column, work.absolute(), memory, way.compiled)
        work.mkdir(parents=True, exist_ok=True)
        _count_missing(client, every, task, progress)
        done = [_finished(shard, task) for shard in every]
        corpus = _corpus(every, [each for each in done if each])
        merged = _merged(client, [each for each in done if each], task, min_count, progress)
    yield runs.by_count(merged, memory=memory // 2), corpus


def count_shard(shard: Shard, task: Task) -> int:
    """Count a shard and write its words; done by a worker. Its size on the disk is returned."""
    scan = _scan(task.tokenizer, compiled=task.compiled)
    intake = Intake(raw=scan.raw)
    texts = shards.batches(shard, task.column, intake)
    parts: list[list[Run]] = [[] for _ in range(PARTS)]
    key = _key(shard, task)
    for number, portion in enumerate(portions(texts, TEXTS)):
        words = scan.count(portion)
        path = task.folder / f"{key}-{number}.words"
        with written_whole(path) as beside:
            written = runs.write_runs(beside, list(_by_hash(words)))
        for part, run in zip(parts, written, strict=True):
            part.append(Run(path, run.start, run.rows, run.utf8_bytes))
    finished = Finished(intake.texts, intake.blank, intake.utf8_bytes, tuple(map(tuple, parts)))
    with written_whole(task.folder / f"{key}.json") as beside:
        beside.write_text(json.dumps(asdict(finished), default=_file_name))
    return shard.end - shard.start


def merge_part(several: Sequence[Chain], task: Task, number: int, min_count: int) -> Chain:
    """Merge what all shards have of one part; done by a worker."""
    path = task.folder / f"part-{number}.words"
    with tempfile.TemporaryDirectory(dir=task.folder) as folder:
        words = in_final_order(several, Path(folder), memory=task.memory, min_count=min_count)
        return runs.write_runs(path, words)


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
    """How a process counts, and whether it takes texts as bytes."""

    count: Callable[[Iterator[Any]], Spelled]
    raw: bool


@cache
def _scan(tokenizer: str, *, compiled: bool) -> Scan:
    """Compiled when that was chosen and can be done here, else through the library."""
    made = Tokenizer.from_str(tokenizer)
    scanner = served(made) if compiled and road(made, size=WORTH, learning=False).compiled else ""
    if isinstance(scanner, str):
        return Scan(lambda texts: of_counts(count_words(made, texts)), raw=False)
    split = scanner.split

    def scan(texts: Iterator[Any]) -> Spelled:
        found = count(texts, scanner, threads=1, in_order=False)
        return of_arena(found.arena, found.places, found.counts, bytewise=split.bytewise, blank=split.blank)

    return Scan(scan, raw=True)


def _by_hash(words: Spelled) -> Iterator[Spelled]:
    """The words of each part, sorted."""
    part = _hashes(words) % np.uint64(PARTS)
    return (words.take(np.flatnonzero(part == number)).by_word() for number in range(PARTS))


def _hashes(words: Spelled) -> NDArray[np.uint64]:
    """A number from a word's first and last eight bytes; the same on every machine."""
    padded = np.concatenate((np.zeros(8, np.uint8), words.utf8, np.zeros(8, np.uint8)))
    numbers = np.ndarray(len(padded) - 7, "<u8", padded, strides=(1,))
    starts, ends = words.places.T
    unused = 8 * (8 - np.clip(words.lengths, 1, 8)).astype(np.uint64)
    first = numbers[starts + 8].astype(np.uint64) << unused
    last = numbers[ends].astype(np.uint64) >> unused
    mixed: NDArray[np.uint64] = (first ^ last * np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0x5851F42D4C957F2D)
    return mixed >> np.uint64(40)


def _key(shard: Shard, task: Task) -> str:
    """What the files of a shard are named after; it tells all that its words depend on."""
    source = shard.source
    told = [str(source.path), shard.url, source.size, shard.mark, shard.start, shard.end, source.format]
    told += [task.column, task.tokenizer, PARTS, __version__]
    return sha256(json.dumps(told).encode()).hexdigest()[:32]


def _finished(shard: Shard, task: Task) -> Finished | None:
    """A shard that was counted, now or before."""
    try:
        found = json.loads((task.folder / f"{_key(shard, task)}.json").read_text())
        parts = tuple(
            tuple(
                Run(task.folder / run["path"], run["start"], run["rows"], run["utf8_bytes"]) for run in part
            )
            for part in found["parts"]
        )
        there = all(run.path.exists() for run in chain.from_iterable(parts))
        return Finished(found["texts"], found["blank"], found["utf8_bytes"], parts) if there else None
    except (FileNotFoundError, ValueError, KeyError):
        return None


def _file_name(path: Path) -> str:
    return path.name


def _corpus(every: Sequence[Shard], done: Sequence[Finished]) -> CountedCorpus:
    """What was read, each source named once."""
    if len(done) < len(every):
        raise FileProblem(
            "the workers wrote where this machine cannot see it", fix="choose a shared folder with -o"
        )
    whole = {shard.source.name: shard.url or shard.source.name for shard in every}
    names = tuple(name.rpartition("/")[2] for name in whole)
    texts, blank = sum(each.texts for each in done), sum(each.blank for each in done)
    if not texts:
        found = f"only blank ones ({blank})" if blank else "nothing to read"
        raise DataProblem(f"no texts in {names[0]}: {found}", fix="name a file with at least one text")
    return CountedCorpus(names, texts, blank, sum(each.utf8_bytes for each in done))


def _count_missing(client: Any, every: Sequence[Shard], task: Task, progress: Progress) -> None:  # noqa: ANN401
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
    task: Task,
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
