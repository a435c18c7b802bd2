"""A grown tokenizer and model written as one folder, and read again before it takes its place."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench import __version__
from tokbench.errors import AnswerIsNo
from tokbench.model.growth import Growth
from tokbench.model.quiet import quiet
from tokbench.model.source import INDEX
from tokbench.pretrained.folder import carried, load, replacing, save, tokenizer_text

if TYPE_CHECKING:
    from transformers import PreTrainedModel


# generation_config.json is written by models that generate, and carried for a body saved without its head.
NEIGHBOURS = (
    "generation_config.json", "modules.json", "sentence_bert_config.json", "preprocessor_config.json",
    "config_sentence_transformers.json", "processor_config.json", "LICENSE", "README.md",
)  # fmt: skip
ONE_FILE = "50GB"  # the library's own default
LAYER = re.compile(r"\d+_[A-Z]\w*")  # sentence-transformers: 1_Pooling


def save_grown(growth: Growth, out: Path, *, force: bool = False) -> None:
    """Tokenizer, configs and weights (safetensors) land in `out` together, or nothing does."""
    with replacing(out, force=force) as folder:
        more = {**carried(growth.tokenizer), "tokbench.json": _record(growth)}
        save(growth.added.tokenizer, growth.added.config, folder, more=more)
        _verify_tokenizer(growth, folder)
        if growth.grown is not None:
            with quiet():
                growth.grown.save_pretrained(folder, max_shard_size=_shard_size(growth.grown_from))
            carry_neighbours(growth.grown_from, folder)
            _verify_model(growth.grown, folder)
            _verify_config(growth.grown, folder)


def _record(growth: Growth) -> str:
    """What was done, and the hash that ties this tokenizer to these weights."""
    added, plan, resized = growth.added, growth.plan, growth.resized
    facts = {
        "schema": "tokbench/record/1",
        "added": {"special": added.special, "regular": added.regular},
        "ids": {"before": added.before, "after": added.after},
        "rows": {"before": plan.rows_before, "after": plan.size} if plan else None,
        "start": resized.initializer if resized else None,
        "roles": {move.role: [move.before, move.token] for move in added.roles},
        "tokenizer_json_sha256": hashlib.sha256(tokenizer_text(added.tokenizer).encode()).hexdigest(),
        "versions": {"tokbench": __version__, "tokenizers": version("tokenizers")},
    }
    return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"


def _verify_tokenizer(growth: Growth, folder: Path) -> None:
    again = load(folder).tokenizer.get_vocab(with_added_tokens=True)
    if again != growth.added.tokenizer.get_vocab(with_added_tokens=True):
        raise AnswerIsNo("the tokenizer read back has other ids than the one written; nothing was saved")


def _shard_size(model: Path | None) -> int | str:
    """Weights that came in several files are written in files as large as their largest."""
    if model is None or not (model / INDEX).exists():
        return ONE_FILE
    return max(file.stat().st_size for file in model.glob("*.safetensors"))


def carry_neighbours(model: Path | None, folder: Path) -> None:
    """Take along what belongs to the model and changes with no row: licence, pooling, generation."""
    for entry in sorted(model.iterdir()) if model else ():
        layer = entry.is_dir() and LAYER.fullmatch(entry.name)
        if (layer or entry.name in NEIGHBOURS) and not (folder / entry.name).exists():
            if layer:
                shutil.copytree(entry, folder / entry.name)
            else:
                shutil.copyfile(entry, folder / entry.name)


def _verify_model(model: PreTrainedModel, folder: Path) -> None:
    """Every tensor on the disk is the one in memory, bit by bit."""
    import torch
    from safetensors import safe_open

    weights = model.state_dict()
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118  no mapping, though it looks like one
                if name in weights and not torch.equal(tensors.get_tensor(name), weights[name]):
                    raise AnswerIsNo(f"{name} read back differs from what was written; nothing was saved")


def _verify_config(model: PreTrainedModel, folder: Path) -> None:
    """The saved config makes a model of these shapes: nothing will be started anew when it is loaded."""
    from tokbench.model.loading import BROKEN, first_line
    from tokbench.model.measure import hollow

    if not type(model).__module__.startswith("transformers."):
        return  # code from the model's own folder was run once, on purpose; not again in a new place
    try:
        with quiet():
            expected = hollow(folder).state_dict()
    except BROKEN as error:
        raise AnswerIsNo(
            f"the config does not make a model any more: {first_line(error)}; nothing was saved"
        ) from error
    for name, weight in model.state_dict().items():
        if name not in expected or expected[name].shape != weight.shape:
            raise AnswerIsNo(f"the saved config has another shape for {name}; nothing was saved")
