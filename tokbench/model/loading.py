"""A model with its head, loaded from safetensors, in its own dtype, and without a word."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import PreTrainedModel
from transformers.models.auto import modeling_auto

from tokbench.errors import FileProblem, plural
from tokbench.model.quiet import quiet
from tokbench.model.source import CONFIG, architecture, find_model
from tokbench.pretrained.json_files import read_object

# What a damaged config or weight file was seen to raise inside transformers.
BROKEN = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, OSError, RuntimeError,
    SafetensorError, StrictDataclassError, TypeError, ValueError,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A model in eval mode; `fresh` are weights its file lacks, `dropped` those no class takes."""

    model: PreTrainedModel
    path: Path
    fresh: tuple[str, ...]
    dropped: tuple[str, ...]


def load_model(name: str | Path, *, seed: int = 0, trust_remote_code: bool = False) -> Loaded:
    """The model of a folder or hub name, of the class its config names.

    Code in the model's folder runs only with `trust_remote_code`, which nobody sets but a person.
    """
    path = find_model(name)
    kind = remote_class(path) if trust_remote_code else class_of(path)
    try:
        with quiet(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # for weights the file lacks
            model, info = kind.from_pretrained(
                path,
                dtype="auto",
                trust_remote_code=trust_remote_code,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
            )
    except BROKEN as error:
        raise FileProblem(
            f"{name} cannot be loaded: {first_line(error)}", fix=f"tokbench check {name}"
        ) from error
    missing = tuple(sorted(info["missing_keys"]))
    _refuse_hollow(name, model, missing)
    return Loaded(model=model, path=path, fresh=missing, dropped=tuple(sorted(info["unexpected_keys"])))


def class_of(folder: Path) -> Any:  # noqa: ANN401  the classes of transformers are made on demand
    """The class in config.json if transformers' own tables have it, so the head stays; else AutoModel."""
    name = architecture(folder)
    tables = (table for key, table in vars(modeling_auto).items() if key.endswith("_MAPPING_NAMES"))
    known = {entry for table in tables for value in table.values() for entry in _names(value)}
    return getattr(transformers, name) if name in known else transformers.AutoModel


def remote_class(folder: Path) -> Any:  # noqa: ANN401
    """The Auto class for which the config names code of the folder; the known class when it names none."""
    named = read_object(folder / CONFIG).get("auto_map")
    autos = [name for name in (named if isinstance(named, dict) else {}) if name.startswith("AutoModel")]
    wanted = next((name for name in autos if name != "AutoModel"), autos[0] if autos else "")
    return getattr(transformers, wanted) if hasattr(transformers, wanted or "-") else class_of(folder)


def _names(value: object) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (str(value),)


def _refuse_hollow(name: str | Path, model: PreTrainedModel, missing: tuple[str, ...]) -> None:
    """A head may be new, the body may not: it would be random numbers."""
    body = [key for key in missing if _is_body(model, key)]
    if body:
        raise FileProblem(
            f"{name} lacks {plural(len(body), 'weight')} of its body, {body[0]} first: "
            "they would be random numbers",
            fix=f"tokbench check {name}",
        )


def _is_body(model: PreTrainedModel, key: str) -> bool:
    prefix = f"{model.base_model_prefix}."
    whole = model.base_model is model
    return (whole or key.startswith(prefix)) and "pooler" not in key


def first_line(error: BaseException) -> str:
    """What the library said, without the pages that follow."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
