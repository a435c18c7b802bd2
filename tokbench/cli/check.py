"""Check: what will break, before it does; and whether two tokenizers are one."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from tokbench.cli import options
from tokbench.cli.output import hint, put
from tokbench.errors import UsageError

if TYPE_CHECKING:
    from tokbench.checks.findings import Finding

FAILING = ("error", "warning", "note")
Data = Annotated[
    str | None, Option(help="Look at these texts too: unknown, by script, never used.", show_default=False)
]


def check(
    tokenizer: Annotated[
        str | None, typer.Argument(help="A tokenizer's folder or tokenizer.json.", show_default=False)
    ] = None,
    model: Annotated[
        str | None, typer.Argument(help="The model's folder, when it is another.", show_default=False)
    ] = None,
    data: Data = None,
    sample: Annotated[
        int | None, Option(min=1, help="So many texts of --data, drawn by chance.", show_default="all")
    ] = None,
    fix: Annotated[
        bool, Option("--fix", help="Fix what is safe to fix: with -o, --in-place or --dry-run.")
    ] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="With --fix: only say what would be done.")] = False,
    output: Annotated[
        Path | None, Option("--output", "-o", help="With --fix: the new folder.", show_default=False)
    ] = None,
    in_place: Annotated[
        bool, Option("--in-place", help="With --fix: change the folder; old files go to FOLDER.backup.")
    ] = False,
    force: options.Force = False,
    ignore: Annotated[
        list[str] | None, Option(help="Leave this rule out; repeat for more.", metavar="CODE")
    ] = None,
    fail_on: Annotated[str, Option(help=f"Exit 1 on this or worse: {', '.join(FAILING)}.")] = "error",
    explain: Annotated[
        str | None, Option(help="Explain this code: cause, example, source.", show_default=False)
    ] = None,
    listed: Annotated[bool, Option("--list", help="List all rules with their codes.")] = False,
    weights: Annotated[
        bool, Option("--weights", help="Load the weights too, however large: numbers, a forward pass.")
    ] = False,
    quick: Annotated[bool, Option("--quick", help="Leave out what imports transformers.")] = False,
    sarif: Annotated[bool, Option("--sarif", help="Print SARIF 2.1.0, for code hosts and editors.")] = False,
    html: options.Html = None,
    json: options.AsJson = False,
) -> None:
    """Say what will break before it does; exit 1 if it will.

    Reads the tokenizer's files, config.json and the header of the weights; loads a model only if it is
    small, or with --weights.

    Example: `tokbench check my-tok` · `tokbench check my-tok my-model` · `tokbench check --explain TB101` ·
    `tokbench check my-tok --data texts.txt` · `tokbench check my-tok --fix -o fixed`
    """
    import tokbench as tb
    from tokbench.checks import run
    from tokbench.reporting.bars import draw_progress
    from tokbench.reporting.destination import for_eyes
    from tokbench.reporting.views import check as check_view

    if explain is not None:
        return put(run.explain(explain), check_view.explanation, "explanation", json=json, html=html)
    if listed:
        return put(run.explain_all(), check_view.explanations, "explanations", json=json, html=html)
    if tokenizer is None:
        raise UsageError("check needs a tokenizer", fix="tokbench check my-tok")
    _refuse(fail_on, fix=fix, ways=(dry_run, output is not None, in_place))
    _refuse_beside_sarif(sarif, fix=fix, json=json, html=html)
    if fix:
        return _fix(tokenizer, model, output, in_place=in_place, force=force, quick=quick,
                     ignore=ignore or (), fail_on=fail_on, json=json, html=html)  # fmt: skip
    shown: list[Finding] = []
    early = partial(_show_early, shown) if for_eyes() and not (json or sarif or html) else None
    with draw_progress(quiet=data is None) as progress:
        checkup = tb.check(tokenizer, model, quick=quick, values=weights, data=data, sample=sample,
                           ignore=ignore or (), progress=progress, early=early)  # fmt: skip
    if sarif:
        from tokbench.reporting.sarif import as_sarif

        typer.echo(as_sarif(checkup, run.explain_all()))
    else:
        from tokbench.checks.fix import fixable

        put(checkup, partial(check_view.checkup, shown=shown), "checkup", json=json, html=html)
        if number := fixable(checkup):
            hint(f"fix {number} of these: tokbench check {shlex.quote(tokenizer)} --fix --dry-run")
    raise typer.Exit(1 if checkup.fails(fail_on) else 0)


def _show_early(shown: list[Finding], findings: tuple[Finding, ...]) -> None:
    """Show what was found while the rest still looks, and keep in mind that it was."""
    from tokbench.reporting.destination import show
    from tokbench.reporting.views import check as check_view

    shown.extend(findings)
    show(check_view.so_far(findings))


def same(
    one: options.Tokenizer,
    other: Annotated[str, typer.Argument(help="The tokenizer to compare it with.", show_default=False)],
    data: Annotated[
        str | None, Option(help="Compare on these texts too.", metavar="FILE", show_default=False)
    ] = None,
    html: options.Html = None,
    json: options.AsJson = False,
) -> None:
    """Say whether two tokenizers give the same ids; exit 1 if not.

    Compares what they are made of, their vocabularies, and what they make of texts in many scripts; of the
    texts that differ the shortest is shown.

    Example: `tokbench same my-tok other-tok` · `tokbench same my-tok other-tok --data texts.txt`
    """
    import tokbench as tb
    from tokbench.reporting.bars import draw_progress
    from tokbench.reporting.views import check as check_view

    with draw_progress(quiet=data is None) as progress:
        found = tb.same(one, other, data, progress=progress)
    put(found, check_view.sameness, "sameness", json=json, html=html)
    raise typer.Exit(0 if found.passed else 1)


def rebuild(
    folder: Annotated[Path, typer.Argument(help="A folder that tokbench trained.", show_default=False)],
    corpus: Annotated[
        list[str] | None,
        Option(help="What it was trained on.", metavar="FILE", show_default="the recorded names, here"),
    ] = None,
    counts: options.Counts = None,
    column: options.Column = None,
    verify: Annotated[bool, Option("--verify", help="Exit 1 if anything differs.")] = False,
    output: Annotated[
        Path | None, Option("--output", "-o", help="Keep what was trained again.", show_default=False)
    ] = None,
    engine: options.Engine = "auto",
    force: options.Force = False,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Train again what a folder records; say whether the same comes out.

    Files are compared byte for byte. Where they differ the first cause is told: another corpus, other
    versions, a recipe that was changed, or the place in the JSON.

    Example: `tokbench rebuild my-tok --corpus corpus.txt --verify`
    """
    import tokbench as tb
    from tokbench.corpus.reading import CorpusPaths
    from tokbench.reporting.bars import draw_progress
    from tokbench.reporting.views import check as check_view

    with draw_progress(quiet=quiet) as progress:
        found = tb.rebuild(
            folder,
            CorpusPaths(corpus or ()),
            counts=counts,
            column=column,
            output=output,
            engine=engine,
            force=force,
            progress=progress,
        )
    put(found, check_view.rebuilt, "rebuild", json=json)
    raise typer.Exit(1 if verify and not found.passed else 0)


def _refuse(fail_on: str, *, fix: bool, ways: tuple[bool, ...]) -> None:
    """Say what does not go together."""
    if fail_on not in FAILING:
        raise UsageError(f"there is nothing called {fail_on} to fail on", fix=f"one of {', '.join(FAILING)}")
    if fix and sum(ways) != 1:
        raise UsageError(
            "--fix wants one of three: a look ahead, a new folder, or the folder itself",
            fix="--dry-run, -o NEW or --in-place",
        )
    if any(ways) and not fix:
        raise UsageError("--dry-run, -o and --in-place belong to --fix", fix="add --fix")


def _refuse_beside_sarif(sarif: bool, *, fix: bool, json: bool, html: Path | None) -> None:
    """Say that SARIF is of findings, and the one form in which they are shown."""
    if sarif and fix:
        raise UsageError(
            "--sarif shows what was found, and --fix changes it",
            fix="run check twice: with --fix, then with --sarif",
        )
    if sarif and (json or html):
        other = "--json" if json else "--html"
        raise UsageError(f"--sarif and {other} are two forms of one result", fix="leave one of them out")


def _fix(
    tokenizer: str,
    model: str | None,
    output: Path | None,
    *,
    in_place: bool,
    force: bool,
    quick: bool,
    ignore: list[str] | tuple[str, ...],
    fail_on: str,
    json: bool,
    html: Path | None,
) -> None:
    import tokbench as tb
    from tokbench.reporting.views import check as check_view

    report = tb.fix(
        tokenizer, output, model=model, in_place=in_place, force=force, quick=quick, ignore=ignore
    )
    put(report, check_view.fix_report, "fix-report", json=json, html=html)
    if not report.output:
        hint(f"do it: tokbench check {shlex.quote(tokenizer)} --fix -o fixed")
    raise typer.Exit(1 if report.after.fails(fail_on) else 0)
