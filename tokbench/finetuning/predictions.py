"""Answers to rows whose labels are hidden: gluebenchmark.com's files, a table, or a tag a word."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tokbench.errors import UsageError, plural
from tokbench.finetuning.data.answer_files import write_answers, write_tagged
from tokbench.finetuning.data.batches import Batches
from tokbench.finetuning.data.tagging import Tagged
from tokbench.finetuning.data.tokenize import EncodedRows, must_fit, tokenize_rows
from tokbench.finetuning.defaults import BATCH_SIZE
from tokbench.finetuning.device import Machine, machine_of
from tokbench.finetuning.engines.loop import predict_logits
from tokbench.finetuning.metrics import answers_of
from tokbench.finetuning.models import load_classifier, load_tokenizer
from tokbench.finetuning.prepare import limits_of, model_inputs_of
from tokbench.finetuning.result import Answer, Predictions
from tokbench.finetuning.run_files import train_again
from tokbench.io.atomic import atomic_file
from tokbench.progress import Progress, silent

if TYPE_CHECKING:
    from tokbench.finetuning.config import FinetuneConfig
    from tokbench.finetuning.data.load import Questions
    from tokbench.finetuning.data.rows import Rows
    from tokbench.finetuning.tasks import Task

TAGGERS, CLASSIFIERS = ("ForTokenClassification",), ("ForSequenceClassification", "PooledClassifier")


def predict_all(
    folder: Path,
    asked: Sequence[Questions],
    task: Task,
    *,
    into: Path | None,
    config: FinetuneConfig,
    progress: Progress = silent,
) -> Predictions:
    """Answer the rows of `asked` with the model in `folder`; each file into `into`, whole or not at all."""
    device = machine_of(config)
    tokenizer, model = load_tokenizer(folder), answering(folder, task)
    device.hold(model)
    rows, answers, notes, found_all = {}, list[Answer](), list[str](), list[_Answers]()
    for each in asked:
        found = _answers(model, tokenizer, each, task, config=config, device=device, progress=progress)
        path = Path(each.submission) if into is None else into / each.submission
        if into is not None:
            with atomic_file(path) as temporary:
                _write(temporary, found.answers, each, task)
        rows[str(path)] = len(each.rows)
        answers += found.answers
        found_all.append(found)
        notes += [*each.notes, *found.notes]
    given = Counter(label for answer in answers for label in _labels(answer))
    return Predictions(
        task=task.name,
        rows=rows,
        labels={label: given[label] for label in task.labels},
        notes=tuple(notes),
        scheme=task.scheme,
        **({} if into is not None else _in_memory(asked, found_all)),
    )


def _in_memory(asked: Sequence[Questions], found: Sequence[_Answers]) -> dict[str, Any]:
    """The fields of answers that no file holds."""
    rows = [each.rows for each in asked]
    return {
        "answers": tuple(answer for each in found for answer in each.answers),
        "probabilities": tuple(share for each in found for share in each.probabilities),
        "label_probabilities": tuple(shares for each in found for shares in each.of_labels),
        "texts": tuple(text for each in rows for text in _texts(each)),
        "units": tuple(_counted(units) for each in rows if isinstance(each, Tagged) for units in each.units),
    }


def _texts(rows: Rows | Tagged) -> list[str]:
    """The text of each row, a pair's two with a bar between."""
    if isinstance(rows, Tagged) or rows.pairs is None:
        return list(rows.texts)
    return [f"{one} | {other}" for one, other in zip(rows.texts, rows.pairs, strict=True)]


def _counted(units: Sequence[str]) -> tuple[str, ...]:
    """The units that carry a label: those that are no space."""
    return tuple(unit for unit in units if not unit.isspace())


def _labels(answer: Answer) -> tuple[str, ...]:
    """The labels in one answer; none in a score."""
    if isinstance(answer, tuple):
        return answer
    return (answer,) if isinstance(answer, str) else ()


def _write(path: Path, answers: Sequence[Answer], asked: Questions, task: Task) -> None:
    """Write the file that holds these answers."""
    if isinstance(asked.rows, Tagged):
        write_tagged(path, asked.rows, [_labels(answer) for answer in answers], task.scheme)
        return
    words = (_word(answer, task) for answer in answers)
    write_answers(path, list(zip(asked.indices, words, strict=True)), id_column=asked.id_column)


def _word(answer: Answer, task: Task) -> str:
    """An answer in a field: a label, a score, or the list of a row's labels in JSON."""
    if isinstance(answer, tuple):
        return json.dumps(answer, ensure_ascii=False)
    return spell_label(task.labels.index(answer), task) if isinstance(answer, str) else repr(answer)


def answering(folder: Path, task: Task) -> PreTrainedModel:
    """The model of a folder with its trained head, its labels in the task's order."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    _must_have_head(folder, config, task)
    trained = {int(number): label for number, label in config.get("id2label", {}).items()}
    names = tuple(trained[number] for number in sorted(trained))
    if not task.regression and names != task.labels:
        teacher = "mnli" if task.name == "ax" else task.name
        raise UsageError(
            f"the model in {folder} tells {', '.join(names) or 'nothing'} apart, and {task.name} asks for"
            f" {', '.join(task.labels)}",
            fix=f"train one that fits: {train_again(folder, teacher)}",
        )
    loaded = load_classifier(folder, task, seed=0)
    if loaded.new:
        raise UsageError(
            f"the model in {folder} has no trained head: {loaded.new[0]} is missing or of another shape",
            fix="fine-tune it first",
        )
    return loaded.model


def _must_have_head(folder: Path, config: Mapping[str, Any], task: Task) -> None:
    """A head of another kind may have the same shape, and one that is missing would be random."""
    fitting, gives = (TAGGERS, "tags for words") if task.tagging else (CLASSIFIERS, "an answer to a row")
    for head in config.get("architectures") or ():
        if not str(head).endswith(fitting):
            raise UsageError(
                f"the model in {folder} is a {head}, which does not give {gives}",
                fix=f"train one that does: {train_again(folder, task.name)}",
            )


def spell_label(number: int, task: Task) -> str:
    """A class id as the submission spells it: 0 and 1, or the label's name.

    >>> from tokbench.finetuning.tasks import TASKS
    >>> spell_label(1, TASKS["cola"]), spell_label(1, TASKS["rte"])
    ('1', 'not_entailment')
    """
    return (task.tsv_labels or task.labels)[number]


@dataclass(frozen=True)
class _Answers:
    """An answer for each row, and what a reader should know."""

    answers: Sequence[Answer]
    notes: tuple[str, ...]
    probabilities: Sequence[float] = ()
    of_labels: Sequence[Mapping[str, float]] = ()


def _answers(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    asked: Questions,
    task: Task,
    *,
    config: FinetuneConfig,
    device: Machine,
    progress: Progress,
) -> _Answers:
    model_inputs = model_inputs_of(model, tokenizer, config.max_length)
    encoded = tokenize_rows(
        tokenizer, asked.rows, max_length=model_inputs.max_length, task=task, progress=progress
    )
    must_fit(encoded, limits_of(model), tokenizer, str(model.name_or_path))
    batches = Batches(
        encoded=encoded, model_inputs=model_inputs, size=config.batch_size or BATCH_SIZE, seed=config.seed
    )
    logits = predict_logits(model, batches, machine=device, progress=progress)
    notes = _cut(encoded, model_inputs.max_length, asked, task)
    if isinstance(asked.rows, Tagged):
        return _Answers(unit_labels(logits, encoded, task), notes)
    if task.scores is not None:
        return _Answers(np.clip(logits[:, 0], *task.scores).tolist(), notes)
    if task.multi_label:
        return _label_sets(logits, encoded, task, notes)
    chosen = logits.argmax(axis=1)
    return _Answers(
        [task.labels[number] for number in chosen.tolist()], notes, _probabilities(logits, chosen)
    )


def _label_sets(
    logits: NDArray[np.float32], encoded: EncodedRows, task: Task, notes: tuple[str, ...]
) -> _Answers:
    """The labels of each row that are above the threshold, and the sigmoid of every label's logit."""
    given = answers_of(logits, encoded, task)
    shares = 1 / (1 + np.exp(-logits.astype(np.float64)))
    return _Answers(
        [tuple(label for label, has in zip(task.labels, row, strict=True) if has) for row in given.tolist()],
        notes,
        of_labels=[dict(zip(task.labels, row, strict=True)) for row in shares.tolist()],
    )


def _probabilities(logits: NDArray[np.float32], chosen: NDArray[np.int64]) -> list[float]:
    """The softmax of each row's chosen class; logits are (rows, labels)."""
    wide = logits.astype(np.float64)
    powers = np.exp(wide - wide.max(axis=1, keepdims=True))
    return [float(each) for each in powers[np.arange(len(chosen)), chosen] / powers.sum(axis=1)]


def unit_labels(logits: NDArray[np.float32], encoded: EncodedRows, task: Task) -> list[tuple[str, ...]]:
    """A label for each unit of each row; logits are (pieces, labels)."""
    assert encoded.units is not None
    starts = encoded.units.starts
    flat = answers_of(logits, encoded, task).tolist()  # with one more after each row
    return [
        tuple(task.labels[number] for number in flat[start + row : end + row])
        for row, (start, end) in enumerate(pairwise(starts))
    ]


def _cut(encoded: EncodedRows, most: int, asked: Questions, task: Task) -> tuple[str, ...]:
    """What was not seen, and what that means for the answers."""
    notes = []
    if encoded.truncated:
        notes.append(f"{asked.submission}: {plural(encoded.truncated, 'row')} cut to {most} tokens")
    if encoded.units is not None and encoded.units.lost:
        unit = "character" if isinstance(asked.rows, Tagged) and asked.rows.characters else "word"
        lost = plural(encoded.units.lost, unit)
        notes.append(f"{asked.submission}: {lost} cut off or without a piece, and told to be {task.outside}")
    return tuple(notes)
