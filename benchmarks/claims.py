"""What else is claimed of training: how time grows, what the first run costs, how near to memory it is."""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from processes import Run, medians, run, tokbench
from tables import Table, installed, times
from texts import MB, Texts

SIZES = {"quick": (2.5, 5, 10), "readme": (12.5, 25, 50, 100), "full": (6.25, 12.5, 25, 50, 100)}
VOCABULARIES = {"quick": (4_000, 8_000, 16_000, 32_000), "readme": (4_000, 8_000, 16_000, 32_000, 64_000)}
VOCABULARIES["full"] = (*VOCABULARIES["readme"], 128_000)
LARGEST = {"quick": 10, "readme": 100, "full": 100}
DISTRIBUTED = {"quick": 30, "readme": 100, "full": 100}


def corpus_sizes(texts: Texts, size: str, rounds: int) -> Table:
    """Time against the size of the corpus, counting and learning 32k."""
    table = Table(
        "Time against corpus size (English, 32k)", ["MB", "CPU s", "CPU s beyond the start", "peak MB"]
    )
    start = _start(texts, rounds)
    points = []
    for megabytes in SIZES[size]:
        corpus = texts.slice("en", megabytes)
        if corpus is None:
            continue
        took = _trained(corpus, 32_000, rounds)
        points.append((megabytes, took.cpu - start))
        table.rows.append([megabytes, took.cpu, took.cpu - start, round(took.peak)])
    table.notes += [
        f"the start, {start:.2f} CPU s, is a run on one line of text",
        f"those beyond it grow as MB to the power of {exponent(points):.2f}, fitted to the logarithms",
    ]
    return table


def vocabularies(texts: Texts, size: str, rounds: int) -> Table:
    """Time against the size of the vocabulary."""
    table = Table(
        "Time against vocabulary size", ["text", "MB", "vocabulary", "CPU s", "CPU s beyond counting"]
    )
    for language in ("en", "ko"):
        megabytes = min(20, LARGEST[size])
        corpus = texts.slice(language, megabytes)
        if corpus is None:
            continue
        counting = _trained(corpus, 300, rounds).cpu
        points = []
        for vocab_size in VOCABULARIES[size]:
            took = _trained(corpus, vocab_size, rounds)
            points.append((vocab_size, max(0.001, took.cpu - counting)))
            table.rows.append([language, megabytes, f"{vocab_size:,}", took.cpu, took.cpu - counting])
        table.notes.append(
            f"{language}: tokens to the power of {exponent(points):.2f}; counting is a vocabulary of 300"
        )
    return table


def first_run(texts: Texts, size: str, rounds: int) -> Table:
    """The very first run, with an empty cache of machine code, and the second."""
    table = Table("The first run and the second (English, 32k)", ["run", "MB", "CPU s", "wall s"])
    megabytes = LARGEST[size]
    corpus = texts.slice("en", megabytes)
    if corpus is None:
        table.notes.append("left out: there is too little text")
        return table
    cache = texts.work / "empty-cache"
    shutil.rmtree(cache, ignore_errors=True)
    for name in ("first, which compiles", "second"):
        took = run(_training(corpus, 32_000), {"XDG_CACHE_HOME": str(cache)})
        table.rows.append([name, megabytes, took.cpu, took.wall])
    return table


def floor(texts: Texts, size: str, rounds: int) -> Table:
    """How fast counting is beside what does less: wc, reading, hashing, learning what is UTF-8."""
    corpus = texts.slice("en", LARGEST[size])
    table = Table("Counting beside what does less (English)", ["what", "MB per CPU s", "CPU, of counting's"])
    if corpus is None:
        return table
    megabytes, counting = corpus.stat().st_size / MB, _cpu_of_counting(corpus, rounds)
    done: dict[str, float] = {
        name: _best(lambda work=work: work(corpus), rounds) for name, work in LESS.items()
    }
    if wc := shutil.which("wc"):
        done["wc: lines, words, bytes"] = medians([run([wc, str(corpus)]) for _ in range(rounds + 1)]).cpu
        done["wc -l: lines"] = medians([run([wc, "-l", str(corpus)]) for _ in range(rounds + 1)]).cpu
    for name, taken in {**counting, **done}.items():
        share = f"{taken / counting[COUNTED]:.2f}"
        table.rows.append([name, round(megabytes / max(taken, 1e-4)), share])
    table.notes.append("within one process, so without Python's start; wc is a process of its own")
    return table


COUNTED = "tokbench: read, check, hash, part into words, count"


def _cpu_of_counting(corpus: Path, rounds: int) -> dict[str, float]:
    from tokbench.corpus.reading import open_corpus
    from tokbench.native.scanner import scanner_for
    from tokbench.native.word_counter import count_words_compiled
    from tokbench.recipes.build import assemble
    from tokbench.recipes.presets import start_recipe
    from tokbench.training.engine import in_bytes

    scanner = scanner_for(assemble(start_recipe("bpe")))
    assert not isinstance(scanner, str)
    blocks = list(in_bytes(open_corpus([str(corpus)])))
    reading = _best(lambda: sum(1 for _ in in_bytes(open_corpus([str(corpus)]))), rounds)
    scanning = _best(lambda: count_words_compiled(blocks, scanner, threads=1, in_order=False), rounds)
    both = _best(
        lambda: count_words_compiled(
            in_bytes(open_corpus([str(corpus)])), scanner, threads=1, in_order=False
        ),
        rounds,
    )
    return {
        COUNTED: both,
        "tokbench: read, check that it is UTF-8, drop blank lines, SHA-256": reading,
        "tokbench: part into words and count what is in memory": scanning,
    }


def _read(corpus: Path) -> None:
    buffer = bytearray(1 << 18)
    with corpus.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def _hash(corpus: Path) -> None:
    with corpus.open("rb") as file:
        hashlib.file_digest(file, "sha256")


def _copy(corpus: Path) -> None:
    bytearray(corpus.read_bytes())


def _decode(corpus: Path) -> None:
    corpus.read_bytes().decode()


LESS: dict[str, Callable[[Path], None]] = {
    "read the file": _read,
    "read and copy in memory": _copy,
    "read and SHA-256": _hash,
    "read and decode as UTF-8 (Python)": _decode,
}


def dask(texts: Texts, size: str, rounds: int) -> Table:
    """Counting on a cluster of this machine's: equal files, and what one and two workers take."""
    table = Table("Counting by dask", ["engine", "workers", "MB", "CPU s", "wall s", "file"])
    megabytes = DISTRIBUTED[size]
    corpus = texts.slice("en", megabytes)
    if corpus is None or not installed("distributed"):
        table.notes.append("left out: distributed is not installed, or there is too little text")
        return table
    out = {name: texts.work / f"{name}.parquet" for name in ("here", "one", "two")}
    ways: dict[str, tuple[str, Sequence[object]]] = {
        "here": ("compiled", ["--engine", "compiled"]),
        "one": ("dask", ["--engine", "dask", "--workers", 1]),
        "two": ("dask", ["--engine", "dask", "--workers", 2]),
    }
    for name, (engine, words) in ways.items():
        took = medians(
            [
                run(tokbench("count", corpus, "-o", out[name], *words, "--force", "--quiet"))
                for _ in range(rounds)
            ]
        )
        equal = out[name].read_bytes() == out["here"].read_bytes()
        workers = {"here": "", "one": 1, "two": 2}[name]
        row = [engine, workers, megabytes, took.cpu, took.wall]
        table.rows.append(
            [*row, "the reference" if name == "here" else "equal to the byte" if equal else "NO"]
        )
    first, second = table.rows[1][4], table.rows[2][4]
    assert isinstance(first, float)
    assert isinstance(second, float)
    table.notes.append(
        f"the second worker: {times(first, second)} in wall time, the scheduler's start included"
    )
    return table


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """The slope of the line through the logarithms, by least squares; nan for fewer than two points."""
    if len(points) < 2:
        return math.nan
    xs, ys = zip(*[(math.log(x), math.log(max(y, 1e-6))) for x, y in points], strict=True)
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)


def _training(corpus: Path, vocab_size: int) -> list[str]:
    out = corpus.with_suffix(".trained")
    words = ("-o", out, "-v", vocab_size, "--engine", "compiled", "--force", "--quiet")
    return tokbench("train-bpe", corpus, *words)


def _trained(corpus: Path, vocab_size: int, rounds: int) -> Run:
    return medians([run(_training(corpus, vocab_size)) for _ in range(2 * rounds + 1)])


def _start(texts: Texts, rounds: int) -> float:
    path = texts.work / "one-line.txt"
    path.write_text("one line of text\n", encoding="utf-8")
    run(_training(path, 300))  # whatever has to be compiled is compiled now
    return _trained(path, 300, rounds).cpu


def _best(work: Callable[[], object], rounds: int) -> float:
    """The fewest CPU seconds of this process and its threads."""
    taken = []
    for _ in range(rounds + 2):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return min(taken)


os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command has it
