"""A model as its files hold it: which of their tensors the vocabulary sizes, and where. Nothing is loaded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokbench.errors import FileError, UsageError
from tokbench.io.json_files import read_object
from tokbench.model.class_facts import ClassFacts, class_facts
from tokbench.model.files import CONFIG, GENERATION, architecture, find_model
from tokbench.model.safetensors_files import KINDS, Tensor, files_of, read_header
from tokbench.model.sizes import ModelSize
from tokbench.model.vocabulary_tensors import VocabularyTensor, keys_to_grow, untied

CHUNK = 8 << 20  # bytes that are held at a time
INTEGERS = {"I64": "<i8", "I32": "<i4"}  # of buffers: an id or a number a token


@dataclass(frozen=True)
class StoredTable:
    """A tensor over the vocabulary, and those of its names that files hold.

    `first` says whether it is of the vocabulary's own key, not of a key beside it.
    """

    key: str
    tensor: VocabularyTensor
    names: tuple[str, ...]
    first: bool

    @property
    def name(self) -> str:
        """The tensor's first name, as its class has it."""
        return self.tensor.name

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return self.tensor.shape[self.tensor.dimension]

    @property
    def width(self) -> int:
        """How many numbers a row has."""
        return math.prod(self.tensor.shape) // max(1, self.rows)


@dataclass(frozen=True)
class StoredModel:
    """A folder with a model: file → its tensors in their order, and what the class says of them."""

    name: str
    folder: Path
    files: Mapping[str, Mapping[str, Tensor]]
    facts: ClassFacts

    def place(self, name: str) -> tuple[Path, Tensor]:
        """The file of a tensor, and where it lies there."""
        return next((self.folder / file, held[name]) for file, held in self.files.items() if name in held)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name."""
        return {name: tensor for held in self.files.values() for name, tensor in held.items()}

    def keys(self, vocabulary: Sequence[str] = ()) -> tuple[str, ...]:
        """The keys that grow with a tokenizer; UsageError where the class cannot grow."""
        growth = self.facts.growth
        return keys_to_grow(self.facts.tables, growth.name, vocabulary, growth.moves)

    def tables(self, keys: Sequence[str]) -> tuple[StoredTable, ...] | None:
        """The tables of these keys and of those beside them; None where files do not show them as they are.

        That is where a class draws one anew, or the files have it under a name that only loading knows.
        UsageError for packed numbers, of which no row can be made, and for matrices that the class ties
        and the files hold with other numbers each.
        """
        found = []
        facts, stored = self.facts, self.tensors
        for key in keys:
            for each in (key, *facts.tables.beside(key)):
                if each not in facts.growth.places:
                    return None
                for tensor in facts.tables.tensors[each]:
                    names = tuple(self._held(tensor, stored))
                    table = StoredTable(each, tensor, names, each == key)
                    self._refuse_packed(table, stored)
                    if names and all(stored[name].shape == tensor.shape for name in names):
                        found.append(table)
                    elif names or not tensor.buffer or tensor.name in facts.outcome.missing:
                        return None
        for table in found:
            self._refuse_untied(table)
        return tuple(found)

    def measure(self, keys: Sequence[str], tables: Sequence[StoredTable]) -> ModelSize:
        """The measures of the model, for a vocabulary of these keys and its tables."""
        facts, stored = self.facts, self.tensors
        return ModelSize(
            rows=facts.tables.values[keys[0]],
            head=facts.growth.head,
            weight_bytes=sum(each.size for each in stored.values()),
            row_bytes=sum(stored[each.names[0]].size // max(1, each.rows) for each in tables),
            ids={**facts.growth.ids, **self._generation_ids()},
            writes_times=facts.growth.writes_times,
        )

    def _generation_ids(self) -> dict[str, int]:
        path = self.folder / GENERATION
        stated = read_object(path) if path.exists() else {}
        return {
            key: value
            for key, value in stated.items()
            if key.endswith("_token_id") and isinstance(value, int)
        }

    def _held(self, tensor: VocabularyTensor, stored: Mapping[str, Tensor]) -> Iterator[str]:
        """The names of a tensor that files hold; a body saved without its head has no prefix, and so on."""
        prefix = f"{self.facts.growth.prefix}."
        for name in tensor.names:
            other = name.removeprefix(prefix) if name.startswith(prefix) else prefix + name
            yield from (each for each in (name, other) if each in stored)

    def _refuse_packed(self, table: StoredTable, stored: Mapping[str, Tensor]) -> None:
        kinds = {stored[name].dtype for name in table.names}
        whole = KINDS.keys() | (INTEGERS.keys() if table.tensor.buffer else set())
        quantised = read_object(self.folder / CONFIG).get("quantization_config")
        if kinds <= whole and not (quantised and not kinds and not table.tensor.buffer):
            return
        kind = next(iter(kinds - whole), "packed numbers")
        raise UsageError(
            f"{table.name} of {self.name} is quantised ({kind}), and no row can be made for a new token",
            fix="take the model before it was quantised, and quantise what comes out",
        )

    def _refuse_untied(self, table: StoredTable) -> None:
        (first, place), *others = (self.place(name) for name in table.names)
        for name, (path, other) in zip(table.names[1:], others, strict=True):
            if not _same(first, place, path, other):
                raise untied(name, table.names[0])


def stored_model(name: str | Path) -> StoredModel | None:
    """The model of a folder or hub name as its files hold it; None where it has to be loaded to be known.

    That is code of its own, a class that cannot be asked, weights that it would not take, and damage, of
    which loading says more.
    """
    path = find_model(name)
    try:
        files = {file.name: _in_order(read_header(file)) for file in files_of(path)}
    except FileError:
        return None
    tensors = {key: tensor for held in files.values() for key, tensor in held.items()}
    facts = class_facts(path, tensors, architecture(path))
    if facts is None or facts.outcome.other or any("pooler" not in each for each in facts.growth.body):
        return None
    return StoredModel(str(name), path, files, facts)


def _in_order(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return dict(sorted(tensors.items(), key=lambda pair: pair[1].start))


def _same(path: Path, tensor: Tensor, other_path: Path, other: Tensor) -> bool:
    """Whether two tensors have the same bytes."""
    if (tensor.dtype, tensor.shape) != (other.dtype, other.shape):
        return False
    with path.open("rb") as one, other_path.open("rb") as two:
        one.seek(tensor.start)
        two.seek(other.start)
        left = tensor.size
        while left:
            part = min(CHUNK, left)
            if one.read(part) != two.read(part):
                return False
            left -= part
    return True
