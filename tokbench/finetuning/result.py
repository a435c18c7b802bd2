"""What came of a fine-tuning run, as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tokbench.finetuning.read_record import decimals
from tokbench.results import Result

if TYPE_CHECKING:
    from tokbench.finetuning.read_record import ReadRecord
    from tokbench.finetuning.tag_scheme import TagScheme

F1 = "f1"  # the metric that is of one class
LOSS = "loss"  # what every evaluation has beside its metrics
HALVES = ("precision", "recall")  # of an F1, each of which one answer to everything can have
ROUNDING = 1e-4  # a GPU may add in another order; on a CPU in fp32 the difference is 0


@dataclass(frozen=True)
class Evaluation:
    """One look at the dev rows: after which step, in which epoch.

    `train_loss` is the mean over the steps since the look before, `dev_loss` the mean over the dev rows.
    """

    step: int
    epoch: float
    train_loss: float
    dev_loss: float
    metrics: Mapping[str, float]

    def value(self, name: str) -> float:
        """A metric, or by the name loss the dev loss."""
        return self.dev_loss if name == LOSS else self.metrics[name]


@dataclass(frozen=True, kw_only=True, repr=False)
class Run(Result, kind="run", version=2):
    """One finished run: the metric against a constant answer, what was fed, what was proved."""

    task: str
    metrics: Mapping[str, float]  # by name; mnli's carry the split's name
    majority: Mapping[str, float]  # the same metrics of the best constant answer
    main: tuple[str, ...]  # the metrics compared with the majority's, one a dev split
    train_rows: int
    dev_rows: int
    tokens: int  # in the train rows, special ones included
    padding: float  # computed over real tokens in training, less one: 0.05 is 5 % wasted
    steps: int
    train_loss: float  # mean over the last tenth of the steps
    constant_loss: float  # on the train rows, of the best answer that is the same for all rows
    epochs: int
    batch_size: int
    learning_rate: float  # the highest
    max_length: int  # tokens a row was cut to
    parameters: int
    device: str
    precision: str
    seconds: float  # of the training loop alone
    rows_per_second: float  # in training
    peak_memory_mb: float  # of the process, or of the GPU
    reload_difference: float  # largest difference between logits before saving and after loading again
    same_ids: bool  # whether the saved tokenizer gives the ids that were trained on
    new_tokens: Mapping[str, str]  # added token → "moved", "not in the data" or "no gradient"
    no_gradient: tuple[str, ...]  # tokens of the train rows whose embedding never got a gradient
    notes: tuple[str, ...]
    output: str
    command: str = ""  # that makes it again, beside it
    why: str = ""  # nothing was learned; "" where something was
    remedy: str = ""  # what may help then
    classes: Mapping[str, int] = field(default_factory=dict)  # train rows (tagged: words) of each label
    class_weights: Mapping[str, float] = field(default_factory=dict)  # of the train loss; none: all alike
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # 95 %, of the metrics
    engine: str = "loop"
    load_with: str = ""  # the line of Python that loads the saved model
    kept_step: int = 0  # the step whose weights were saved
    losses: tuple[float, ...] = ()  # of the train batches, one a step
    evaluations: tuple[Evaluation, ...] = ()
    read: ReadRecord | None = None  # how the rows were read; None in a run of an earlier version

    @property
    def learned(self) -> bool:
        """Whether it is above what one and the same answer to all rows would score, in every metric."""
        return not self.why

    @property
    def beats_majority(self) -> bool:
        """Whether every metric is above that of its best constant answer."""
        return not self.not_above_constant

    @property
    def not_above_constant(self) -> tuple[str, ...]:
        """The metrics that an answer which is the same for all rows has as well, or better.

        Not precision and recall, which judge together: calling every word an entity finds them all.
        """
        return tuple(
            name
            for name, value in self.metrics.items()
            if value <= self.majority[name] and not name.endswith(HALVES)
        )

    @property
    def truncated(self) -> dict[str, int]:
        """Rows of each split that were cut to the maximum length."""
        return {name: each.cut for name, each in self.read.splits.items()} if self.read else {}

    def metric_words(self, name: str) -> str:
        """A metric's name for people: F1 of two classes with the class that it is of."""
        positive = self.read.positive if self.read else ""
        return f"{name} of {positive}" if positive and name.rpartition("_")[2] == F1 else name

    def bounds(self, name: str) -> str:
        """A metric's 95 % interval in words; nothing where none is known."""
        low, high = self.intervals.get(name, (None, None))
        return "" if low is None else f"{low:.4f} – {high:.4f}"

    @property
    def proved(self) -> bool:
        """Whether the saved folder gives the logits (to rounding) and the ids that were trained."""
        return self.same_ids and self.reload_difference <= ROUNDING

    @property
    def held(self) -> bool:
        """Whether the run is one to go on with: proved, and something was learned."""
        return self.proved and self.learned


Answer = str | float | tuple[str, ...]  # a label, a score, several labels, or a label for each word


@dataclass(frozen=True, kw_only=True, repr=False)
class Predictions(Result, kind="predictions", table=("answers",)):
    """The answers to rows, in memory or in files, and how often each label was given; nothing for a score.

    `rows` counts them by the path of the file that was written, or by the name that it would have.
    `answers` are those of all rows in their order; () where they were written into files. Of a class,
    `probabilities` has what the model gives it (softmax); where rows have several labels,
    `label_probabilities` has each label's (sigmoid). `units` are a tagger's words of each row, and
    `scheme` is how its tags were read in training; None where they name no entities.
    """

    task: str
    rows: Mapping[str, int]
    labels: Mapping[str, int]
    notes: tuple[str, ...]
    answers: tuple[Answer, ...] = ()
    probabilities: tuple[float, ...] = ()
    label_probabilities: tuple[Mapping[str, float], ...] = ()
    texts: tuple[str, ...] = ()
    units: tuple[tuple[str, ...], ...] = ()
    scheme: TagScheme | None = None


# Of the mean loss at the end, over that of the best constant answer. Runs that were useless had 0.94 and more
# (cola, sst2 and stsb at 5e-5), the highest of one that learned was 0.81 (sst2 of 300 rows, 30 steps).
HARDLY_LESS = 0.9
CLEARLY = 0.1


def nothing_learned(run: Run, same_answers: Sequence[str], *, losses_compare: bool = True) -> str:
    """Why a run learned nothing, in a clause; "" where it did.

    `same_answers` are the splits on which all rows got one and the same answer. Losses compare with those of
    a constant answer unless something lifts them, such as smoothed labels.
    """
    reasons = list(_reasons(run, same_answers, losses_compare=losses_compare))
    if not reasons:
        return ""
    losses = f"loss {decimals(run.train_loss, 2)}, a constant answer's is {decimals(run.constant_loss, 2)}"
    return f"{reasons[0]} ({losses})"


def _reasons(run: Run, same_answers: Sequence[str], *, losses_compare: bool) -> Iterator[str]:
    if same_answers:
        yield f"nothing was learned, every row of {' and '.join(same_answers)} gets the same answer"
    below = run.not_above_constant
    if below:
        nothing = "nothing was learned, " if len(below) == len(run.metrics) else ""
        yield f"{nothing}{below[0]} is not above a constant answer's {run.majority[below[0]]:.4f}"
    if losses_compare and run.train_loss > HARDLY_LESS * run.constant_loss and not _clearly_above(run):
        yield "hardly anything was learned"


def _clearly_above(run: Run) -> bool:
    """Whether a metric, chance allowed for, is above the constant answer's by CLEARLY of what that lacks.

    The loss of a model that has just begun to learn, at a lower rate, is still that of a constant answer.
    """
    return any(
        run.intervals[name][0] > constant + CLEARLY * (1 - constant)
        for name, constant in run.majority.items()
        if name in run.intervals
    )
