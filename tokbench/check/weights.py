"""Which tensors a model's folder holds, from the headers of its files only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tokbench.check.header import Tensor, read_header
from tokbench.errors import FileProblem
from tokbench.pretrained.json_files import MIB, read_object

ONE, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.bin")
MOST_SHARDS = 2_000


@dataclass(frozen=True)
class Weights:
    """The tensors of a model by name, or why there are none.

    `problem`: what is wrong with the files. `pickled`: the file that holds them as a pickle, which is not
    opened. `unread`: why nobody looked. All empty: there are no weights.
    """

    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    problem: str = ""
    pickled: str = ""
    unread: str = ""


def read_weights(folder: Path) -> Weights:
    """What the safetensors of a folder hold, in one file or in shards that lie in the folder itself."""
    try:
        if (folder / ONE).exists():
            return Weights(read_header(folder / ONE))
        if (folder / INDEX).exists():
            return Weights(_from_shards(folder))
        return Weights(pickled=next((name for name in PICKLES if (folder / name).exists()), ""))
    except FileProblem as error:
        return Weights(problem=error.message)
    except OSError as error:
        return Weights(problem=f"the weights cannot be read: {error.strerror}")


def _from_shards(folder: Path) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name in shards_of(folder / INDEX):
        found |= read_header(folder / name)
    missing = sorted(_places(folder / INDEX).keys() - found.keys())
    if missing:
        raise FileProblem(f"{INDEX} names {missing[0]}, which no shard holds", fix="save the model again")
    return found


def shards_of(index: Path) -> list[str]:
    """The files that an index names; a FileProblem when one would lie out of the folder."""
    shards = sorted(set(_places(index).values()))
    if len(shards) > MOST_SHARDS:
        raise FileProblem(f"{INDEX} names {len(shards):,} files", fix="save the model again")
    for name in shards:  # transformers would follow such a name out of the folder
        if name != Path(name).name or "\\" in name or name in ("", ".", ".."):
            raise FileProblem(f"{INDEX} points out of the folder: {name}", fix="do not load this model")
    return shards


def _places(index: Path) -> dict[str, str]:
    places = read_object(index, limit=64 * MIB).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(name, str) for name in places.values()):
        raise FileProblem(f"{INDEX} has no weight_map", fix="save the model again")
    return places
