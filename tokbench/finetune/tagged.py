"""Sentences whose words, or characters, each carry a label: CoNLL files and KLUE's.

One unit and its label a line, an empty line after each sentence, lines with `##` and a space are notes.
The unit is a word in the first column, or a character, as KLUE has it: then spaces have lines of their
own, which carry no entity and are left out of every count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tokbench.errors import AskedWrongly, DataProblem, FileProblem
from tokbench.finetune.tasks import Split, Task

OUTSIDE = "O"
ENDINGS = (".conll", ".conllu", ".bio", ".iob", ".iob2", ".tsv", ".txt")
WORD, CHARACTER = "word", "character"
WORD_METRICS = ("entity_f1", "entity_precision", "entity_recall")
# KLUE's two come last; the first is what other benchmarks call F1
CHARACTER_METRICS = ("entity_f1", "entity_macro_f1", "character_macro_f1")

Sentence = tuple[list[str], list[str]]  # units, their labels


@dataclass(frozen=True)
class Tagged:
    """Sentences of units, and a class id for each; `characters` when they stand without spaces between."""

    units: list[list[str]]
    labels: list[list[int]]
    characters: bool
    left_out: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.units)

    @property
    def texts(self) -> list[str]:
        """Each sentence as one text."""
        between = "" if self.characters else " "
        return [between.join(units) for units in self.units]

    def pick(self, indices: Sequence[int]) -> Tagged:
        """These sentences alone, in this order."""
        units, labels = [self.units[index] for index in indices], [self.labels[index] for index in indices]
        return Tagged(units, labels, self.characters, self.left_out)


@dataclass(frozen=True)
class Sentences:
    """What stands in one file, before its labels are numbers."""

    path: Path
    found: list[Sentence]

    @property
    def characters(self) -> bool:
        """Whether the units are characters: spaces among them have lines of their own."""
        return any(unit.isspace() for units, _ in self.found for unit in units)


def read_sentences(path: Path) -> Sentences:
    """The sentences of one file; DataProblem names the line that is not a unit and a label."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        line = path.read_bytes()[: problem.start].count(b"\n") + 1
        raise DataProblem(f"{path} line {line} is not UTF-8", fix="save it as UTF-8") from problem
    found = list(_sentences(text.split("\n"), path))
    if not found:
        raise DataProblem(f"{path} has no sentences", fix="one word, a tab and its label a line")
    return Sentences(path, found)


def _sentences(lines: Iterable[str], path: Path) -> Iterator[Sentence]:
    units: list[str] = []
    labels: list[str] = []
    for number, line in enumerate(lines, 1):
        unit, label = _split(line.rstrip("\r"), f"{path} line {number}")
        if unit:
            units.append(unit)
            labels.append(label)
        elif label != NOTE and units:
            yield units, labels
            units, labels = [], []
    if units:
        yield units, labels


NOTE = "note"


def _split(line: str, place: str) -> tuple[str, str]:
    """Unit and label; no unit at the end of a sentence (a line of tabs is one) and on a line of notes."""
    if line.startswith(("## ", "-DOCSTART-")):
        return "", NOTE
    if not line.strip() and line.strip(" ") == line.strip(" \t"):
        return "", ""
    if not line.replace("\t", ""):
        return "", ""
    fields = line.split("\t") if "\t" in line else line.split(" ")
    unit, label = fields[0], fields[-1].strip()
    if len(fields) < 2 or not unit or not label:
        raise DataProblem(f"{place}: {line!r} is not a word and a label", fix="one tab between the two")
    return unit, label


def read_tagged(data: Path, *, dev: Path | None, all_pieces: bool) -> tuple[Task, dict[str, Tagged]]:
    """The task that a file or a folder's files hold, and its rows by split; a file alone has no dev."""
    files = {"train": data} if data.is_file() else _files_of(data)
    if dev is not None:
        files["dev"] = dev
    read = {name: read_sentences(path) for name, path in files.items()}
    characters = any(each.characters for each in read.values())
    labels = labels_of(read.values())
    if len(labels) == 1:
        raise DataProblem(
            f"every label in {data} is {OUTSIDE}: there is nothing to learn", fix="label some words"
        )
    task = Task(
        name="ner",
        folder="ner",
        texts=("words",),
        tsv_texts=("words",),
        labels=labels,
        metrics=CHARACTER_METRICS if characters else WORD_METRICS,
        train_rows=len(read["train"].found),
        evaluation=(Split("dev", "dev", "validation", 0),),
        unit=CHARACTER if characters else WORD,
        all_pieces=all_pieces,
        about="Which words are names, and of what?",
    )
    return task, {name: _numbered(each, labels, characters) for name, each in read.items()}


def labels_of(read: Iterable[Sentences]) -> tuple[str, ...]:
    """O first, then B- and I- of each type by name; a type that only begins can also go on."""
    found = {label for each in read for _, labels in each.found for label in labels}
    found |= {f"I-{label[2:]}" for label in found if label.startswith("B-")}
    kinds = sorted(found - {OUTSIDE}, key=lambda label: (label[2:], label[:2]))
    return (OUTSIDE, *kinds)


def _numbered(read: Sentences, labels: tuple[str, ...], characters: bool) -> Tagged:
    number = {label: index for index, label in enumerate(labels)}
    units = [sentence for sentence, _ in read.found]
    return Tagged(units, [[number[label] for label in each] for _, each in read.found], characters)


def _files_of(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise FileProblem(f"there is no {folder}", fix="--data FILE.conll, or a folder with train and dev")
    files = {}
    for name, words in {"train": ("train",), "dev": ("dev", "valid", "validation")}.items():
        fitting = [each for each in sorted(folder.iterdir()) if _fits(each, words)]
        if len(fitting) > 1:
            both = " and ".join(each.name for each in fitting[:2])
            raise AskedWrongly(f"{folder} has {both}: which is {name}?", fix="--data FILE --dev FILE")
        if fitting:
            files[name] = fitting[0]
    if "train" not in files:
        raise FileProblem(f"no train.conll in {folder}", fix="--data FILE.conll --dev FILE.conll")
    return files


def _fits(path: Path, words: tuple[str, ...]) -> bool:
    return path.suffix in ENDINGS and path.stem.lower() in words
