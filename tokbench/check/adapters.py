"""The files of an adapter (LoRA and its kin): what it says of its base, and which tensors it brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokbench.check.header import Tensor, read_header
from tokbench.check.model_files import EMBEDDINGS, HEADS
from tokbench.errors import FileProblem
from tokbench.pretrained.json_files import read_object

ADAPTER, TENSORS = "adapter_config.json", "adapter_model.safetensors"


@dataclass(frozen=True)
class Adapter:
    """An adapter as its files tell it; `problem` is what is wrong with its weights, "" when nothing is."""

    name: str
    folder: Path
    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    problem: str = ""

    @property
    def base(self) -> str:
        """The model it was trained on, by folder or name on the hub; "" when it does not say."""
        return str(self.config.get("base_model_name_or_path") or "")

    @property
    def whole(self) -> tuple[str, ...]:
        """The modules it is to keep as a whole, beside the adapted ones."""
        named = self.config.get("modules_to_save")
        return tuple(map(str, named)) if isinstance(named, list) else ()

    @property
    def rows(self) -> Mapping[str, int]:
        """Name → rows of the matrices over the vocabulary that it brings whole."""
        ends = tuple(f".{end}" for end in (*EMBEDDINGS, *HEADS))
        return {
            name: tensor.shape[0]
            for name, tensor in self.tensors.items()
            if f".{_plain(name)}".endswith(ends) and len(tensor.shape) == 2
        }

    def needed(self, size: int) -> int:
        """The rows its base must have: what it brings, or `size` where it trained single rows; else 0."""
        single = size if self.config.get("trainable_token_indices") else 0
        return max([single, *self.rows.values()])


def read_adapter(folder: Path, name: str) -> Adapter:
    """The adapter in a folder that has an adapter_config.json; of its weights the header only."""
    config = dict(read_object(folder / ADAPTER))
    if not (folder / TENSORS).exists():
        pickled = " (only adapter_model.bin, a pickle)" if (folder / "adapter_model.bin").exists() else ""
        return Adapter(name, folder, config, problem=f"there is no {TENSORS}{pickled}")
    try:
        return Adapter(name, folder, config, read_header(folder / TENSORS))
    except FileProblem as error:
        return Adapter(name, folder, config, problem=error.message)


def _plain(name: str) -> str:
    """A tensor's name without what PEFT puts into it.

    >>> _plain("base_model.model.model.embed_tokens.modules_to_save.default.weight")
    'base_model.model.model.embed_tokens.weight'
    """
    for inside in (".modules_to_save.default", ".modules_to_save", ".base_layer"):
        name = name.replace(inside, "")
    return name
