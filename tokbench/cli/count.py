"""Count: a corpus becomes a file of its words, from which tokenizers are trained in a second."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from typer import Option

from tokbench.cli import options as o
from tokbench.cli.show import hint, put
from tokbench.errors import AskedWrongly

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)

Counts = Annotated[Path, Option("--output", "-o", help="The file to write: parquet.", show_default=False)]
Like = Annotated[
    str,
    Option(
        "--like",
        "--preset",
        help="Whose words: bpe, wordpiece, a preset, a recipe's TOML.",
        metavar="RECIPE",
    ),
]
Engine = Annotated[
    str,
    Option("--engine", help="auto, compiled, library, or dask for many machines; the same counts."),
]
Scheduler = Annotated[
    str | None,
    Option(
        "--scheduler",
        help="For dask: a cluster that is there.",
        metavar="ADDRESS",
        show_default=False,
    ),
]
Workers = Annotated[
    int | None, Option("--workers", min=1, help="So many count at the same time.", show_default="2")
]
Memory = Annotated[
    str, Option("--memory", help="What words may take; beyond it they wait on the disk.", metavar="SIZE")
]
MinCount = Annotated[int, Option("--min-count", min=1, help="Leave rarer words out, of a huge corpus.")]


def count(
    corpus: o.Corpus,
    output: Counts,
    like: Like = "bpe",
    cased: o.Cased = False,
    setting: o.Set = None,
    column: o.Column = None,
    engine: Engine = "auto",
    scheduler: Scheduler = None,
    workers: Workers = None,
    memory: Memory = "1GB",
    min_count: MinCount = 1,
    force: o.Force = False,
    json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Count the words of a corpus once, to train from them often.

    Normalizers and pre_tokenizers make words of texts, so the counts serve every recipe that has the same.

    Example: `tokbench count corpus.txt -o counts.parquet`, then `tokbench train-bpe --counts counts.parquet`
    """
    from tokbench.blocks.build import assemble
    from tokbench.blocks.starting import named, trainer
    from tokbench.report import corpora
    from tokbench.report.progress import drawn
    from tokbench.training.counted import Ways, count_corpus

    recipe = named(like, o.pairs(setting, "--set normalizers=[]"), cased=cased)
    ways = Ways(engine=engine, memory=size(memory), workers=workers, scheduler=scheduler)
    with drawn(quiet=quiet) as progress:
        counted = count_corpus(
            corpus,
            assemble(recipe),
            output,
            column=column,
            ways=ways,
            min_count=min_count,
            force=force,
            progress=progress,
        )
    put(counted, corpora.counted, "counted", json=json)
    hint(f"train: {trainer(like, cased=cased)} --counts {output}", quiet=quiet)


def size(words: str) -> int:
    """Bytes written with a unit; K, M, G and T are powers of 1,024.

    >>> size("512MB") == size("0.5GiB") == 1 << 29
    True
    """
    found = SIZE.fullmatch(words.strip())
    if not found:
        raise AskedWrongly(f"{words!r} is no size in bytes", fix="write for example --memory 512MB")
    number, unit = found.groups()
    return int(float(number) * UNITS[unit.upper()])
