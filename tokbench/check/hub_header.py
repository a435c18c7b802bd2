"""The tensors of a model on the hub: the header is asked for alone, a few kilobytes of many gigabytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tokbench.check.header import Tensor
from tokbench.check.weights import INDEX, ONE, Weights, read_weights, shards_of
from tokbench.errors import FileProblem

PATIENCE = 5.0  # seconds for an answer


def weights_on_hub(name: str, folder: Path) -> Weights:
    """The tensors of a repository whose config lies in `folder`: from there, else asked for."""
    if (folder / ONE).exists():
        return read_weights(folder)
    try:
        shards = shards_of(folder / INDEX) if (folder / INDEX).exists() else [ONE]
    except FileProblem as error:
        return Weights(problem=error.message)
    return _asked(name, shards)


def _asked(name: str, shards: list[str]) -> Weights:
    from huggingface_hub import errors

    of_the_client = errors.HTTPError  # type: ignore[attr-defined]  # whichever client the hub's library uses
    try:
        return Weights(dict(_headers(name, shards)))
    except (errors.NotASafetensorsRepoError, errors.SafetensorsParsingError) as error:
        return Weights(problem=f"{name} has weights without a readable header: {error}")
    except (of_the_client, OSError) as error:
        return Weights(unread=f"the hub gives no header of {name}: {type(error).__name__}")


def _headers(name: str, shards: list[str]) -> Iterator[tuple[str, Tensor]]:
    from huggingface_hub import HfApi

    for shard in shards:
        found: Any = HfApi().parse_safetensors_file_metadata(name, shard, timeout=PATIENCE)
        for key, entry in found.tensors.items():
            yield key, Tensor(tuple(entry.shape), entry.dtype)
