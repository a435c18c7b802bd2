"""Prove: one tokenizer, or model, against another, over several seeds."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from tokbench.cli import options as o
from tokbench.cli.show import put, say
from tokbench.finetune.plan import DEVICES, Plan
from tokbench.finetune.reading import Reading


def prove(
    base: Annotated[
        str, Argument(help="A tokenizer's folder, with its model or without.", show_default=False)
    ],
    new: Annotated[str, Argument(help="The one held against it.", show_default=False)],
    task: Annotated[
        list[str] | None, Option("--task", "-t", help="Repeat for more.", show_default=Plan.task)
    ] = None,
    seeds: Annotated[int, Option(min=2, help="Pairs of runs.")] = 5,
    model: Annotated[str, Option(help="Fresh weights for both, where the folders hold none.")] = Plan.model,
    data: Annotated[str | None, Option(help="As for finetune.", show_default="hub")] = Plan.data,
    epochs: Annotated[int, Option(min=1, help="Times through the train rows.")] = Plan.epochs,
    settings: Annotated[
        list[str] | None, Option("--set", help="As for finetune.", metavar="KEY=VALUE")
    ] = None,
    max_train_rows: Annotated[
        int | None, Option(min=1, help="Train on so many rows, drawn by the seed.", show_default="all")
    ] = None,
    device: Annotated[str, Option(help=f"{', '.join(DEVICES)}.")] = Plan.device,
    output: Annotated[
        Path | None,
        Option("--output", "-o", help="Keep the numbers of every run in this folder.", show_default=False),
    ] = None,
    resume: Annotated[bool, Option("--resume", help="Go on with the runs that -o kept.")] = False,
    force: o.Force = False,
    json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Hold a new tokenizer against a base one, with an interval.

    Both are fine-tuned with the same seeds, rows and steps. Shown are the mean difference with its 95 %
    interval, tokens a row and time; exit 1 when the new one is shown to be worse. No weights are kept.

    Example: `tokbench prove base-tok new-tok --task sst2 --data sample --seeds 5`
    """
    from tokbench.finetune.paired import prove as hold
    from tokbench.finetune.places import leading
    from tokbench.finetune.several import Start
    from tokbench.report import pairing
    from tokbench.report.progress import drawn

    plan = Plan(
        model=model,
        data=data,
        epochs=epochs,
        reading=Reading(max_train_rows=max_train_rows),
        device=device,
        settings=o.pairs(settings, "clip=0.5"),
    )
    quiet |= not leading()
    with drawn(quiet=quiet) as progress:
        start = Start(force=force, resume=resume, told=partial(say, quiet=quiet), progress=progress)
        proof = hold(plan, base, new, tasks=task or [Plan.task], seeds=seeds, output=output, start=start)
    if leading():
        put(proof, pairing.proof, "proof", json=json)
    raise typer.Exit(0 if proof.held else 1)
