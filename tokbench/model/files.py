"""A model's files before they are loaded: which there are, and whether they may be opened. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokbench.errors import FileError
from tokbench.io import hub
from tokbench.io.json_files import MIB, read_object

CONFIG, GENERATION = "config.json", "generation_config.json"
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5", "flax_model.msgpack")


def find_model(name: str | Path) -> Path:
    """The folder of a model with safetensors weights: on this disk, or from the hub's cache or the hub."""
    path = Path(name).expanduser()
    if path.is_dir():
        ensure_whole(path)
        return path
    if path.exists() or not isinstance(name, str) or not hub.may_be_on_hub(name):
        raise FileError(
            f"there is no model folder at {name}", fix="name a folder with a config.json, or a hub name"
        )
    path = hub.fetch(name, [CONFIG], [GENERATION, WEIGHTS, INDEX])
    if (path / INDEX).exists():
        hub.fetch(name, [CONFIG, *_shards(path)])
    ensure_whole(path)
    return path


def find_config(name: str | Path) -> Path:
    """A folder with the config.json of a model, its weights there or not; nothing else is fetched."""
    path = Path(name).expanduser()
    if path.is_dir():
        if (path / CONFIG).exists():
            return path
        raise FileError(f"{name} has no {CONFIG}", fix="name a model's folder")
    if path.exists() or not isinstance(name, str) or not hub.may_be_on_hub(name):
        raise FileError(
            f"there is no model folder at {name}", fix="name a folder with a config.json, or a hub name"
        )
    return hub.fetch(name, [CONFIG])


def ensure_whole(folder: Path) -> None:
    """Refuse a folder without config or weights, with pickled weights only, or with weights outside it."""
    if not (folder / CONFIG).exists():
        raise FileError(f"{folder} has no config.json, so it is no model", fix="name the model's folder")
    if (folder / WEIGHTS).exists():
        return
    if (folder / INDEX).exists():
        missing = [shard for shard in _shards(folder) if not (folder / shard).exists()]
        if missing:
            raise FileError(
                f"{folder} lacks {missing[0]}, which its index names", fix="copy the folder whole"
            )
        return
    pickled = [file for file in PICKLED if (folder / file).exists()]
    if pickled:
        raise FileError(
            f"{folder} has its weights only in {pickled[0]}, a format that can run code when it is read",
            fix="where you trust it, convert it: from_pretrained and save_pretrained write safetensors",
        )
    raise FileError(f"{folder} has no model.safetensors", fix="copy the folder whole")


def architecture(folder: Path) -> str:
    """The class that wrote the model, head included; '' when the config does not say."""
    named = read_object(folder / CONFIG).get("architectures")
    return str(named[0]) if isinstance(named, list) and named else ""


def _shards(folder: Path) -> list[str]:
    """The files that the index names; only plain names, for `../` would read another folder's files."""
    index: Mapping[str, Any] = read_object(folder / INDEX, limit=256 * MIB)
    weight_map = index.get("weight_map")
    if not isinstance(weight_map, Mapping):
        raise FileError(f"{folder / INDEX} has no weight_map", fix="copy the folder whole")
    names = sorted({str(name) for name in weight_map.values()})
    for name in names:
        if name != Path(name).name or "\\" in name or not name.endswith(".safetensors"):
            raise FileError(
                f"{folder / INDEX} names {name!r}, which is no file of its own", fix="do not trust it"
            )
    return names
