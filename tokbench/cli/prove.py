"""Prove: fine-tune, and show that tokenizer, vocabulary, config and model fit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from tokbench.cli import options as o
from tokbench.cli.show import hint, put
from tokbench.finetune.plan import DEVICES, PRECISIONS, Plan

Maybe = Annotated[
    float | None, Option("--learning-rate", min=0, help="The highest.", show_default="by model")
]


def tasks(json: o.AsJson = False) -> None:
    """List the GLUE tasks with metric, size and an example.

    Example: `tokbench tasks`
    """
    from tokbench.finetune.tasks import TASKS
    from tokbench.report import proving

    put(TASKS, proving.tasks, "tasks", json=json)


def finetune(
    task: Annotated[str, Option("--task", "-t", help="A GLUE task; see tokbench tasks.")] = Plan.task,
    tokenizer: Annotated[
        str | None, Option(help="A tokenizer's folder or hub name.", show_default="the model's")
    ] = Plan.tokenizer,
    model: Annotated[
        str,
        Option(help="A folder, a hub name, or fresh weights: bert-tiny, bert-mini, bert-small, bert-base."),
    ] = Plan.model,
    data: Annotated[
        str | None, Option(help="A folder of GLUE's TSV files, sample, or hub.", show_default="hub")
    ] = Plan.data,
    output: Annotated[Path, Option("--output", "-o", help="The folder to write.")] = Path(Plan.output),
    epochs: Annotated[int, Option(min=1, help="Times through the train rows.")] = Plan.epochs,
    batch_size: Annotated[int, Option(min=1, help="Rows in a step.")] = Plan.batch_size,
    learning_rate: Maybe = Plan.learning_rate,
    max_length: Annotated[int, Option(min=4, help="Tokens a row is cut to.")] = Plan.max_length,
    max_train_rows: Annotated[
        int | None, Option(min=1, help="Train on so many rows, drawn by the seed.", show_default="all")
    ] = Plan.max_train_rows,
    seed: Annotated[int, Option(min=0, help="Same seed, same numbers (on CPU to the bit).")] = Plan.seed,
    device: Annotated[str, Option(help=f"{', '.join(DEVICES)}.")] = Plan.device,
    precision: Annotated[str, Option(help=f"{', '.join(PRECISIONS)}.")] = Plan.precision,
    force: o.Force = False,
    json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Fine-tune on a GLUE task; prove that everything fits.

    Checks first and stops before training when something will break; afterwards the saved folder is
    loaded again and must give the same logits, and the metric is held against the majority class.

    Example: `tokbench finetune --task sst2 --tokenizer my-tok --data sample -o run`
    """
    from tokbench.finetune.finetune import finetune as prove
    from tokbench.report import proving
    from tokbench.report.progress import drawn

    plan = Plan(
        task=task,
        tokenizer=tokenizer,
        model=model,
        data=data,
        output=str(output),
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        max_length=max_length,
        seed=seed,
        device=device,
        max_train_rows=max_train_rows,
        precision=precision,
    )
    with drawn(quiet=quiet) as progress:
        run = prove(plan, force=force, progress=progress)
    put(run, proving.run, "run", json=json)
    raise typer.Exit(0 if run.proved else 1)


def demo(
    output: Annotated[Path, Option("--output", "-o", help="The folder for what is made.")] = Path(
        "tokbench-demo"
    ),
    force: o.Force = False,
    json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Do the whole job on the texts that ship, offline.

    Trains WordPiece, adds tokens, grows a model with them, checks, fine-tunes on a small sample of film
    reviews and proves the result: about a minute on two cores, no network, no GPU.

    Example: `tokbench demo`
    """
    from tokbench.finetune.demo import demo as show_all
    from tokbench.report import proving
    from tokbench.report.progress import drawn

    with drawn(quiet=quiet) as progress:
        shown = show_all(output, force=force, progress=progress)
    put(shown, proving.demo, "demo", json=json)
    hint(f'look:  tokbench encode {output}/grown "COVID filled the hospital."', quiet=quiet)
    raise typer.Exit(0 if shown.passed else 1)
