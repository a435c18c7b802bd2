"""Prove: fine-tune, and show that tokenizer, vocabulary, config and model fit."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial, wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from tokbench.cli import options
from tokbench.cli.output import hint, put, say, text_of
from tokbench.errors import UsageError, plural
from tokbench.finetuning.config import (
    CHOICES,
    FinetuneConfig,
    help_of,
    kind_of,
    no_setting,
    parse,
    read_values,
    renewed,
)
from tokbench.progress import Progress, leading

if TYPE_CHECKING:
    from tokbench.finetuning.multi import Done

Command = Callable[..., None]
Resume = Annotated[bool, Option("--resume", help="Go on where a stopped run was.")]

SHORT = {"task": "-t", "output": "-o"}
MODEL = ("task", "tokenizer", "model", "data", "output", "trainer", "device", "precision", "seed")
TRAINING = ("epochs", "batch_size", "learning_rate", "max_length", "max_train_rows", "pooling")
OWN_FILES = (
    "text_column",
    "pair_column",
    "label_column",
    "dev",
    "multi_label",
    "skip_incomplete",
    "label_all_pieces",
)
HELP = "help"  # the word that --set takes in the place of KEY=VALUE
WATCHING = ("fast_dev_run", "report_to")
SETTING = {
    "settings": Annotated[
        list[str] | None,
        Option(
            "--set",
            help="Any other choice, of the trainer's too: patience=3, warmup=0.1; help lists them.",
            metavar="KEY=VALUE",
            rich_help_panel="Training",
        ),
    ],
    "config_file": Annotated[
        Path | None,
        Option(
            "--config",
            help="Choices in a TOML file; --set and options come before it.",
            metavar="FILE",
            rich_help_panel="Training",
            show_default=False,
        ),
    ],
    "engine": Annotated[str | None, Option("--engine", hidden=True, help="The former name of --trainer.")],
}


def configured(
    panels: Mapping[str | None, tuple[str, ...]], *, settable: bool = True
) -> Callable[[Command], Command]:
    """A command with an option for each of these fields, by help panel, in the place of its `config`.

    An option that is not given leaves its field to --set, then to the TOML file, then to the default.
    """
    made = {name: _option(name, panel) for panel, names in panels.items() for name in names}
    extra = SETTING if settable else {}

    def decorate(command: Command) -> Command:
        own = dict(signature(command, eval_str=True).parameters)
        del own["config"]
        given = [
            Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=each)
            for name, each in {**made, **extra}.items()
        ]

        @wraps(command)
        def called(**values: Any) -> None:  # noqa: ANN401  whatever the options hold
            fields = {name: values.pop(name) for name in made}
            setting = {name: values.pop(name) for name in extra}
            if HELP in (setting.get("settings") or ()):
                _list_settings(json=values["json"])
            command(config=_config(fields, **setting, quiet=values["quiet"]), **values)

        parameters = [*given, *(each.replace(kind=Parameter.KEYWORD_ONLY) for each in own.values())]
        called.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        called.__annotations__ = {each.name: each.annotation for each in parameters}
        return called

    return decorate


def _list_settings(*, json: bool) -> None:
    """Show every field that --set can name, and end there."""
    from tokbench.finetuning.config import settings
    from tokbench.reporting.views import finetune as finetune_view

    put(settings(), finetune_view.settings, "settings", json=json)
    raise typer.Exit


def _option(name: str, panel: str | None) -> Any:  # noqa: ANN401  an annotation
    """The option of a field; its help, default and bounds are the field's own."""
    field, rules = CHOICES[name], CHOICES[name].metadata
    flags = [f"--{name.replace('_', '-')}", *([SHORT[name]] if name in SHORT else [])]
    shown = str(field.default or "") if field.default is not None else rules["unset"]
    kind = kind_of(name)
    option = Option(
        *flags,
        help=help_of(name),
        min=rules[
            "least"
        ],  # what must be above a bound the config says itself: a range here has its bound in it
        show_default=shown or False,
        rich_help_panel=panel,
    )
    return Annotated[kind | None, option]


def _config(
    given: Mapping[str, Any],
    *,
    settings: list[str] | None = None,
    config_file: Path | None = None,
    engine: str | None = None,
    quiet: bool,
) -> FinetuneConfig:
    """The config that the TOML file, then --set, then the options say."""
    log = partial(say, quiet=quiet)
    words = options.pairs(settings, "patience=3")
    former = {"engine": engine} if engine is not None else {}
    if "engine" in words:
        former = {"engine": words.pop("engine")}
    return FinetuneConfig(
        **{
            **(read_values(config_file, log=log) if config_file else {}),
            **parse(words),
            **renewed(former, log=log),
            **{name: value for name, value in given.items() if value is not None},
        }
    )


def tasks(json: options.AsJson = False) -> None:
    """List the GLUE tasks with metric, size and an example.

    Example: `tokbench tasks`
    """
    from tokbench.finetuning.tasks import TASKS
    from tokbench.reporting.views import finetune as finetune_view

    put(TASKS, finetune_view.tasks, "tasks", json=json)


@configured({None: MODEL, "Training": TRAINING, "Files of your own": OWN_FILES, "While it runs": WATCHING})
def finetune(
    config: FinetuneConfig,
    compare_pooling: Annotated[
        bool, Option("--compare-pooling", help="A run with each pooling, in a table.")
    ] = False,
    baseline: Annotated[
        str | None, Option(help="Another tokenizer to do the same with.", show_default=False)
    ] = None,
    predict: Annotated[
        bool, Option("--predict", help="Answer the test rows, in GLUE's submission files.")
    ] = False,
    resume: Resume = False,
    notify: Annotated[
        str | None,
        Option(
            help="Send word there at the end: an address that apprise knows.",
            metavar="URL",
            show_default=False,
        ),
    ] = None,
    html: options.Html = None,
    force: options.Force = False,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Fine-tune on a GLUE task; prove that everything fits.

    Checks first and stops before training when something will break; afterwards the saved folder is
    loaded again and must give the same logits, and each metric is compared with its best constant answer.

    Example: `tokbench finetune --task sst2 --tokenizer my-tok --data sample -o run`
    """
    import tokbench as tb
    from tokbench.reporting.views import finetune as finetune_view

    quiet |= not leading()  # of several processes the first one writes messages
    with _watched(config, notify=notify, quiet=quiet) as (progress, send):
        run = tb.finetune(
            config,
            predict=predict,
            compare_pooling=compare_pooling,
            baseline=baseline,
            force=force,
            resume=resume,
            drawings=finetune_view.DRAWINGS,
            progress=progress,
            log=partial(say, quiet=quiet),
        )
        send(run)
    if leading():
        put(run, finetune_view.done, "run", json=json, html=html)
    raise typer.Exit(0 if run.held else 1)


@contextmanager
def _watched(
    config: FinetuneConfig, *, notify: str | None, quiet: bool
) -> Iterator[tuple[Progress, Callable[[Done], None]]]:
    """Progress that is drawn, and what sends word of the result to the address, if there is one."""
    from tokbench.finetuning.multi import result_line
    from tokbench.finetuning.notify import notified
    from tokbench.finetuning.run_files import launched_alone
    from tokbench.reporting.bars import draw_progress

    if alone := launched_alone():
        say(alone, quiet=quiet)
    address, what = notify if leading() else None, f"finetune {config.task}"
    with notified(address, what, told=say) as tell, draw_progress(quiet=quiet) as progress:
        yield progress, lambda done: tell(result_line(done))


@configured({None: ("data", "text_column", "pair_column", "id_column", "device")}, settable=False)
def predict(
    config: FinetuneConfig,
    run: Annotated[Path, Argument(help="The folder of a fine-tuned model.", show_default=False)],
    texts: Annotated[
        list[str] | None,
        Argument(metavar="[TEXT]...", help="Texts to answer; - for the lines of stdin.", show_default=False),
    ] = None,
    pair: Annotated[
        list[str] | None,
        Option("--pair", help="A text's second text, for a task of pairs.", show_default=False),
    ] = None,
    task: Annotated[
        str, Option("--task", "-t", help="A GLUE task; ax takes a model of mnli.", show_default="the run's")
    ] = "",
    output: Annotated[
        Path | None,
        Option("--output", "-o", help="The folder to write into.", show_default="predictions, without texts"),
    ] = None,
    batch_size: Annotated[
        int | None, Option(min=1, help="Rows that are computed at once.", show_default="the run's")
    ] = None,
    max_length: Annotated[
        int | None, Option(min=4, help="Tokens a row is cut to.", show_default="the run's")
    ] = None,
    settings: Annotated[
        list[str] | None,
        Option(
            "--set",
            metavar="threshold=0.5",
            help="The probability above which a row has one of several labels.",
        ),
    ] = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Answer texts with a fine-tuned model, or test rows in GLUE's own files.

    Example: `tokbench predict run "a warm and funny film"`, or `tokbench predict run --data glue -o answers`
    """
    import tokbench as tb
    from tokbench.reporting.bars import draw_progress
    from tokbench.reporting.views import finetune as finetune_view

    with draw_progress(quiet=quiet) as progress:
        answers = tb.predict(
            run,
            _given(texts, pair),
            task=task,
            data=config.data,
            text_column=config.text_column,
            pair_column=config.pair_column,
            id_column=config.id_column,
            output=output or (None if texts else Path("predictions")),
            batch_size=batch_size,
            max_length=max_length,
            threshold=_threshold(settings),
            device=config.device,
            progress=progress,
        )
    put(answers, finetune_view.predicted, "predictions", json=json)


def _threshold(settings: list[str] | None) -> float | None:
    """The one setting that predicting has."""
    words = options.pairs(settings, "threshold=0.5")
    other = next((name for name in words if name != "threshold"), None)
    if other is not None:
        raise no_setting(other, ("threshold",))
    found = parse(words).get("threshold")
    return None if found is None else float(found)


def _given(texts: list[str] | None, pair: list[str] | None) -> list[str] | list[tuple[str, str]] | None:
    """The texts of the command line or of stdin's lines, each with its second text where there are some."""
    if not texts:
        return None
    given = text_of("-").splitlines() if texts == ["-"] else [text_of(each) for each in texts]
    if not pair:
        return given
    if len(pair) != len(given):
        raise UsageError(
            f"{plural(len(given), 'text')} and {plural(len(pair), 'second text')} are no pairs",
            fix="give --pair once for each text",
        )
    return list(zip(given, pair, strict=True))


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
    hint(f'look:  tokbench encode {shlex.quote(f"{output}/grown")} "COVID filled the hospital."', quiet=quiet)
    raise typer.Exit(0 if shown.passed else 1)


@configured(
    {
        None: ("model", "data", "trainer", "device", "precision", "seed"),
        "Training": TRAINING,
        "Files of your own": OWN_FILES,
    }
)
def prove(
    config: FinetuneConfig,
    base: Annotated[
        str, Argument(help="A tokenizer's folder, with its model or without.", show_default=False)
    ],
    new: Annotated[str, Argument(help="The one compared with it.", show_default=False)],
    task: Annotated[
        list[str] | None, Option("--task", "-t", help="Repeat for more.", show_default=FinetuneConfig.task)
    ] = None,
    seeds: Annotated[int, Option(min=2, help="Pairs of runs.")] = 5,
    output: Annotated[
        Path | None,
        Option("--output", "-o", help="Keep the numbers of every run in this folder.", show_default=False),
    ] = None,
    resume: Annotated[bool, Option("--resume", help="Go on with the runs that -o kept.")] = False,
    force: options.Force = False,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare a new tokenizer with a base one, with an interval.

    Both are fine-tuned with the same seeds, rows and steps. Shown are the mean difference with its 95 %
    interval, tokens a row and time; exit 1 when the new one is shown to be worse, or nothing was learned
    with one of them. No weights are kept.

    Example: `tokbench prove base-tok new-tok --task sst2 --data sample --seeds 5`, or
    `tokbench prove base-tok new-tok -t own --data rows.csv --text-column text --label-column label`
    """
    import tokbench as tb
    from tokbench.reporting.bars import draw_progress
    from tokbench.reporting.views import finetune as finetune_view

    quiet |= not leading()
    with draw_progress(quiet=quiet) as progress:
        proof = tb.prove(
            base,
            new,
            config,
            task=task,
            seeds=seeds,
            output=output,
            force=force,
            resume=resume,
            progress=progress,
            log=partial(say, quiet=quiet),
        )
    if leading():
        put(proof, finetune_view.proof, "proof", json=json)
    raise typer.Exit(0 if proof.held else 1)
