"""What every command that trains does, once its recipe is chosen."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.cli.show import hint, put

if TYPE_CHECKING:
    from tokbench.blocks.recipe import Recipe


@dataclass(frozen=True)
class Source:
    """What to train on, as it was asked for."""

    corpus: Sequence[str] | None
    column: str | None
    counts: Path | None = None
    engine: str = "auto"


def train(
    recipe: Recipe, source: Source, output: Path | None, *, force: bool, json: bool, quiet: bool
) -> None:
    """Train, save, show what came of it, and say what to do next."""
    # Read when numpy is imported: training has no matrices, and starting threads for them takes 50 CPU ms.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from tokbench.pretrained.trained import train_folder
    from tokbench.report import making
    from tokbench.report.progress import drawn
    from tokbench.training.roads import NO_NUMBA, WORTH

    with drawn(quiet=quiet) as progress:
        trained = train_folder(
            recipe,
            source.corpus or (),
            output,
            column=source.column,
            counts=source.counts,
            engine=source.engine,
            force=force,
            progress=progress,
        )
    put(trained, making.trained, "trained", json=json)
    if trained.why == NO_NUMBA and trained.corpus.utf8_bytes >= WORTH:
        hint("faster: pip install 'tokbench[fast]'", quiet=quiet)
    hint(
        f'look:  tokbench encode {trained.path} "a text"',
        f"check: tokbench check {trained.path}",
        quiet=quiet,
    )
