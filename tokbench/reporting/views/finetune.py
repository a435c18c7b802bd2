"""Views of fine-tuning: tasks, runs, comparisons, predictions, the demo, the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from tokbench.errors import plural
from tokbench.finetuning.multi import Done, Glue, PoolingComparison
from tokbench.finetuning.read_record import decimals
from tokbench.finetuning.result import Run
from tokbench.finetuning.tag_scheme import entities
from tokbench.finetuning.tasks import LABELS
from tokbench.reporting.elements import Curve, Facts, Grid, Headline, Paragraph, Part
from tokbench.reporting.svg import pictures

if TYPE_CHECKING:
    from tokbench.finetuning.config import Setting
    from tokbench.finetuning.demo import Demo
    from tokbench.finetuning.environment import Environment
    from tokbench.finetuning.prove import Pair, Proof
    from tokbench.finetuning.result import Answer, Predictions
    from tokbench.finetuning.tag_scheme import Entity
    from tokbench.finetuning.tasks import Task
    from tokbench.pretrained.lineage import Lineage

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
    yield _headline(result)
    if result.remedy:
        yield Paragraph(result.remedy)
    rows = [
        (
            result.metric_words(name),
            f"{value:.4f}",
            result.bounds(name),
            f"{result.majority.get(name, 0.0):.4f}",
        )
        for name, value in result.metrics.items()
    ]
    right = ("this run", "95 % interval", "constant answer")
    yield Grid(("metric", *right), rows, right=right)
    yield Facts([*_fed(result), *_proved(result)])
    if len(result.evaluations) > 1:
        yield from curves(result)
    if result.notes:
        yield Grid(("worth knowing",), [(note,) for note in result.notes])


def _headline(result: Run) -> Headline:
    """The first line: what was measured, and why it is no result where nothing was learned."""
    main = ", ".join(f"{name} {result.metrics[name]:.4f}" for name in result.main)
    words = f"{result.task} {main} on {plural(result.dev_rows, 'dev row')}"
    if not result.output:
        return Headline(f"tried out: {words}; nothing was kept", "plain" if result.proved else "bad")
    mood = "good" if result.learned and result.proved else "bad"
    return Headline(f"{result.output}: {words}" + (f": {result.why}" if result.why else ""), mood)


def _fed(result: Run) -> Iterator[tuple[str, object]]:
    cut = {name: f"{plural(count, 'row')} cut" for name, count in result.truncated.items()}
    tokens = plural(result.tokens, "token")
    yield "train rows", f"{result.train_rows:,} ({tokens}, {cut.pop('train', 'none cut')})"
    for name, words in cut.items():
        rows = result.read.splits[name].rows if result.read else result.dev_rows
        yield f"{name} rows", f"{rows:,} ({words})"
    if result.classes:
        several = result.read is not None and result.read.kind == LABELS
        yield "labels" if several else "classes", _shares(result.classes, result.train_rows if several else 0)
    if result.class_weights:
        weights = [f"{label} {weight:.4g}" for label, weight in result.class_weights.items()]
        yield "class weights", f"{', '.join(weights)} in the train loss, none in the dev loss"
    yield (
        "steps",
        f"{result.steps:,} in {plural(result.epochs, 'epoch')}, batches of {result.batch_size},"
        f" learning rate {result.learning_rate:g}",
    )
    losses = decimals(result.train_loss, 4), decimals(result.constant_loss, 4)
    yield "last loss", f"{losses[0]} (constant answer {losses[1]})"
    yield "speed", f"{result.rows_per_second:,.0f} rows a second on {result.device} in {result.precision}"
    yield (
        "weights",
        f"of step {result.kept_step:,}, after "
        f"{plural(len(result.evaluations), 'evaluation')}, by {result.engine}",
    )
    yield "padding", f"{result.padding:.1%} of the real tokens"
    yield "peak memory", f"{result.peak_memory_mb:,.0f} MB"


def _proved(result: Run) -> Iterator[tuple[str, object]]:
    if result.output:
        yield "load it with", result.load_with
    yield "loaded again", f"logits differ by {result.reload_difference:g}; same ids: {_yes(result.same_ids)}"
    for token, fate in result.new_tokens.items():
        yield f"row of {token}", fate


def _shares(classes: Mapping[str, int], rows: int = 0) -> str:
    """Each class and its share of the train rows (or of `rows`), the most frequent first."""
    total = rows or sum(classes.values())
    ranked = sorted(classes.items(), key=lambda each: -each[1])
    shown = [f"{label} {count / total:.1%}" for label, count in ranked[:MOST_CLASSES]]
    more = f" and {len(ranked) - MOST_CLASSES} more" if len(ranked) > MOST_CLASSES else ""
    return ", ".join(shown) + more


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"


def demo(result: Demo) -> Iterator[Part]:
    """Step by step, then the verdict."""
    from tokbench.reporting.views import check, grow, make

    yield Headline("1. A tokenizer is trained on the texts that ship", opens=True)
    yield from make.trained(result.trained)
    yield Headline("2. Tokens are added, and a model grows with them", opens=True)
    yield from grow.growth(result.growth)
    yield Headline("3. Tokenizer and model are checked against each other", opens=True)
    yield from check.checkup(result.checkup)
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


def curves(result: Run) -> tuple[Curve, Curve]:
    """The loss on train and dev rows, and every metric on the dev rows, step by step."""
    looks, main = result.evaluations, result.main[0]
    losses: list[tuple[str, Sequence[tuple[float, float]]]] = [
        ("train loss", _thinned(result.losses)),
        ("dev loss", [(each.step, each.dev_loss) for each in looks]),
    ]
    metrics = [(name, [(each.step, each.metrics[name]) for each in looks]) for name in result.metrics]
    kept = [look for look in looks if look.step == result.kept_step]
    return (
        Curve(
            f"{result.task}: loss",
            "step",
            "loss",
            losses,
            marks=[(each.step, each.dev_loss, "kept") for each in kept],
        ),
        Curve(
            f"{result.task}: {', '.join(result.metrics)} on the dev rows",
            "step",
            "metric",
            metrics,
            marks=[(each.step, each.metrics[main], "kept") for each in kept],
        ),
    )


def _thinned(losses: Sequence[float]) -> list[tuple[float, float]]:
    """At most POINTS points, each the mean of the steps it stands for: single batches say little."""
    size = max(1, -(-len(losses) // POINTS))
    cut = (losses[start : start + size] for start in range(0, len(losses), size))
    return [(min((at + 1) * size, len(losses)), sum(some) / len(some)) for at, some in enumerate(cut)]


DRAWINGS: Mapping[str, Callable[[Run], str]] = {"curve.svg": lambda result: pictures(curves(result))}


def done(result: Done) -> Iterator[Part]:
    """The window of whatever came of a run."""
    match result:
        case Glue():
            return glue(result)
        case PoolingComparison():
            return comparison(result)
        case Run():
            return run(result)


def glue(result: Glue) -> Iterator[Part]:
    """A row a task, in percent as on the leaderboard, and the average."""
    nine = len(result.runs) + len(result.missing)
    whole = "" if not result.missing else f", {len(result.missing)} of {nine} tasks missing"
    mood = "bad" if not result.held else "plain" if result.missing else "good"
    place = f"{result.output}: " if result.output else ""
    yield Headline(f"{place}average {result.average:.1f}{whole}{_without_learning(result.runs)}", mood)
    rows = [
        (
            name,
            " / ".join(run.metrics),
            _percent(run.metrics.values()),
            _percent(run.majority.values()),
            f"{result.scores[name]:.1f}",
            _yes(run.learned),
            _yes(run.proved),
        )
        for name, run in result.runs.items()
    ]
    header = ("task", "metrics", "this run", "constant", "score", "learned", "proved")
    yield Grid(header, rows, right=("this run", "constant", "score"))
    if result.missing:
        yield Grid(("missing", "why"), list(result.missing.items()))
    yield from _notes(result.runs.items())


def comparison(result: PoolingComparison) -> Iterator[Part]:
    """A row a run, the best first; what it cost beside what it gave."""
    ranked = sorted(result.runs.items(), key=lambda each: -each[1].metrics[each[1].main[0]])
    best, run = ranked[0]
    name = run.main[0]
    one = f"{name} {run.metrics[name]:.4f} (one seed each: see prove for more)"
    if any(each.learned for each in result.runs.values()):
        words = f"best {result.differs}: {best}, {one}{_without_learning(result.runs)}"
    else:
        little = _too_little(each.why for each in result.runs.values())
        words = f"no {result.differs} is best, {little} was learned with any of them: {one}"
    yield Headline(words, "good" if result.held else "bad")
    rows = [
        (
            value,
            *(f"{each.metrics[metric]:.4f}" for metric in run.metrics),
            f"{each.tokens / each.train_rows:.1f}",
            f"{each.seconds:.1f}",
            _yes(each.learned),
            _yes(each.proved),
        )
        for value, each in ranked
    ]
    constant = [f"{run.majority.get(metric, 0.0):.4f}" for metric in run.metrics]
    rows.append(("constant answer", *constant, "", "", "", ""))
    header = (result.differs, *run.metrics, "tokens a row", "seconds", "learned", "proved")
    yield Grid(header, rows, right=header[1:-2])
    yield from _notes(result.runs.items())


def _without_learning(runs: Mapping[str, Run]) -> str:
    """Which of these runs learned nothing, as the end of a line."""
    whys = {name: run.why for name, run in runs.items() if not run.learned}
    return f"; {_too_little(whys.values())} was learned with {', '.join(whys)}" if whys else ""


def _too_little(whys: Iterable[str]) -> str:
    """How much runs learned that did not learn enough: some are above a constant answer in one metric."""
    return "nothing" if all(why.startswith("nothing") for why in whys if why) else "too little"


def _notes(runs: Iterable[tuple[str, Run]]) -> Iterator[Part]:
    rows = [(name, note) for name, run in runs for note in (run.why, run.remedy, *run.notes) if note]
    if rows:
        yield Grid(("run", "worth knowing"), rows)


def _percent(values: Iterable[float]) -> str:
    return " / ".join(f"{100 * value:.1f}" for value in values)


def predicted(result: Predictions) -> Iterator[Part]:
    """The files and how often each label was given; of texts that were given, each with its answer."""
    if result.texts:
        yield from _answered(result)
        return
    rows = sum(result.rows.values())
    yield Headline(f"{plural(rows, 'row')} of {result.task} answered", "good")
    yield Grid(
        ("file", "rows"), [(path, f"{count:,}") for path, count in result.rows.items()], right=("rows",)
    )
    yield Facts([(label, f"{count:,}") for label, count in result.labels.items()], title="answers")
    if result.notes:
        yield Grid(("worth knowing",), [(note,) for note in result.notes])


def _answered(result: Predictions) -> Iterator[Part]:
    """A text and its answer a row: label and probability, score, or the entities that were found."""
    if result.units:
        rows = [
            (_marked(units, labels, result), _entities(units, labels, result))
            for units, labels in zip(result.units, result.answers, strict=True)
        ]
        yield Grid(("text", "entities"), rows)
    elif result.label_probabilities:
        several = zip(result.texts, result.answers, result.label_probabilities, strict=True)
        rows = [(text, _above(answer, shares)) for text, answer, shares in several]
        yield Grid(("text", "labels and their probabilities"), rows)
    elif result.probabilities:
        answers = zip(result.texts, result.answers, result.probabilities, strict=True)
        rows3 = [(text, label, f"{share:.4f}") for text, label, share in answers]
        yield Grid(("text", result.task, "probability"), rows3, right=("probability",))
    else:
        scores = (decimals(each, 4) for each in result.answers if isinstance(each, float))
        rows = list(zip(result.texts, scores, strict=True))
        yield Grid(("text", result.task), rows, right=(result.task,))
    if result.notes:
        yield Grid(("worth knowing",), [(note,) for note in result.notes])


def _above(labels: Answer, shares: Mapping[str, float]) -> str:
    """The labels that a row is given with their probabilities, the likeliest first; else the nearest one."""
    given = labels if isinstance(labels, tuple) else ()
    ranked = sorted(shares.items(), key=lambda each: -each[1])
    if not given:
        return f"none ({ranked[0][0]} has {ranked[0][1]:.4f})"
    return ", ".join(f"{label} {share:.4f}" for label, share in ranked if label in given)


def _found(labels: Answer, result: Predictions) -> list[Entity]:
    """The entities among a text's tags; where tags name none, each word with its own."""
    if not isinstance(labels, tuple):
        return []
    if result.scheme is None:
        return [(label, place, place + 1) for place, label in enumerate(labels)]
    return entities(labels, result.scheme)


def _marked(units: Sequence[str], labels: Answer, result: Predictions) -> str:
    """The words, each entity in brackets behind its type."""
    begins = {start: kind for kind, start, _ in _found(labels, result)}
    ends = {end - 1 for _, _, end in _found(labels, result)}
    return " ".join(
        (f"[{begins[place]} " if place in begins else "") + unit + ("]" if place in ends else "")
        for place, unit in enumerate(units)
    )


def _entities(units: Sequence[str], labels: Answer, result: Predictions) -> str:
    return ", ".join(f"{kind} {' '.join(units[start:end])}" for kind, start, end in _found(labels, result))


def settings(result: Sequence[Setting]) -> Iterator[Part]:
    """A row a field: what it takes, its default and what it is for."""
    rows = [(each.name, each.takes, each.default, each.help) for each in result]
    yield Grid(("setting", "takes", "default", "what it is for"), rows)


MOODS = {"better": "good", "worse": "bad", "not comparable": "bad"}


def proof(result: Proof) -> Iterator[Part]:
    """A verdict a task, then the figures of both sides, and a constant answer's."""
    for pair in result.pairs:
        yield Headline(
            f"{pair.task}: {_verdict(pair)}: {pair.metric}"
            f" {pair.difference:+.4f}, {result.level:.0%} between {pair.low:+.4f} and {pair.high:+.4f}",
            MOODS.get(pair.verdict, "plain"),
        )
        remedy = next((side.remedy for side in (pair.base, pair.new) if not side.learned), "")
        if remedy:
            yield Paragraph(remedy)
    right = ("mean", "constant", "learned", "tokens a row", "seconds", "rows a second")
    header = ("task", "tokenizer", "mean", "constant", "by seed", *right[2:])
    rows = [
        (
            pair.task,
            side.name,
            f"{side.mean:.4f}",
            f"{pair.constant:.4f}",
            " ".join(f"{value:.3f}" for value in side.values),
            f"{len(side.values) - sum(map(bool, side.why))} of {len(side.values)}",
            f"{side.tokens_per_row:.1f}",
            f"{side.seconds:.1f}",
            f"{side.rows_per_second:,.0f}",
        )
        for pair in result.pairs
        for side in (pair.base, pair.new)
    ]
    yield Grid(header, rows, right=right)
    if result.lineage is not None:
        yield from _adaptation(result, result.lineage)
    yield Paragraph(f"Model: {result.model}. The interval is {result.method}.")


def _adaptation(result: Proof, lineage: Lineage) -> Iterator[Part]:
    """What was made of what, how many tokens that saves on each task, and what none of it shows."""
    rows: list[tuple[str, object]] = [("adapted", f"{result.pairs[0].new.name} is {lineage.sentence}")]
    for pair in result.pairs:
        base, new = pair.base, pair.new
        tokens = f"{new.tokens_per_row / base.tokens_per_row - 1:+.1%} tokens a row"
        speed = (
            f", {new.rows_per_second / base.rows_per_second:.2f} times the rows a second"
            if base.rows_per_second
            else ""
        )
        yield Facts([*rows, (pair.task, tokens + speed)])
        rows = []
    yield Paragraph("No general gain is established: other tasks and other texts may say otherwise.")


def _verdict(pair: Pair) -> str:
    """What is said of the two; of tokenizers with which nothing was learned, only that."""
    base, new = pair.base, pair.new
    little = _too_little(why for side in (base, new) if not side.learned for why in side.why)
    if not base.learned and not new.learned:
        return f"{little} was learned, neither with {base.name} nor with {new.name}"
    if not (base.learned and new.learned):
        nothing, other = (new, base) if base.learned else (base, new)
        return f"{little} was learned with {nothing.name}, so that it does not compare with {other.name}"
    than = {"better": "better than", "worse": "worse than"}.get(pair.verdict, "not shown to differ from")
    return f"{new.name} is {than} {base.name}"
