"""A model with a head for a task: weights from a folder, or fresh ones sized to the tokenizer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from tokbench.errors import FileProblem, plural
from tokbench.finetune.families import config_of
from tokbench.finetune.pooling import MODEL_TYPE, NATIVE, PooledClassifier, PooledConfig
from tokbench.finetune.presets import Preset
from tokbench.finetune.tasks import Task

WHOLE = "give a folder that save_pretrained wrote whole, with safetensors"


@dataclass
class Loaded:
    """A classifier and what a reader should know of how it came to be."""

    model: PreTrainedModel
    notes: list[str] = field(default_factory=list)
    new: tuple[str, ...] = ()  # weights of head or pooler that the folder has not, or in another shape


def fresh(preset: Preset, tokenizer: PreTrainedTokenizerBase, task: Task, *, seed: int) -> Loaded:
    """A model with random weights and a row for every id of the tokenizer."""
    config = config_of(preset, tokenizer, **_head(task))
    torch.manual_seed(seed)
    return Loaded(_kind(task).from_config(config))


def pooled_as(loaded: Loaded, way: str) -> Loaded:
    """The same model under a head that pools this way; where its own config can say so, it does.

    "own" changes nothing: BERT takes its first token through a pooler, a decoder takes its last token.
    """
    model, config = loaded.model, loaded.model.config
    if way == "own" or (way == "last" and hasattr(model, "score")):
        return loaded
    if config.model_type == MODEL_TYPE:
        config.pooling = way
    elif way in NATIVE.get(config.model_type, {}):
        config.classifier_pooling = NATIVE[config.model_type][way]
    else:
        kept = {name: getattr(config, name) for name in ("id2label", "label2id", "problem_type")}
        body: PreTrainedModel = model.base_model  # type: ignore[assignment]
        wrapped = PooledClassifier(PooledConfig(body.config, way, pad_token_id=config.pad_token_id, **kept))
        wrapped.backbone = body
        return Loaded(wrapped, [*loaded.notes, f"{way} pooling: import {PooledConfig.__module__} to load it"])
    return loaded


def _kind(task: Task) -> Any:  # noqa: ANN401  (an Auto class)
    return AutoModelForTokenClassification if task.tagging else AutoModelForSequenceClassification


def load_model(folder: Path, task: Task, *, seed: int) -> Loaded:
    """The weights of a folder under a head for the task; the head is new unless the folder has its like."""
    torch.manual_seed(seed)
    try:
        with quiet():
            model, info = _kind(task).from_pretrained(
                folder,
                **_head(task),
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                ignore_mismatched_sizes=True,  # of the head; of anything else it is an error below
                output_loading_info=True,
            )
    except (OSError, ValueError, KeyError, RuntimeError, AssertionError) as problem:
        raise FileProblem(
            f"no model can be loaded from {folder}: {_first_line(problem)}", fix=WHOLE
        ) from problem
    except Exception as problem:
        if type(problem).__name__ != "SafetensorError":
            raise
        raise FileProblem(f"the weights in {folder} cannot be read: {problem}", fix=WHOLE) from problem
    notes = _notes(folder, model, info)
    return Loaded(model, notes, tuple(sorted({*info["missing_keys"], *_mismatched(info)})))


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from writing bars and reports to stderr while the block runs."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _head(task: Task) -> dict[str, Any]:
    if task.regression:
        return {"num_labels": 1, "problem_type": "regression"}
    ids = {
        "id2label": dict(enumerate(task.labels)),
        "label2id": {label: number for number, label in enumerate(task.labels)},
    }
    return ids if task.tagging else {**ids, "problem_type": "single_label_classification"}


def _notes(folder: Path, model: PreTrainedModel, info: dict[str, Any]) -> list[str]:
    """What was new or of another shape in the head; in the body either is an error."""
    body = f"{model.base_model_prefix}."
    other = _mismatched(info)
    wrong = [key for key in other if key.startswith(body)]
    if wrong:
        raise FileProblem(f"{wrong[0]} in {folder} has not the shape config.json gives", fix=WHOLE)
    missing = sorted(key for key in info["missing_keys"] if key.startswith(body))
    lacking = [key for key in missing if ".pooler." not in key]
    if lacking:
        raise FileProblem(f"{folder} lacks {plural(len(lacking), 'weight')}, first: {lacking[0]}", fix=WHOLE)
    notes = [f"{folder} has no pooler: it starts fresh, like the head"] if missing else []
    return notes + ([f"the head in {folder} is for other labels: it starts fresh"] if other else [])


def _mismatched(info: dict[str, Any]) -> list[str]:
    return sorted(key if isinstance(key, str) else key[0] for key in info["mismatched_keys"])


def _first_line(problem: BaseException) -> str:
    return (str(problem).strip() or type(problem).__name__).splitlines()[0]
