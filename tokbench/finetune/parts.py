"""The tokenizer and the model a plan names, checked together before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tokbench.check.finding import Finding
from tokbench.check.rules import RULES, check
from tokbench.errors import ChecksFailed
from tokbench.finetune.fitting import align
from tokbench.finetune.folders import load_tokenizer
from tokbench.finetune.models import fresh, load_model
from tokbench.finetune.named import named
from tokbench.finetune.plan import Plan
from tokbench.finetune.presets import PRESETS, TRAINED_RATE
from tokbench.finetune.tasks import task_named
from tokbench.pretrained.folder import TokenizerFolder


@dataclass(frozen=True)
class Parts:
    """Tokenizer and model, ready to train, and where the tokenizer's files are."""

    files: TokenizerFolder
    tokenizer: PreTrainedTokenizerBase
    model: PreTrainedModel
    rate: float
    notes: tuple[str, ...]


def parts_of(plan: Plan) -> Parts:
    """Load what the plan names; errors that check finds stop here."""
    task = task_named(plan.task)
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
    rate = plan.learning_rate or (preset.learning_rate if preset else TRAINED_RATE)
    return Parts(files, tokenizer, loaded.model, rate, (*notes, *loaded.notes))


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
