"""The folder a run leaves: model, tokenizer files byte for byte, metrics and choices."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from tokbench.errors import FileError, ResourceError
from tokbench.io.quiet import quiet

GENERIC = "PreTrainedTokenizerFast"  # transformers 4 and 5 both load tokenizer.json as it is under this name
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "tokenizer.model",
    "chat_template.jinja",
    "tokbench.toml",
    "tokbench.json",
)


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a folder as transformers loads it."""
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as problem:
        raise FileError(
            f"transformers cannot load the tokenizer in {folder}: {problem}", fix=f"tokbench check {folder}"
        ) from problem
    if not tokenizer.is_fast:
        raise FileError(f"the tokenizer in {folder} has no tokenizer.json", fix="give a folder that has one")
    return tokenizer


def must_have_room(model: PreTrainedModel, out: Path) -> None:
    """Nothing, or an error before training when the disk could not take the model after it."""
    place = next(folder for folder in out.expanduser().absolute().parents if folder.exists())
    needed = sum(each.numel() * each.element_size() for each in model.parameters())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise ResourceError(
            f"{out} would take {needed / 2**20:,.0f} MB, and its disk has {free / 2**20:,.0f} MB left",
            fix="make room, or choose a place on another disk with -o",
        )


def save_model(model: PreTrainedModel, into: Path) -> None:
    """Config and safetensors."""
    with quiet():
        model.save_pretrained(into)
    rights = (into / "config.json").stat().st_mode
    for weights in into.glob("*.safetensors"):
        weights.chmod(rights)  # they are written for their owner alone


def copy_tokenizer(folder: Path, into: Path) -> None:
    """The tokenizer's files as they are; a config that names no class gets the one that changes nothing."""
    for name in TOKENIZER_FILES:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, into / name)
    path = into / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if not config.get("tokenizer_class"):
        # beside a config.json the model's own class would be taken, which rebuilds the blocks
        write_json(path, {**config, "tokenizer_class": GENERIC})


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """The same content always gives the same bytes."""
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
