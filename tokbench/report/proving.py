"""Windows on what was proved: tasks, a fine-tuning run, the demo, the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from tokbench.errors import plural
from tokbench.finetune.demo import Demo
from tokbench.finetune.environment import Environment
from tokbench.finetune.run import Run
from tokbench.finetune.tasks import Task
from tokbench.report import checking, growing, making
from tokbench.report.parts import Curve, Facts, Grid, Headline, Part
from tokbench.report.svg import picture

MOST_CLASSES = 8

POINTS = 30  # of a curve of losses


def tasks(result: Mapping[str, Task]) -> Iterator[Part]:
    """A row a task."""
    rows = [
        (
            name,
            ", ".join(task.metrics),
            f"{task.train_rows:,}",
            f"{sum(split.rows for split in task.evaluation):,}",
            " / ".join(task.example[:-1]) + f" → {task.example[-1]}",
        )
        for name, task in result.items()
    ]
    yield Grid(("task", "metrics", "train", "dev", "example"), rows, right=("train", "dev"))


def run(result: Run) -> Iterator[Part]:
    """The metric against the best constant answer, what was fed, what was proved."""
    mood = "good" if result.beats_majority and result.proved else "bad"
    main = ", ".join(f"{name} {result.metrics[name]:.4f}" for name in result.main)
    yield Headline(f"{result.output}: {result.task} {main} on {plural(result.dev_rows, 'dev row')}", mood)
    rows = [
        (name, f"{value:.4f}", result.bounds(name), f"{result.majority.get(name, 0.0):.4f}")
        for name, value in result.metrics.items()
    ]
    right = ("this run", "95 % interval", "constant answer")
    yield Grid(("metric", *right), rows, right=right)
    yield Facts([*_fed(result), *_proved(result)])
    if len(result.evaluations) > 1:
        yield curve(result)
    if result.notes:
        yield Grid(("worth knowing",), [(note,) for note in result.notes])


def _fed(result: Run) -> Iterator[tuple[str, object]]:
    tokens, cut = plural(result.tokens, "token"), plural(result.truncated, "row")
    yield "train rows", f"{result.train_rows:,} ({tokens}, {cut} cut)"
    if result.classes:
        yield "classes", _shares(result.classes)
    yield "steps", f"{result.steps:,} at learning rate {result.learning_rate:g}, last loss {result.loss:.4f}"
    yield "speed", f"{result.rows_per_second:,.0f} rows a second on {result.device} in {result.precision}"
    yield (
        "weights",
        f"of step {result.kept_step:,}, after "
        f"{plural(len(result.evaluations), 'evaluation')}, by {result.engine}",
    )
    yield "padding", f"{result.padding:.1%} of the real tokens"
    yield "peak memory", f"{result.peak_memory_mb:,.0f} MB"


def _proved(result: Run) -> Iterator[tuple[str, object]]:
    yield "loaded again", f"logits differ by {result.reload_difference:g}; same ids: {_yes(result.same_ids)}"
    for token, fate in result.new_tokens.items():
        yield f"row of {token}", fate


def _shares(classes: Mapping[str, int]) -> str:
    """Each class and its share of the train rows, the most frequent first."""
    total = sum(classes.values())
    ranked = sorted(classes.items(), key=lambda each: -each[1])
    shown = [f"{label} {count / total:.1%}" for label, count in ranked[:MOST_CLASSES]]
    more = f" and {len(ranked) - MOST_CLASSES} more" if len(ranked) > MOST_CLASSES else ""
    return ", ".join(shown) + more


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"


def demo(result: Demo) -> Iterator[Part]:
    """Step by step, then the verdict."""
    yield Headline("1. A tokenizer is trained on the texts that ship", opens=True)
    yield from making.trained(result.trained)
    yield Headline("2. Tokens are added, and a model grows with them", opens=True)
    yield from growing.growth(result.growth)
    yield Headline("3. Tokenizer and model are checked against each other", opens=True)
    yield from checking.checkup(result.checkup)
    yield Headline("4. The model is fine-tuned on film reviews, and the result is proved", opens=True)
    yield from run(result.run)
    verdict = "everything fits" if result.passed else "something does not fit: see above"
    mood = "good" if result.passed else "bad"
    yield Headline(f"{verdict}; {result.seconds:.0f} seconds, all in {result.output}", mood)


def environment(result: Environment) -> Iterator[Part]:
    """One fact a line, to be pasted into a report."""
    offline = "yes" if result.offline else "no"
    yield Facts(
        [
            ("tokbench", result.tokbench),
            ("python", result.python),
            ("system", result.system),
            ("processors", result.processors),
            ("offline", offline),
            *((name, installed or "not installed") for name, installed in result.packages.items()),
        ]
    )


def curve(result: Run) -> Curve:
    """The loss on the train rows and every metric on the dev rows, step by step."""
    looks = result.evaluations
    series = [("train loss", _thinned(result.losses))]
    for name in result.metrics:
        series.append((name, [(each.step, each.metrics[name]) for each in looks]))
    mark = [
        (look.step, look.metrics[result.main[0]], "kept") for look in looks if look.step == result.kept_step
    ]
    return Curve(f"{result.task}: loss and metrics", "step", "value", series, marks=mark)


def _thinned(losses: Sequence[float]) -> list[tuple[float, float]]:
    """At most POINTS points, each the mean of the steps it stands for: single batches say little."""
    size = max(1, -(-len(losses) // POINTS))
    cut = (losses[start : start + size] for start in range(0, len(losses), size))
    return [(min((at + 1) * size, len(losses)), sum(some) / len(some)) for at, some in enumerate(cut)]


DRAWINGS: Mapping[str, Callable[[Run], str]] = {"curve.svg": lambda result: picture(curve(result))}
