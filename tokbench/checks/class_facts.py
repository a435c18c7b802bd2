"""What the class that config.json names says of the weights: which it takes, and which its vocabulary sizes.

Nothing is loaded: transformers' own loading is run on tensors that have a shape and nothing in them, so its
renaming of old checkpoints and its ties hold here as they do there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokbench.errors import FileError
from tokbench.io.extras import has
from tokbench.model.files import CONFIG, ensure_bounded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tokbench.checks.safetensors_files import Tensor
    from tokbench.model.vocabulary_tables import VocabularyTables


@dataclass(frozen=True)
class LoadOutcome:
    """What loading does: `missing` starts at random, so does `other` (of another size); `unexpected` is lost.

    `expected` counts the tensors that the class has; `shapes` are those that the file has for `other`.
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    other: tuple[str, ...]
    expected: int
    shapes: Mapping[str, tuple[int, ...]]

    @property
    def lost(self) -> tuple[str, ...]:
        """The weights of the class that would be random numbers."""
        return self.missing + self.other


@dataclass(frozen=True)
class ClassFacts:
    """The tables of the vocabulary as the class has them, and the outcome of loading the file into it."""

    tables: VocabularyTables
    outcome: LoadOutcome

    def rows(self, key: str) -> dict[str, int]:
        """Name → rows that the file has of every tensor which this key sizes; reserved ones do not count.

        The tensors of the class that the file lacks are left out.
        """
        found: dict[str, int] = {}
        for each in self.tables.tensors.get(key, ()):
            shape = self.outcome.shapes.get(each.name, each.shape)
            if each.name not in self.outcome.missing and len(shape) == len(each.shape):
                found[each.name] = (shape[each.dimension] - each.offset) // each.step
        return found

    @property
    def embedding(self) -> dict[str, int]:
        """The same of the matrices that turn ids into vectors."""
        return {
            name: rows
            for key in self.tables.text
            for name, rows in self.rows(key).items()
            if name in self.tables.inputs
        }


def class_facts(folder: Path, tensors: Mapping[str, Tensor], architecture: str) -> ClassFacts | None:
    """The facts of a folder's class; None where it cannot be asked.

    That is without torch, for code of the folder's own, for quantised weights, which have other tensors than
    their class, and for a config of which no model can be made.
    """
    if not has("torch"):
        return None
    from tokbench.model.loading import class_of, hollow
    from tokbench.model.readers import BROKEN
    from tokbench.model.vocabulary_tables import vocabulary_tables

    try:
        ensure_bounded(folder)
        if class_of(folder).__name__ != (architecture or "AutoModel"):
            return None
        return ClassFacts(vocabulary_tables(hollow(folder)), load_outcome(folder, tensors))
    except (FileError, *BROKEN):
        return None


def load_outcome(folder: Path, tensors: Mapping[str, Tensor]) -> LoadOutcome:
    """What from_pretrained would find, tried with tensors that have a shape and nothing in it.

    A FileError when the library cannot make a model of the config.
    """
    import torch
    from transformers import AutoConfig

    from tokbench.io.quiet import quiet
    from tokbench.model.loading import class_of
    from tokbench.model.readers import BROKEN, first_line

    hollow = {name: torch.empty(tensor.shape, device="meta") for name, tensor in tensors.items()}
    try:
        with quiet(), torch.device("meta"):  # position ids too: a damaged config may ask for a billion
            config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            built, info = class_of(folder).from_pretrained(
                None,
                config=config,
                state_dict=hollow,
                device_map="meta",
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
    except BROKEN as error:
        raise FileError(
            f"transformers makes no model of {CONFIG}: {first_line(error)}", fix=f"correct {CONFIG}"
        ) from error
    return LoadOutcome(
        missing=_sorted(info["missing_keys"]),
        unexpected=_sorted(info["unexpected_keys"]),
        other=_sorted(each[0] for each in info["mismatched_keys"]),
        expected=len({id(each) for each in built.parameters()}),
        shapes={str(name): tuple(shape) for name, shape, _ in info["mismatched_keys"]},
    )


def _sorted(names: Any) -> tuple[str, ...]:  # noqa: ANN401
    return tuple(sorted(map(str, names)))
