"""The tokenizer and the model a plan names, checked together before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tokbench.check.finding import Finding
from tokbench.check.rules import RULES, check
from tokbench.errors import AskedWrongly, ChecksFailed
from tokbench.finetune.fitting import align
from tokbench.finetune.folders import load_tokenizer
from tokbench.finetune.models import fresh, load_model, pooled_as
from tokbench.finetune.named import named
from tokbench.finetune.plan import Plan
from tokbench.finetune.presets import PRESETS, TRAINED_RATE
from tokbench.finetune.tasks import Task
from tokbench.pretrained.folder import TokenizerFolder


@dataclass(frozen=True)
class Parts:
    """Tokenizer and model, ready to train, and where the tokenizer's files are."""

    files: TokenizerFolder
    tokenizer: PreTrainedTokenizerBase
    model: PreTrainedModel
    rate: float
    notes: tuple[str, ...]
    added: Mapping[str, int]  # tokens beside the trained vocabulary, roles such as [PAD] left out
    start: NDArray[np.float32]  # their rows before training (tokens, H)


def parts_of(plan: Plan, task: Task) -> Parts:
    """Load what the plan names under a head for the task; errors that check finds stop here."""
    preset = PRESETS.get(plan.model)
    found = named(plan)
    files, folder = found.files, found.model
    notes = preflight(files.path, folder)
    tokenizer = load_tokenizer(files.path)
    if preset:
        loaded = fresh(preset, tokenizer, task, seed=plan.seed)
    else:
        assert folder is not None
        loaded = load_model(folder, task, seed=plan.seed)
    align(loaded, tokenizer)
    if task.tagging and plan.chosen.pooling != "own":
        raise AskedWrongly(
            f"--pooling {plan.chosen.pooling}: tagged words are not pooled", fix="leave it out"
        )
    loaded = pooled_as(loaded, plan.chosen.pooling)
    rate = plan.learning_rate or (preset.learning_rate if preset else TRAINED_RATE)
    added = added_tokens(tokenizer, files, loaded.model)
    start = rows_of(loaded.model, added)
    return Parts(files, tokenizer, loaded.model, rate, (*notes, *loaded.notes), added, start)


def added_tokens(
    tokenizer: PreTrainedTokenizerBase, files: TokenizerFolder, model: PreTrainedModel
) -> dict[str, int]:
    """The tokens that were added to the vocabulary and have a row: token → id."""
    rows: int = model.get_input_embeddings().weight.shape[0]  # type: ignore[index, assignment]
    roles = files.roles.values()
    found = tokenizer.get_added_vocab().items()
    return {token: number for token, number in found if token not in roles and number < rows}


def rows_of(model: PreTrainedModel, tokens: Mapping[str, int]) -> NDArray[np.float32]:
    """A copy of the embedding rows of these tokens (tokens, H)."""
    weight: torch.Tensor = model.get_input_embeddings().weight.detach()  # type: ignore[operator]
    places = torch.tensor(list(tokens.values()), dtype=torch.long, device=weight.device)
    return np.asarray(weight[places].float().cpu().numpy())


def preflight(tokenizer: Path, model: Path | None) -> tuple[str, ...]:
    """What check warns of, in sentences; its errors end the run."""
    found = check(tokenizer, model).findings
    # a preset is made for the tokenizer; a model that lies beside the tokenizer has no say in it
    findings = [
        each for each in found if model is not None or RULES[each.code].needs not in ("model", "weights")
    ]
    errors = [each for each in findings if each.severity == "error"]
    if errors:
        what = "; ".join(_sentence(each) for each in errors)
        raise ChecksFailed(f"nothing was trained, check found {what}", fix=errors[0].fix)
    return tuple(_sentence(each) for each in findings if each.severity == "warning")


def _sentence(finding: Finding) -> str:
    return f"{finding.code} {finding.message}"
