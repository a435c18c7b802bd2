"""The GLUE tasks as rows of data: what stands where in their files, their labels, metrics and sizes.

Nothing else in the house knows a task by its name, so all of them run through the same path; a task on
someone's own rows, or on words with tags, is one more Task, made from what stands in the files.
Sizes are those of the official release; qqp's train file holds three rows with missing fields besides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokbench.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from tokbench.finetuning.tag_scheme import TagScheme


@dataclass(frozen=True)
class Split:
    """Rows to evaluate on: our name for them, their file, their name on the hub, how many there are."""

    name: str
    file: str
    hub: str
    rows: int


@dataclass(frozen=True)
class Hidden:
    """Rows whose labels only gluebenchmark.com knows: their file, split and number, the file it takes."""

    file: str
    hub: str
    rows: int
    submission: str


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a model is asked: one of GLUE, or one made from someone's own files."""

    name: str  # also the name of its configuration on the hub
    folder: str  # as the official archive calls it
    texts: tuple[str, ...]  # columns on the hub: one text, or two
    tsv_texts: tuple[str, ...]  # the same columns in the official files
    tsv_label: str = "label"
    tsv_header: tuple[str, ...] = ()  # column names where the files have no header line
    labels: tuple[str, ...] = ()  # names in the hub's id order; none for a score
    tsv_labels: tuple[str, ...] = ()  # how the official files write them; the names when empty
    scores: tuple[float, float] | None = None  # lowest and highest score of a regression
    threshold: float | None = None  # probability above which a row has a label; None: it has one label
    metrics: tuple[str, ...] = ("accuracy",)  # the first is the task's main one
    train_rows: int = 0
    evaluation: tuple[Split, ...] = ()
    tests: tuple[Hidden, ...] = ()  # rows to predict
    incomplete: int = 0  # rows with missing fields known to be in the official train file
    unit: str = ""  # what carries a label of its own: "word" or "character"; empty: the whole row
    scheme: TagScheme | None = None  # how labels of units name entities; None where they name none
    all_pieces: bool = False  # whether a word's later pieces are labelled too, as its continuation
    example: tuple[str, ...] = ()  # text, or two texts, then the label
    about: str = ""

    @property
    def regression(self) -> bool:
        """Whether a row has a score instead of a class."""
        return self.scores is not None

    @property
    def multi_label(self) -> bool:
        """Whether a row has any number of labels, also none."""
        return self.threshold is not None

    @property
    def tagging(self) -> bool:
        """Whether each word or character has a label of its own."""
        return self.unit != ""

    @property
    def outside(self) -> str:
        """The label of a unit that the model does not see: that outside of entities, or the first."""
        named = self.scheme.outside if self.scheme else ""
        return named if named in self.labels else self.labels[0]

    @property
    def positive(self) -> str:
        """The class that F1 is of, the second of two; "" for a task that has no such metric."""
        return self.labels[1] if len(self.labels) == 2 and "f1" in self.metrics else ""

    @property
    def trainable(self) -> bool:
        """Whether there are rows to train on; ax has none."""
        return self.train_rows > 0

    def key(self, split: Split, metric: str) -> str:
        """The metric's name in results: with the split's name where there are several splits."""
        return metric if len(self.evaluation) == 1 else f"{split.name}_{metric}"


def _dev(rows: int) -> tuple[Split, ...]:
    return (Split("dev", "dev.tsv", "validation", rows),)


def _test(rows: int, name: str) -> tuple[Hidden, ...]:
    return (Hidden("test.tsv", "test", rows, f"{name}.tsv"),)


_NUMBERS = ("0", "1")
_NLI = ("entailment", "neutral", "contradiction")

_ROWS = (
    Task(
        name="cola",
        folder="CoLA",
        texts=("sentence",),
        tsv_texts=("sentence",),
        tsv_header=("source", "label", "mark", "sentence"),
        labels=("unacceptable", "acceptable"),
        tsv_labels=_NUMBERS,
        metrics=("matthews",),
        train_rows=8_551,
        evaluation=_dev(1_043),
        tests=_test(1_063, "CoLA"),
        example=("The kettle has been boiling since noon.", "acceptable"),
        about="Is the sentence good English grammar?",
    ),
    Task(
        name="sst2",
        folder="SST-2",
        texts=("sentence",),
        tsv_texts=("sentence",),
        labels=("negative", "positive"),
        tsv_labels=_NUMBERS,
        train_rows=67_349,
        evaluation=_dev(872),
        tests=_test(1_821, "SST-2"),
        example=("a warm and quietly funny film", "positive"),
        about="Does the film critic like it?",
    ),
    Task(
        name="mrpc",
        folder="MRPC",
        texts=("sentence1", "sentence2"),
        tsv_texts=("#1 String", "#2 String"),
        tsv_label="Quality",
        labels=("not_equivalent", "equivalent"),
        tsv_labels=_NUMBERS,
        metrics=("accuracy", "f1"),
        train_rows=3_668,
        evaluation=_dev(408),
        tests=_test(1_725, "MRPC"),
        example=("The ferry left at nine.", "It was nine when the ferry sailed.", "equivalent"),
        about="Do two sentences from the news say the same?",
    ),
    Task(
        name="qqp",
        folder="QQP",
        texts=("question1", "question2"),
        tsv_texts=("question1", "question2"),
        tsv_label="is_duplicate",
        labels=("not_duplicate", "duplicate"),
        tsv_labels=_NUMBERS,
        metrics=("accuracy", "f1"),
        train_rows=363_846,
        evaluation=_dev(40_430),
        tests=_test(390_965, "QQP"),
        incomplete=3,
        example=("How do I clean a wool rug?", "What is wool made of?", "not_duplicate"),
        about="Do two questions ask the same?",
    ),
    Task(
        name="stsb",
        folder="STS-B",
        texts=("sentence1", "sentence2"),
        tsv_texts=("sentence1", "sentence2"),
        tsv_label="score",
        scores=(0.0, 5.0),
        metrics=("pearson", "spearman"),
        train_rows=5_749,
        evaluation=_dev(1_500),
        tests=_test(1_379, "STS-B"),
        example=("A child is feeding ducks.", "A girl feeds some birds.", "3.6"),
        about="How alike are two sentences, from 0 to 5?",
    ),
    Task(
        name="mnli",
        folder="MNLI",
        texts=("premise", "hypothesis"),
        tsv_texts=("sentence1", "sentence2"),
        tsv_label="gold_label",
        labels=_NLI,
        train_rows=392_702,
        evaluation=(
            Split("matched", "dev_matched.tsv", "validation_matched", 9_815),
            Split("mismatched", "dev_mismatched.tsv", "validation_mismatched", 9_832),
        ),
        tests=(
            Hidden("test_matched.tsv", "test_matched", 9_796, "MNLI-m.tsv"),
            Hidden("test_mismatched.tsv", "test_mismatched", 9_847, "MNLI-mm.tsv"),
        ),
        example=("The shop shuts at six.", "You can buy bread there at eight.", "contradiction"),
        about="Does the second sentence follow from the first?",
    ),
    Task(
        name="qnli",
        folder="QNLI",
        texts=("question", "sentence"),
        tsv_texts=("question", "sentence"),
        labels=("entailment", "not_entailment"),
        train_rows=104_743,
        evaluation=_dev(5_463),
        tests=_test(5_463, "QNLI"),
        example=("Where is the old mill?", "The old mill stands by the river.", "entailment"),
        about="Does the sentence hold the answer to the question?",
    ),
    Task(
        name="rte",
        folder="RTE",
        texts=("sentence1", "sentence2"),
        tsv_texts=("sentence1", "sentence2"),
        labels=("entailment", "not_entailment"),
        train_rows=2_490,
        evaluation=_dev(277),
        tests=_test(3_000, "RTE"),
        example=("The bridge opened in May.", "The bridge has never opened.", "not_entailment"),
        about="Does the second text follow from the first?",
    ),
    Task(
        name="wnli",
        folder="WNLI",
        texts=("sentence1", "sentence2"),
        tsv_texts=("sentence1", "sentence2"),
        labels=("not_entailment", "entailment"),  # the other way round than rte
        tsv_labels=_NUMBERS,
        train_rows=635,
        evaluation=_dev(71),
        tests=_test(146, "WNLI"),
        example=("The box missed the shelf because it was low.", "The shelf was low.", "entailment"),
        about="Is the pronoun read right? Dev is built to mislead.",
    ),
    Task(
        name="ax",
        folder="diagnostic",
        texts=("premise", "hypothesis"),
        tsv_texts=("sentence1", "sentence2"),
        labels=_NLI,
        metrics=("matthews",),
        tests=(Hidden("diagnostic.tsv", "test", 1_104, "AX.tsv"),),
        example=("The dog did not bark.", "The dog barked.", "contradiction"),
        about="1,104 hard rows to predict with a model trained on mnli.",
    ),
)

TASKS: dict[str, Task] = {task.name: task for task in _ROWS}
CLASSES, SCORES, TAGS, LABELS = "classes", "scores", "tags", "labels"  # what a row is to be given
LABEL_KINDS = ("auto", CLASSES, SCORES)
OWN, NER = "own", "ner"  # made from someone's files: rows with a class or a score; words with tags
ALL = "all"  # the nine that can be trained


def must_be_trainable(name: str) -> None:
    """Nothing, or an error when no task has that name or there is nothing to train it on."""
    if name in (OWN, NER, ALL):
        return
    if name not in TASKS:
        raise UsageError(f"no task is called {name!r}", fix=did_you_mean(name, (*TASKS, OWN, NER, ALL)))
    if not TASKS[name].trainable:
        raise UsageError(
            f"{name} has no rows to train on; it is for predictions of a model trained on mnli",
            fix=f"tokbench finetune --task mnli -o run && tokbench predict run --task {name}",
        )
