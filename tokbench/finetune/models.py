"""A classifier for a task: weights from a folder or fresh ones sized to the tokenizer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from tokbench.errors import FileProblem
from tokbench.finetune.presets import Preset
from tokbench.finetune.tasks import Task

WHOLE = "give a folder that save_pretrained wrote whole, with safetensors"


@dataclass
class Loaded:
    """A classifier and what a reader should know of how it came to be."""

    model: PreTrainedModel
    notes: list[str] = field(default_factory=list)


def fresh(preset: Preset, tokenizer: PreTrainedTokenizerBase, task: Task, *, seed: int) -> Loaded:
    """A BERT with random weights and a row for every id of the tokenizer."""
    config = BertConfig(
        vocab_size=max(tokenizer.get_vocab().values()) + 1,
        hidden_size=preset.hidden,
        num_hidden_layers=preset.layers,
        num_attention_heads=preset.hidden // 64,
        intermediate_size=preset.hidden * 4,
        max_position_embeddings=512,
        type_vocab_size=2,
        pad_token_id=tokenizer.pad_token_id,
        **_head(task),
    )
    torch.manual_seed(seed)
    return Loaded(BertForSequenceClassification(config))


def load_model(folder: Path, task: Task, *, seed: int) -> Loaded:
    """The weights of a folder under a head for the task; the head is new unless the folder has its like."""
    torch.manual_seed(seed)
    try:
        with quiet():
            model, info = AutoModelForSequenceClassification.from_pretrained(
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
    return Loaded(model, _notes(folder, model, info))


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
    return {
        "id2label": dict(enumerate(task.labels)),
        "label2id": {label: number for number, label in enumerate(task.labels)},
        "problem_type": "single_label_classification",
    }


def _notes(folder: Path, model: PreTrainedModel, info: dict[str, Any]) -> list[str]:
    """What was new or of another shape in the head; in the body either is an error."""
    body = f"{model.base_model_prefix}."
    other = sorted(key if isinstance(key, str) else key[0] for key in info["mismatched_keys"])
    wrong = [key for key in other if key.startswith(body)]
    if wrong:
        raise FileProblem(f"{wrong[0]} in {folder} has not the shape config.json gives", fix=WHOLE)
    missing = sorted(key for key in info["missing_keys"] if key.startswith(body))
    lacking = [key for key in missing if ".pooler." not in key]
    if lacking:
        raise FileProblem(f"{folder} lacks {len(lacking)} weights, first: {lacking[0]}", fix=WHOLE)
    notes = [f"{folder} has no pooler: it starts fresh, like the head"] if missing else []
    return notes + ([f"the head in {folder} is for other labels: it starts fresh"] if other else [])


def _first_line(problem: BaseException) -> str:
    return (str(problem).strip() or type(problem).__name__).splitlines()[0]
