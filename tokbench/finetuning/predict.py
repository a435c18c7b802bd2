"""Predict test rows with a finished run: which rows, which task; torch loads after that."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tokbench.errors import FileError, UsageError, did_you_mean
from tokbench.finetuning.config import FinetuneConfig
from tokbench.finetuning.data.load import (
    HUB,
    SAMPLE,
    Questions,
    column_number,
    hub_questions,
    official_questions,
    own_questions,
    tagged_questions,
    text_questions,
)
from tokbench.finetuning.data.own_tables import TABLE, questions_in
from tokbench.finetuning.data.rows import Rows
from tokbench.finetuning.data.tagging import CHARACTER, CHARACTER_METRICS, CONLL, WORD
from tokbench.finetuning.result import Predictions, Run
from tokbench.finetuning.run_files import HYPERPARAMETERS, METRICS, train_again
from tokbench.finetuning.tag_scheme import AUTO, find_scheme
from tokbench.finetuning.tasks import NER, OWN, TASKS, Task
from tokbench.io.atomic import ELSEWHERE
from tokbench.progress import Progress, silent


def predict(
    folder: str | Path | Run,
    texts: Iterable[Any] | None = None,
    *,
    task: str = "",
    data: str | Path | None = None,
    text_column: str | None = None,
    pair_column: str | None = None,
    id_column: str | None = None,
    output: str | Path | None = None,
    batch_size: int | None = None,
    max_length: int | None = None,
    threshold: float | None = None,
    device: str = FinetuneConfig.device,
    precision: str | None = None,
    progress: Progress = silent,
) -> Predictions:
    """Answer texts, or the rows of a file, with the fine-tuned model in a folder.

    `texts` are a text or several; pairs of texts where the task has two; for a tagger, sentences as lists of
    words or as text whose words stand between spaces. Without them the rows are those of `data`: GLUE's
    folder, "hub", or a file of one's own, whose columns are named. With `output` the answers are written
    there, in the files that gluebenchmark.com takes; without it they are in the result.

    An empty `task` is the one the folder was trained on; ax takes a model of mnli. Without `max_length` rows
    are cut to the length they had in training; without `precision` it is that in which the run was measured.
    Where rows have several labels, those are given whose probability is above the `threshold`, without one
    that of training.

    >>> import tempfile, tokbench as tb
    >>> tok = tb.train(["a good film", "a bad film"] * 9, "wordpiece", vocab_size=40)
    >>> with tempfile.TemporaryDirectory() as place:
    ...     small = {"model": "bert-tiny", "data": "sample", "max_train_rows": 8, "epochs": 1}
    ...     run = tb.finetune(task="sst2", tokenizer=tok, output=f"{place}/run", **small)
    ...     found = tb.predict(run, ["a good film", "a bad one"])
    >>> len(found.answers), set(found.answers) <= {"negative", "positive"}
    (2, True)
    """
    place, into = _folder(folder, task), None if output is None else Path(output)
    if into is not None and into.exists() and not into.is_dir():
        raise FileError(f"{into} is a file, and the output is a folder", fix=ELSEWHERE)
    made = _recorded(place)
    chosen = _task(made, task, threshold)
    config = FinetuneConfig(
        data=data,  # type: ignore[arg-type]  # a path is taken as its name
        text_column=text_column,
        pair_column=pair_column,
        id_column=id_column,
        batch_size=made.batch_size if batch_size is None else batch_size,
        max_length=made.max_length if max_length is None else max_length,
        threshold=FinetuneConfig.threshold if threshold is None else threshold,  # which checks it
        device=device,
        precision=made.precision if precision is None else precision,
    )
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    known = made.columns
    asked = questions_of(config, chosen, known) if texts is None else [_given(texts, chosen, config, known)]
    from tokbench.finetuning.predictions import predict_all

    return predict_all(place, asked, chosen, into=into, config=config, progress=progress)


def _folder(folder: str | Path | Run, task: str) -> Path:
    """The folder of a fine-tuned model."""
    if isinstance(folder, Run) and not folder.output:
        raise FileError("nothing was kept of this run", fix="leave out fast_dev_run")
    place = Path(folder.output if isinstance(folder, Run) else folder).expanduser()
    if not (place / "config.json").is_file():
        wanted = f"tokbench finetune --task {task or 'sst2'} --model MODEL -o {shlex.quote(str(place))}"
        raise FileError(f"there is no fine-tuned model in {place}", fix=f"make one: {wanted}")
    return place


def _given(
    texts: Iterable[Any], task: Task, config: FinetuneConfig, recorded: Mapping[str, str]
) -> Questions:
    """The rows in texts that were given; UsageError where a file was named too."""
    if config.data is not None or config.text_column is not None:
        raise UsageError("texts and a file are two things to answer", fix="give one of them")
    asked = text_questions(texts, task)
    if task.name == OWN and recorded and isinstance(asked.rows, Rows):
        two = asked.rows.pairs is not None
        if two != ("pair" in recorded):
            raise UsageError(
                f"the model was trained on {'one text' if two else 'two texts'} a row",
                fix="leave out --pair" if two else "give the second one: --pair TEXT",
            )
    return asked


def questions_of(
    config: FinetuneConfig, task: Task, recorded: Mapping[str, str] = MappingProxyType({})
) -> Sequence[Questions]:
    """The rows to answer, one Questions a file; in a folder of one's own files it is the one called test.

    `recorded` are the columns that the model was trained on, for those that the config does not name.
    """
    if task.tagging:
        word = column_number(config.text_column or recorded.get("text"), "--text-column")
        place = questions_in(_path(config), CONLL)
        return [tagged_questions(place, characters=task.unit == CHARACTER, word=word)]
    if config.text_column is not None or task.name == OWN:
        place = questions_in(_path(config), TABLE)
        return [own_questions(place, task, **_columns(config, recorded))]
    if config.data == SAMPLE:
        raise UsageError(
            "the sample that ships has no test rows",
            fix=f"--data FOLDER with the official {task.folder} files",
        )
    if config.data in (None, HUB):
        from tokbench.finetuning.data.glue import load_glue

        return hub_questions(load_glue(task), task)
    return official_questions(_path(config), task)


def _columns(config: FinetuneConfig, recorded: Mapping[str, str]) -> dict[str, str | None]:
    """The columns that the config names; else those that the model was trained on."""
    if config.text_column is not None:
        return {"text": config.text_column, "pair": config.pair_column, "id": config.id_column}
    return {"text": recorded.get("text"), "pair": recorded.get("pair"), "id": config.id_column}


def _path(config: FinetuneConfig) -> Path:
    if config.data in (None, HUB, SAMPLE):
        raise UsageError("rows of your own are in a file", fix="--data FILE")
    return Path(str(config.data)).expanduser()


def task_of(name: str) -> Task:
    """A task whose rows can be looked at before there is a model; its labels are not known yet."""
    if name in TASKS:
        return TASKS[name]
    return Task(name=name, folder=name, texts=(), tsv_texts=(), unit=WORD if name == NER else "")


def _task(made: _Recorded, name: str, threshold: float | None = None) -> Task:
    """The task that was asked for, or the run's own, with the labels that its model knows."""
    found = _of_labels(made, name)
    if threshold is not None and not found.multi_label:
        raise UsageError("a threshold is for rows of several labels", fix="leave threshold out")
    return found if threshold is None else replace(found, threshold=threshold)


def _of_labels(made: _Recorded, name: str) -> Task:
    chosen = name or made.task
    if chosen not in (*TASKS, OWN, NER):
        silence = f"{made.folder} does not say what it was trained on"
        what = f"no task is called {chosen!r}" if chosen else silence
        fix = did_you_mean(chosen, (*TASKS, OWN, NER)) if chosen else "name it by --task"
        raise UsageError(what, fix=fix)
    task = task_of(chosen)
    if chosen in TASKS:
        return task
    config = made.config
    if config.get("problem_type") == "regression":
        return replace(task, scores=(float("-inf"), float("inf")))
    labels = config.get("id2label") or {}
    named = tuple(labels[number] for number in sorted(labels, key=int))
    if config.get("problem_type") == "multi_label_classification":
        return replace(task, labels=named, threshold=made.choices.get("threshold", FinetuneConfig.threshold))
    if not task.tagging:
        return replace(task, labels=named)
    if not any("TokenClassification" in each for each in config.get("architectures") or ()):
        known = ", ".join(named) or "no labels"
        raise UsageError(
            f"the model in {made.folder} knows {known} of whole rows: it tags no words",
            fix=f"train one that tags words: {train_again(made.folder, NER)}",
        )
    how = {"scheme": made.choices.get("tag_scheme") or AUTO, "outside": made.choices.get("outside") or ""}
    return replace(task, labels=named, scheme=find_scheme(named, **how), unit=made.unit)


@dataclass(frozen=True)
class _Recorded:
    """What a run's folder says of itself, in config.json, hyperparameters.json and metrics.json."""

    folder: Path
    config: Mapping[str, Any]
    choices: Mapping[str, Any]
    measured: Mapping[str, Any]

    @property
    def task(self) -> str:
        """The task that the model was trained on, "" where nothing says it."""
        return str(self.choices.get("task", ""))

    @property
    def columns(self) -> dict[str, str]:
        """The columns that the model was trained on; nothing where it does not say."""
        return dict((self.measured.get("read") or {}).get("columns") or {})

    @property
    def max_length(self) -> int:
        """Tokens that rows were cut to in training, or the default."""
        return int(self.choices.get("max_length", FinetuneConfig.max_length))

    @property
    def batch_size(self) -> int | None:
        """Rows in a batch when the model was measured: in bf16 its width can change digits of an answer."""
        found = self.choices.get("batch_size")
        return found if isinstance(found, int) and found > 0 else None

    @property
    def precision(self) -> str:
        """The precision that the model was measured in: what autocast rounds can change an answer."""
        return "fp32" if self.choices.get("precision") == "fp32" else FinetuneConfig.precision

    @property
    def unit(self) -> str:
        """What carried a label when the model was trained: a word, or a character."""
        read = (self.measured.get("read") or {}).get("unit")
        on_characters = CHARACTER_METRICS[-1] in self.measured.get("metrics", {})
        return CHARACTER if read == CHARACTER or (not read and on_characters) else WORD


def _recorded(folder: Path) -> _Recorded:
    """What the folder of a run says, each file read once."""
    files = (folder / name for name in ("config.json", HYPERPARAMETERS, METRICS))
    return _Recorded(folder, *map(_read, files))


def _read(path: Path) -> dict[str, Any]:
    """What a file of the run says; nothing where there is none."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise FileError(f"{path} is no JSON: {problem}", fix="give a folder as it was written") from problem
    return found if isinstance(found, dict) else {}
