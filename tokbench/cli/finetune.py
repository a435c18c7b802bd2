"""Prove: fine-tune, and show that tokenizer, vocabulary, config and model fit."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from tokbench.cli import options
from tokbench.cli.output import hint, put, say
from tokbench.finetuning.config import DEVICES, ENGINES, POOLINGS, PRECISIONS, Plan, Reading
from tokbench.finetuning.model_presets import PRESETS

if TYPE_CHECKING:
    from tokbench.finetuning.multi import Done, RunMode

Maybe = Annotated[
    float | None, Option("--learning-rate", min=0, help="The highest.", show_default="by model")
]

Settings = Annotated[
    list[str] | None,
    Option(
        "--set", help="Any other choice, of the engine's too: patience=3, warmup=0.1.", metavar="KEY=VALUE"
    ),
]
FewBatches = Annotated[
    int, Option("--fast-dev-run", min=0, help="Go through N batches only, keep nothing.", metavar="N")
]
ReportTo = Annotated[str, Option(help="tensorboard: its event files go into the output.", show_default=False)]
Resume = Annotated[bool, Option("--resume", help="Go on where a stopped run was.")]
Notify = Annotated[
    str | None,
    Option(
        help="Send word there at the end: an address that apprise knows.", metavar="URL", show_default=False
    ),
]


TextColumn = Annotated[
    str | None, Option(help="Of your own csv, tsv, json, jsonl or parquet file.", show_default=False)
]
PairColumn = Annotated[str | None, Option(help="Its second text, if a row has two.", show_default=False)]


def tasks(json: options.AsJson = False) -> None:
    """List the GLUE tasks with metric, size and an example.

    Example: `tokbench tasks`
    """
    from tokbench.finetuning.tasks import TASKS
    from tokbench.reporting.views import finetune as finetune_view

    put(TASKS, finetune_view.tasks, "tasks", json=json)


def finetune(
    task: Annotated[
        str, Option("--task", "-t", help="See tokbench tasks; or all, own (--text-column …), ner (CoNLL).")
    ] = Plan.task,
    tokenizer: Annotated[
        str | None, Option(help="A tokenizer's folder or hub name.", show_default="the model's")
    ] = Plan.tokenizer,
    model: Annotated[
        str,
        Option(help=f"A folder, a hub name, or fresh weights: {', '.join(PRESETS)}."),
    ] = Plan.model,
    data: Annotated[
        str | None,
        Option(help="GLUE's TSV folder, your own file or folder, sample, or hub.", show_default="hub"),
    ] = Plan.data,
    output: Annotated[Path, Option("--output", "-o", help="The folder to write.")] = Path(Plan.output),
    epochs: Annotated[int, Option(min=1, help="Times through the train rows.")] = Plan.epochs,
    batch_size: Annotated[int, Option(min=1, help="Rows in a step.")] = Plan.batch_size,
    learning_rate: Maybe = Plan.learning_rate,
    max_length: Annotated[int, Option(min=4, help="Tokens a row is cut to.")] = Plan.max_length,
    max_train_rows: Annotated[
        int | None, Option(min=1, help="Train on so many rows, drawn by the seed.", show_default="all")
    ] = None,
    text_column: TextColumn = None,
    pair_column: PairColumn = None,
    label_column: Annotated[str | None, Option(help="Its column of labels.", show_default=False)] = None,
    dev: Annotated[
        str | None, Option(help="A file to evaluate on.", show_default="beside train, or 10 % cut off")
    ] = None,
    skip_incomplete: Annotated[
        bool, Option("--skip-incomplete", help="Leave out rows without text or label.")
    ] = False,
    label_all_pieces: Annotated[
        bool, Option("--label-all-pieces", help="ner: a word's later pieces are labelled too.")
    ] = False,
    pooling: Annotated[str, Option(help=f"A row's vector: {', '.join(POOLINGS)}.")] = "own",
    compare_pooling: Annotated[
        bool, Option("--compare-pooling", help="A run with each pooling, in a table.")
    ] = False,
    baseline: Annotated[
        str | None, Option(help="Another tokenizer to do the same with.", show_default=False)
    ] = None,
    predict: Annotated[
        bool, Option("--predict", help="Answer the test rows, in GLUE's submission files.")
    ] = False,
    seed: Annotated[int, Option(min=0, help="Same seed, same numbers (on CPU to the bit).")] = Plan.seed,
    device: Annotated[str, Option(help=f"{', '.join(DEVICES)}.")] = Plan.device,
    precision: Annotated[str, Option(help=f"{', '.join(PRECISIONS)}.")] = Plan.precision,
    engine: Annotated[str, Option(help=f"{', '.join(ENGINES)}; the results agree.")] = Plan.engine,
    settings: Settings = None,
    fast_dev_run: FewBatches = 0,
    report_to: ReportTo = "",
    resume: Resume = False,
    notify: Notify = None,
    html: options.Html = None,
    force: options.Force = False,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Fine-tune on a GLUE task; prove that everything fits.

    Checks first and stops before training when something will break; afterwards the saved folder is
    loaded again and must give the same logits, and the metric is held against the majority class.

    Example: `tokbench finetune --task sst2 --tokenizer my-tok --data sample -o run`
    """
    from tokbench.finetuning.multi import RunMode

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
        precision=precision,
        engine=engine,
        settings=_settings(settings, fast_dev_run=fast_dev_run, report_to=report_to, pooling=pooling),
        reading=Reading(
            max_train_rows=max_train_rows,
            text_column=text_column,
            pair_column=pair_column,
            label_column=label_column,
            dev=dev,
            skip_incomplete=skip_incomplete,
            label_all_pieces=label_all_pieces,
        ),
    )
    wanted = RunMode(predict=predict, compare_pooling=compare_pooling, baseline=baseline)
    run = _carried(plan, wanted, notify=notify, force=force, resume=resume, quiet=quiet)
    _shown(run, json=json, html=html)
    raise typer.Exit(0 if run.proved else 1)


def _carried(
    plan: Plan, wanted: RunMode, *, notify: str | None, force: bool, resume: bool, quiet: bool
) -> Done:
    """What came of the plan and what is wanted beside it; of several processes the first one speaks."""
    from tokbench.finetuning.multi import result_line, run_mode
    from tokbench.finetuning.notify import notified
    from tokbench.finetuning.run_files import launched_alone, leading
    from tokbench.reporting.bars import draw_progress
    from tokbench.reporting.views import finetune as finetune_view

    quiet |= not leading()
    if alone := launched_alone():
        say(alone, quiet=quiet)
    address = notify if leading() else None
    with notified(address, f"finetune {plan.task}", told=say) as tell, draw_progress(quiet=quiet) as progress:
        done = run_mode(
            plan,
            wanted,
            force=force,
            resume=resume,
            drawings=finetune_view.DRAWINGS,
            progress=progress,
            told=partial(say, quiet=quiet),
        )
        tell(result_line(done))
    return done


def _shown(done: Done, *, json: bool, html: Path | None) -> None:
    """Show the result, once where several processes have it."""
    from tokbench.finetuning.run_files import leading
    from tokbench.reporting.views import finetune as finetune_view

    if leading():
        put(done, finetune_view.done, "run", json=json, html=html)


def _settings(words: list[str] | None, *, fast_dev_run: int, report_to: str, pooling: str) -> dict[str, str]:
    """What was said by --set, and by options that are short for it."""
    own = "" if pooling == "own" else pooling
    short = {"fast_dev_run": str(fast_dev_run or ""), "report_to": report_to, "pooling": own}
    return {**options.pairs(words, "patience=3"), **{name: word for name, word in short.items() if word}}


def predict(
    run: Annotated[Path, Argument(help="The folder of a fine-tuned model.", show_default=False)],
    task: Annotated[
        str, Option("--task", "-t", help="A GLUE task; ax takes a model of mnli.", show_default="the run's")
    ] = "",
    data: Annotated[
        str | None,
        Option(help="GLUE's TSV folder, your own file (CoNLL for a tagger), or hub.", show_default="hub"),
    ] = Plan.data,
    output: Annotated[Path, Option("--output", "-o", help="The folder to write into.")] = Path("predictions"),
    text_column: TextColumn = None,
    pair_column: PairColumn = None,
    batch_size: Annotated[int, Option(min=1, help="Rows at a time.")] = Plan.batch_size,
    max_length: Annotated[
        int | None, Option(min=4, help="Tokens a row is cut to.", show_default="the run's")
    ] = None,
    device: Annotated[str, Option(help=f"{', '.join(DEVICES)}.")] = Plan.device,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Answer test rows with a fine-tuned model, in GLUE's own files.

    Example: `tokbench predict run --task ax --data glue -o predictions`
    """
    from tokbench.finetuning.predict import predict_with, trained_length
    from tokbench.reporting.bars import draw_progress
    from tokbench.reporting.views import finetune as finetune_view

    reading = Reading(text_column=text_column, pair_column=pair_column)
    longest = max_length or trained_length(run)
    plan = Plan(data=data, batch_size=batch_size, max_length=longest, device=device, reading=reading)
    with draw_progress(quiet=quiet) as progress:
        answers = predict_with(run, plan, task, into=output, progress=progress)
    put(answers, finetune_view.predicted, "predictions", json=json)


def demo(
    output: Annotated[Path, Option("--output", "-o", help="The folder for what is made.")] = Path(
        "tokbench-demo"
    ),
    force: options.Force = False,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Do the whole job on the texts that ship, offline.

    Trains WordPiece, adds tokens, grows a model with them, checks, fine-tunes on a small sample of film
    reviews and proves the result: about a minute on two cores, no network, no GPU.

    Example: `tokbench demo`
    """
    from tokbench.finetuning.demo import demo as show_all
    from tokbench.reporting.bars import draw_progress
    from tokbench.reporting.views import finetune as finetune_view

    with draw_progress(quiet=quiet) as progress:
        shown = show_all(output, force=force, progress=progress)
    put(shown, finetune_view.demo, "demo", json=json)
    hint(f'look:  tokbench encode {output}/grown "COVID filled the hospital."', quiet=quiet)
    raise typer.Exit(0 if shown.passed else 1)


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
    force: options.Force = False,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Hold a new tokenizer against a base one, with an interval.

    Both are fine-tuned with the same seeds, rows and steps. Shown are the mean difference with its 95 %
    interval, tokens a row and time; exit 1 when the new one is shown to be worse. No weights are kept.

    Example: `tokbench prove base-tok new-tok --task sst2 --data sample --seeds 5`
    """
    from tokbench.finetuning.multi import RunStart
    from tokbench.finetuning.prove import prove as hold
    from tokbench.finetuning.run_files import leading
    from tokbench.reporting.bars import draw_progress
    from tokbench.reporting.views import finetune as finetune_view

    plan = Plan(
        model=model,
        data=data,
        epochs=epochs,
        reading=Reading(max_train_rows=max_train_rows),
        device=device,
        settings=options.pairs(settings, "clip=0.5"),
    )
    quiet |= not leading()
    with draw_progress(quiet=quiet) as progress:
        start = RunStart(force=force, resume=resume, told=partial(say, quiet=quiet), progress=progress)
        proof = hold(plan, base, new, tasks=task or [Plan.task], seeds=seeds, output=output, start=start)
    if leading():
        put(proof, finetune_view.proof, "proof", json=json)
    raise typer.Exit(0 if proof.held else 1)
