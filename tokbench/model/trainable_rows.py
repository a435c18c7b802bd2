"""Chosen rows of a vocabulary as parameters of their own: a frozen model that reads and writes by them.

One parameter (n, H) takes the place of n rows of the matrix (V, H): where ids are looked up, and where tokens
are written by a head that is tied to it. A gradient of the whole matrix, masked, would cost V × H numbers
and two more in the optimizer, whose decay moves rows that have no gradient.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn.functional import embedding, linear
from transformers import PreTrainedModel

from tokbench.errors import NegativeResultError, UsageError
from tokbench.model.resize import head_kind
from tokbench.model.safetensors_files import Tensor as FileTensor
from tokbench.model.safetensors_files import files_of, read_header

SAMPLED = 4_096  # rows
PROBED = 8  # rows by which it is seen that a look-up gives rows as they are, or scaled
OTHER_ROWS = "train rows of a model that looks them up as they are"


Scale = Tensor | float  # what a row is multiplied by when it is looked up


class TrainableRows(nn.Module):
    """A frozen model, of which some rows are trained.

    `inputs` (n, E) stand for the rows that are looked up, and for those of a tied head; `outputs` (n, H) and
    `biases` (n,) for those of a head of its own, where a `head` is wanted. All are float32, whatever the
    model's numbers are. The model is no submodule: its weights are in no checkpoint, and it stays in eval
    mode, without dropout.

    Raises UsageError for a model whose look-up does something else than to take rows, and scale them.
    """

    rows: Tensor
    place: Tensor

    def __init__(self, model: PreTrainedModel, rows: Sequence[int], *, head: bool = False) -> None:
        super().__init__()
        # in a tuple, so that they are no submodules
        self._frozen = (frozen(model), _words(model), _head(model) if head else None)
        # T5 and BART look up by one matrix in several modules, BART by a scaled one in some
        self._scales = tuple((each, _scale(model, each)) for each in _look_ups(model, self._words.weight))
        weight = self._words.weight
        self.register_buffer("rows", torch.tensor(list(rows), dtype=torch.long), persistent=False)
        place = torch.full((len(weight),), -1, dtype=torch.long)
        place[list(rows)] = torch.arange(len(rows))
        self.register_buffer("place", place, persistent=False)
        self.inputs = nn.Parameter(weight[self.rows.to(weight.device)].float())
        if self._head is not None and head_kind(model) == "own":
            self.outputs = nn.Parameter(self._head.weight[self.rows].float())
        if self._head is not None and self._head.bias is not None:
            self.biases = nn.Parameter(self._head.bias[self.rows].float())

    @property
    def model(self) -> PreTrainedModel:
        """The frozen model."""
        return self._frozen[0]

    @property
    def _words(self) -> Any:  # noqa: ANN401  an nn.Embedding, or a class like it
        return self._frozen[1]

    @property
    def _head(self) -> Any:  # noqa: ANN401  an nn.Linear, or None
        return self._frozen[2]

    def forward(self, **batch: Tensor) -> Any:  # noqa: ANN401  what the class returns
        """What the model gives."""
        return self.model(**batch)

    def get_input_embeddings(self) -> Any:  # noqa: ANN401
        """What has the trained rows as its weight."""
        return SimpleNamespace(weight=self.inputs)

    def hidden_states(self, **batch: Tensor) -> Tensor:
        """The body's last hidden states (B, T, H)."""
        return last_states(self.model, batch)

    def size(self) -> float:
        """The root of the mean square of the numbers of some thousand rows."""
        weight = self._words.weight
        some = weight[:: max(1, len(weight) // SAMPLED)].float()
        return float(some.pow(2).mean().sqrt())

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside, the model reads and writes by these parameters."""
        hooks = [each.register_forward_hook(partial(self._read, scale)) for each, scale in self._scales]
        if self._head is not None:
            hooks.append(self._head.register_forward_hook(self._write))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _read(self, scale: Scale, _: nn.Module, given: tuple[Tensor, ...], found: Tensor) -> Tensor:
        place = self.place[given[0]]
        new = embedding(place.clamp(min=0), self.inputs).to(found.dtype) * scale
        return torch.where((place >= 0)[..., None], new, found)

    def _write(self, _: nn.Module, given: tuple[Tensor, ...], found: Tensor) -> Tensor:
        parts = dict(self.named_parameters())
        rows, biases = parts.get("outputs", self.inputs), parts.get("biases")
        new = linear(given[0], rows.to(found.dtype), None if biases is None else biases.to(found.dtype))
        return found.index_copy(-1, self.rows, new)

    def tables(self) -> Iterator[RowTable]:
        """The tables that have these rows, with what was trained."""
        parts = {"inputs": self._words.weight}
        if self._head is not None:
            parts |= {"outputs": self._head.weight, "biases": self._head.bias}
        for name, rows in self.named_parameters():
            old = parts[name]
            names = [each for each, weight in self.model.state_dict().items() if _same(weight, old)]
            yield RowTable(tuple(names), old, rows.detach().to("cpu", old.dtype))

    def written(self) -> PreTrainedModel:
        """The model with these rows in its own tables."""
        with torch.no_grad():
            for table in self.tables():
                table.old[self.rows.to(table.old.device)] = table.rows.to(table.old.device)
        return self.model


@dataclass(frozen=True)
class RowTable:
    """A tensor over the vocabulary as the model has it, all its names, and the trained rows in its type."""

    names: tuple[str, ...]
    old: Tensor
    rows: Tensor


def frozen(model: PreTrainedModel) -> PreTrainedModel:
    """The same model in eval mode, of which nothing is trained."""
    model.eval()  # type: ignore[no-untyped-call]
    model.requires_grad_(requires_grad=False)
    return model


def last_states(model: PreTrainedModel, batch: Mapping[str, Tensor]) -> Tensor:
    """The last hidden states (B, T, H) of a model's body; of its encoder where there are two stacks."""
    body: Any = model.get_encoder() if model.config.is_encoder_decoder else model.base_model
    found: Tensor = body(**batch)[0]
    return found


def _words(model: PreTrainedModel) -> Any:  # noqa: ANN401  an nn.Embedding, or a class like it
    """The module that looks tokens up."""
    try:
        found: Any = model.get_input_embeddings()
    except NotImplementedError:
        found = None
    if getattr(getattr(found, "weight", None), "ndim", 0) != 2:
        raise UsageError(
            f"{type(model).__name__} has no one matrix that tokens are looked up in", fix=OTHER_ROWS
        )
    return found


def _look_ups(model: PreTrainedModel, weight: Tensor) -> list[nn.Module]:
    """The modules that look ids up in this matrix."""
    found = (each for each in model.modules() if getattr(each, "weight", None) is weight)
    return [each for each in found if not isinstance(each, nn.Linear)]


def _scale(model: PreTrainedModel, words: Any) -> Scale:  # noqa: ANN401
    """What a row is multiplied by when it is looked up: 1, or Gemma's and BART's `embed_scale`."""
    scale = getattr(words, "embed_scale", 1.0)
    scale = scale.to(words.weight.dtype) if isinstance(scale, Tensor) else float(scale)
    ids = torch.linspace(0, len(words.weight) - 1, PROBED, device=words.weight.device).long()
    with torch.no_grad():
        if not torch.allclose(words(ids), words.weight[ids] * scale, rtol=1e-2):
            raise UsageError(f"{type(model).__name__} changes rows when it looks them up", fix=OTHER_ROWS)
    return scale


def _head(model: PreTrainedModel) -> Any:  # noqa: ANN401
    """The matrix that writes tokens; UsageError where it is not a plain one."""
    found: Any = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    if not isinstance(found, nn.Linear):
        raise UsageError(
            f"{type(model).__name__} writes tokens by no plain matrix", fix="choose the objective distil"
        )
    return found


def _same(one: Tensor, other: Tensor) -> bool:
    return one.data_ptr() == other.data_ptr() and one.shape == other.shape


def write_rows(folder: Path, tables: Sequence[RowTable], rows: Sequence[int]) -> None:
    """Put trained rows into the safetensors of a folder, in place; no other byte changes.

    A table is known by its names, or where the file has others by its content. NegativeResultError for one
    that is nowhere.
    """
    headers = {file: read_header(file) for file in files_of(folder)}
    for table in tables:
        every = [(file, name, each) for file, found in headers.items() for name, each in found.items()]
        found = [(file, each) for file, name, each in every if name in table.names]
        found = found or [(file, each) for file, name, each in every if _holds(file, name, each, table)]
        if not found:
            raise NegativeResultError(f"{folder} has no tensor {table.names[0]}; nothing was saved")
        for file, tensor in found:
            _put(file, tensor, table.rows, rows)


def _holds(file: Path, name: str, tensor: FileTensor, table: RowTable) -> bool:
    """Whether a tensor of a file ends in a table's own name and holds what the table does."""
    if tensor.shape != tuple(table.old.shape) or not any(_ends_alike(name, each) for each in table.names):
        return False
    with safe_open(file, framework="pt") as tensors:
        return torch.equal(tensors.get_tensor(name), table.old.cpu())


def _ends_alike(name: str, other: str) -> bool:
    """Whether one name is the other behind a prefix: `bert.` of BertForMaskedLM, which BertModel lacks."""
    return name.endswith(f".{other}") or other.endswith(f".{name}")


def _put(file: Path, tensor: FileTensor, new: Tensor, rows: Sequence[int]) -> None:
    content = new.contiguous().view(torch.uint8).reshape(len(rows), -1).numpy()
    with file.open("r+b") as stream:
        for at, row in enumerate(rows):
            os.pwrite(stream.fileno(), content[at].tobytes(), tensor.start + row * content.shape[1])


def prove_rows_alone(old: Path, new: Path, rows: Sequence[int]) -> int:
    """How many tensors of two folders are the same bit by bit; the others may differ in these rows alone.

    NegativeResultError where that is not so.
    """
    same = 0
    for file in files_of(new):
        with safe_open(old / file.name, framework="pt") as before, safe_open(file, framework="pt") as after:
            for name in after.keys():  # noqa: SIM118  no mapping, though it looks like one
                one, other = (_bits(each.get_tensor(name)) for each in (before, after))
                changed = set((one != other).flatten(1).any(dim=1).nonzero().flatten().tolist())
                if not changed <= set(rows):
                    raise NegativeResultError(f"{name} changed beyond the rows trained; nothing was saved")
                same += not changed
    return same


def _bits(tensor: Tensor) -> Tensor:
    """A tensor's bytes, a row each."""
    whole = tensor.contiguous().reshape(len(tensor) if tensor.ndim else 1, -1)
    return whole.view(torch.uint8)
