"""A model's folder before anything is loaded: where it is, and whether its files may be opened. No torch."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokbench.errors import FileError
from tokbench.io import hub
from tokbench.io.json_files import MIB, read_object

CONFIG, GENERATION = "config.json", "generation_config.json"
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5", "flax_model.msgpack")


def how_to_check(model: str | Path) -> str:
    """The command that looks at a model: with the tokenizer beside it, or with one that is to be named."""
    beside = (Path(model).expanduser() / "tokenizer.json").is_file()
    return f"tokbench check {'' if beside else 'TOKENIZER '}{shlex.quote(str(model))}"


def find_model(
    name: str | Path,
    *,
    weights: bool = True,
    whole: bool = True,
    besides: Sequence[str] = (),
    fix: str = "name a folder with a config.json, or a hub name",
) -> Path:
    """The folder of a model: on this disk, or from the hub's cache or the hub, which nothing executes.

    Without `weights` only the config is fetched, and needs to be there; without `whole` weights are fetched
    but not checked. `besides` are files that are fetched too where the repository has them.
    """
    path = Path(name).expanduser()
    if not path.is_dir():
        if path.exists() or not isinstance(name, str) or not hub.may_be_on_hub(name):
            raise FileError(f"there is no model folder at {name}", fix=fix)
        path = hub.fetch(name, [CONFIG], [*besides, *((GENERATION, WEIGHTS, INDEX) if weights else ())])
        if weights and (path / INDEX).exists():
            hub.fetch(name, [CONFIG, *_shards(path)])
    if not (path / CONFIG).exists():
        raise FileError(f"{path} has no config.json, so it is no model", fix="name the model's folder")
    if weights and whole:
        ensure_weights(path)
    return path


def has_weights(folder: Path) -> bool:
    """Whether a model lies in this folder: its config, and weights that can be read without a pickle."""
    return (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))


def ensure_weights(folder: Path) -> None:
    """Refuse a folder without weights, with pickled weights only, or with weights outside it."""
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


MOST_PARTS = 1_000  # layers, experts or heads that a config may name without weights that bear it out
COUNTS = re.compile(r"((num|n)_\w*(layers?|experts|heads?|blocks)|\w*layers|depth)")


def ensure_bounded(folder: Path) -> None:
    """Refuse a config that names more layers, experts or heads than its weights have tensors.

    A class is built by what config.json says before its weights are looked at: a damaged number there would
    have a billion layers built.
    """
    largest = max(_counts(read_object(folder / CONFIG)), key=lambda pair: pair[1], default=("", 0))
    key, count = largest
    if count <= MOST_PARTS:
        return
    tensors = tensor_count(folder)
    if count > max(tensors, MOST_PARTS):
        raise FileError(
            f"{folder / CONFIG} says {key} {count:,}, and the weights have {tensors:,} tensors",
            fix="take config.json and weights from the same save of the model",
        )


def tensor_count(folder: Path) -> int:
    """How many tensors the headers of a folder's safetensors name; 0 where there are none."""
    count = 0
    for file in folder.glob("*.safetensors"):
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if length <= min(file.stat().st_size, 100 * MIB):
                count += stream.read(length).count(b'"data_offsets"')
    return count


def _counts(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, int]]:
    """The numbers of layers, experts and heads in a config and in the configs inside it."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _counts(value, f"{prefix}{key}.")
        elif isinstance(value, int) and not isinstance(value, bool) and COUNTS.fullmatch(key):
            yield prefix + key, value


# The model types whose position ids start behind the padding id; all others start at 0.
COUNTED_POSITIONS = frozenset(
    {"camembert", "data2vec-text", "esm", "ibert", "longformer", "mpnet", "roberta",
     "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod"}
)  # fmt: skip


def counts_positions_from_padding(model: Any) -> bool:  # noqa: ANN401  a model_type, or a torch module
    """Whether position ids start behind the padding id, so that another padding id moves every position.

    Known by its `model_type`, and of a loaded model by the padding row of its position embeddings.

    >>> counts_positions_from_padding("roberta"), counts_positions_from_padding("bert")
    (True, False)
    """
    if isinstance(model, str):
        return model in COUNTED_POSITIONS
    return any(
        name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None
        for name, module in model.named_modules()
    )


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
