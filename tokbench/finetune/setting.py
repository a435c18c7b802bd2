"""What is settled before the first step of a run: its parts, the choices made, and how it is known again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import tokenizers
import torch
import transformers

import tokbench
from tokbench.finetune.batches import Batches
from tokbench.finetune.data import Dataset
from tokbench.finetune.fitting import limits_of
from tokbench.finetune.machine import Machine
from tokbench.finetune.parts import Parts
from tokbench.finetune.plan import Plan
from tokbench.finetune.presets import PRESETS
from tokbench.finetune.tagging_metrics import costs
from tokbench.finetune.tasks import Task

WEIGHTS_HASHED = 64  # of each tensor: those of another model differ in all of them


@dataclass(frozen=True)
class Setting:
    """Everything that is settled before the first step."""

    plan: Plan
    task: Task
    data: Dataset
    parts: Parts
    machine: Machine
    train: Batches
    evaluation: Mapping[str, Batches]


def fingerprint(setting: Setting) -> str:
    """A hash of all that makes a run what it is: choices, ids, labels and the weights it starts from.

    Neither versions nor the place of the output count, nor whether ids are remembered. Of each weight the
    first numbers stand for it.
    """
    made = {name: each for name, each in choices(setting).items() if name != "versions"}
    made["settings"] = {name: each for name, each in made["settings"].items() if name != "cache"}
    found = hashlib.blake2b(json.dumps(made, sort_keys=True, default=str).encode(), digest_size=16)
    for each in (setting.train.encoded, *(split.encoded for split in setting.evaluation.values())):
        for array in (each.ids, each.starts, each.labels):
            found.update(array.tobytes())
    for weight in setting.parts.model.parameters():
        found.update(weight.detach().flatten()[:WEIGHTS_HASHED].float().cpu().numpy().tobytes())
    return found.hexdigest()


def main_metrics(task: Task) -> tuple[str, ...]:
    """The metrics that are held against the majority, one a dev split."""
    return tuple(task.key(split, task.metrics[0]) for split in task.evaluation)


def choices(setting: Setting) -> dict[str, Any]:
    """The plan as it was carried out and the versions; nothing that changes when it is carried out again."""
    asked = {name: each for name, each in asdict(setting.plan).items() if name != "output"}
    return {
        **asked,
        "learning_rate": setting.parts.rate,
        "max_length": setting.train.feed.max_length,
        "device": setting.machine.device.type,
        "precision": setting.machine.precision,
        "versions": {
            "tokbench": tokbench.__version__,
            "tokenizers": tokenizers.__version__,
            "torch": str(torch.__version__),
            "transformers": transformers.__version__,
        },
    }


def input_notes(setting: Setting) -> tuple[str, ...]:
    """What is worth knowing before the first step: lengths, the rate, segments, what tags cost."""
    notes = []
    feed, limits = setting.train.feed, limits_of(setting.parts.model)
    if feed.max_length < setting.plan.max_length:
        notes.append(f"rows are cut to {feed.max_length} tokens: more do not fit the tokenizer or the model")
    if setting.plan.learning_rate is None:
        whose = setting.plan.model if setting.plan.model in PRESETS else "trained weights"
        notes.append(
            f"the learning rate {setting.parts.rate:g} is the default for {whose}; --learning-rate changes it"
        )
    segments = "token_type_ids" in feed.inputs and int(setting.train.encoded.type_ids.max()) > 0
    if len(setting.task.texts) == 2 and (limits.types or 0) > 1 and not segments:
        notes.append(
            "the tokenizer gives no segment ids: the model tells a row's two texts apart by separators"
        )
    if setting.task.tagging:
        splits = {"train": setting.train, **setting.evaluation}
        notes += [note for name, each in splits.items() for note in costs(each.encoded, setting.task, name)]
    return tuple(notes)
