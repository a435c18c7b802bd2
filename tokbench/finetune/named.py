"""What a plan names, found on the disk or the hub before anything heavy loads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tokbench.errors import AskedWrongly, FileProblem
from tokbench.finetune.plan import Plan
from tokbench.finetune.presets import PRESETS
from tokbench.pretrained import hub
from tokbench.pretrained.folder import TokenizerFolder, load

WEIGHTS = ("config.json", "model.safetensors")
BESIDES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


@dataclass(frozen=True)
class Named:
    """The tokenizer's files, and the model's folder; None where a preset makes the model."""

    files: TokenizerFolder
    model: Path | None


def named(plan: Plan) -> Named:
    """Tokenizer and model of a plan; FileProblem or AskedWrongly where there is none to be had."""
    if plan.tokenizer is None and plan.model in PRESETS:
        raise AskedWrongly(
            f"{plan.model} is made to fit a tokenizer, and none was given",
            fix="--tokenizer FOLDER; train one: tokbench train-wordpiece corpus.txt",
        )
    folder = None if plan.model in PRESETS else model_folder(plan.model)
    files = load(plan.tokenizer or str(folder))
    if files.path.is_file():
        raise FileProblem(
            f"{files.name} is a bare tokenizer.json, which says nothing of padding",
            fix=f"tokbench wrap {files.name} -o my-tok",
        )
    return Named(files, folder)


def model_folder(name: str) -> Path:
    """The folder of a model: a path, or the local copy of a repository on the hub."""
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    if path.exists() or not hub.may_be_on_hub(name):
        known = ", ".join(PRESETS)
        raise FileProblem(f"there is no model folder at {name}", fix=f"give a folder, or one of {known}")
    return hub.fetch(name, WEIGHTS, BESIDES)
