"""What a model weighs and how its vocabulary is shaped, without loading it: for plans and for reports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import safe_open
from transformers import AutoConfig, PreTrainedModel

from tokbench.errors import FileProblem
from tokbench.model.growth import Memory
from tokbench.model.loading import BROKEN, class_of, first_line, remote_class
from tokbench.model.quiet import quiet
from tokbench.model.resize import head_kind, rows_of, vocabulary_weights
from tokbench.model.rows import RowPlan
from tokbench.model.source import ensure_whole, find_config

DTYPES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1}  # safetensors' names → bytes


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A model's rows, its kind of head, its bytes, and what one row costs in all its vocabulary matrices.

    `ids` are the special ids of its configs, which must have a row as well: key → id.
    """

    rows: int
    head: str
    weight_bytes: int
    row_bytes: int
    ids: dict[str, int]


def measured(model: PreTrainedModel, *, item_bytes: int | None = None) -> Measure:
    """The measures of a model in memory, or of one without storage whose numbers take `item_bytes` each."""
    weights = vocabulary_weights(model).values()
    return Measure(
        rows=rows_of(model),
        head=head_kind(model),
        weight_bytes=sum(each.numel() * (item_bytes or each.element_size()) for each in model.parameters()),
        row_bytes=sum(each[0].numel() * (item_bytes or each.element_size()) for each in weights),
        ids=_ids(model),
    )


def outlined(name: str | Path, *, trust_remote_code: bool = False) -> Measure:
    """The measures from config.json and the weights' header alone; 7 billion weights take no longer.

    Of a model on the hub only the config is fetched.
    """
    path = find_config(name)
    if Path(name).expanduser().is_dir():
        ensure_whole(path)
    try:
        with quiet():
            model = hollow(path, trust_remote_code=trust_remote_code)
            return measured(model, item_bytes=_item_bytes(path))
    except BROKEN as error:
        raise FileProblem(
            f"{name} cannot be planned for: {first_line(error)}", fix=f"tokbench check {name}"
        ) from error


def memory(measure: Measure, plan: RowPlan) -> Memory:
    """The bytes of the weights before and after the plan."""
    more = (plan.size - plan.rows_before) * measure.row_bytes
    return Memory(before=measure.weight_bytes, after=measure.weight_bytes + more, row_bytes=measure.row_bytes)


def hollow(path: Path, *, trust_remote_code: bool = False) -> PreTrainedModel:
    """The model of a folder's config, head included, whose tensors have shapes and no storage."""
    kind: Any = remote_class(path) if trust_remote_code else class_of(path)
    config = AutoConfig.from_pretrained(path, trust_remote_code=trust_remote_code, local_files_only=True)
    with torch.device("meta"):
        if hasattr(kind, "_from_config"):
            return cast(PreTrainedModel, kind._from_config(config))
        return cast(PreTrainedModel, kind.from_config(config, trust_remote_code=trust_remote_code))


def _ids(model: PreTrainedModel) -> dict[str, int]:
    configs = (model.config, model.config.get_text_config(), getattr(model, "generation_config", None))
    return {
        key: value
        for config in configs
        if config is not None
        for key, value in vars(config).items()
        if key.endswith("_token_id") and isinstance(value, int)
    }


def _item_bytes(path: Path) -> int | None:
    """Bytes of one number, as the first weight of the first file has them; None without weights."""
    for file in sorted(path.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118  no mapping, though it looks like one
                return DTYPES.get(tensors.get_slice(name).get_dtype())
    return None
