"""Windows on several runs: all of GLUE, a comparison, and what was predicted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tokbench.errors import plural
from tokbench.finetune.beside import Done
from tokbench.finetune.run import Run
from tokbench.finetune.several import Comparison, Glue
from tokbench.report import proving
from tokbench.report.parts import Facts, Grid, Headline, Part

if TYPE_CHECKING:
    from tokbench.finetune.predictions import Predicted  # with torch


def done(result: Done) -> Iterator[Part]:
    """The window of whatever came of a run."""
    match result:
        case Glue():
            return glue(result)
        case Comparison():
            return comparison(result)
        case Run():
            return proving.run(result)


def glue(result: Glue) -> Iterator[Part]:
    """A row a task, in percent as on the leaderboard, and the average."""
    nine = len(result.runs) + len(result.missing)
    whole = "" if not result.missing else f", {len(result.missing)} of {nine} tasks missing"
    mood = "good" if result.proved and not result.missing else "plain" if result.proved else "bad"
    place = f"{result.output}: " if result.output else ""
    yield Headline(f"{place}average {result.average:.1f}{whole}", mood)
    rows = [
        (
            name,
            " / ".join(run.metrics),
            _percent(run.metrics.values()),
            _percent(run.majority.values()),
            f"{result.scores[name]:.1f}",
            "yes" if run.proved else "no",
        )
        for name, run in result.runs.items()
    ]
    header = ("task", "metrics", "this run", "constant", "score", "proved")
    yield Grid(header, rows, right=("this run", "constant", "score"))
    if result.missing:
        yield Grid(("missing", "why"), list(result.missing.items()))
    yield from _notes(result.runs.items())


def comparison(result: Comparison) -> Iterator[Part]:
    """A row a run, the best first; what it cost beside what it gave."""
    ranked = sorted(result.runs.items(), key=lambda each: -each[1].metrics[each[1].main[0]])
    best, run = ranked[0]
    name = run.main[0]
    yield Headline(
        f"best {result.differs}: {best}, {name} {run.metrics[name]:.4f} (one seed each: see prove for more)",
        "good" if result.proved else "bad",
    )
    rows = [
        (
            value,
            *(f"{each.metrics[metric]:.4f}" for metric in run.metrics),
            f"{each.tokens / each.train_rows:.1f}",
            f"{each.seconds:.1f}",
            "yes" if each.proved else "no",
        )
        for value, each in ranked
    ]
    constant = [f"{run.majority.get(metric, 0.0):.4f}" for metric in run.metrics]
    rows.append(("constant answer", *constant, "", "", ""))
    header = (result.differs, *run.metrics, "tokens a row", "seconds", "proved")
    yield Grid(header, rows, right=header[1:-1])
    yield from _notes(result.runs.items())


def _notes(runs: Iterable[tuple[str, Run]]) -> Iterator[Part]:
    rows = [(name, note) for name, run in runs for note in run.notes]
    if rows:
        yield Grid(("run", "worth knowing"), rows)


def _percent(values: Iterable[float]) -> str:
    return " / ".join(f"{100 * value:.1f}" for value in values)


def predicted(result: Predicted) -> Iterator[Part]:
    """The files, and how often each label was given."""
    rows = sum(result.rows.values())
    yield Headline(f"{plural(rows, 'row')} of {result.task} answered", "good")
    yield Grid(
        ("file", "rows"), [(path, f"{count:,}") for path, count in result.rows.items()], right=("rows",)
    )
    yield Facts([(label, f"{count:,}") for label, count in result.labels.items()], title="answers")
    if result.notes:
        yield Grid(("worth knowing",), [(note,) for note in result.notes])
