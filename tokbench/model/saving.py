"""A grown tokenizer and model written as one folder, and read again before it takes its place."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench import __version__
from tokbench.errors import AnswerIsNo
from tokbench.model.growth import Growth
from tokbench.model.quiet import quiet
from tokbench.pretrained.folder import carried, load, replacing, save, tokenizer_text

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def save_grown(growth: Growth, out: Path, *, force: bool = False) -> None:
    """Tokenizer, configs and weights (safetensors) land in `out` together, or nothing does."""
    with replacing(out, force=force) as folder:
        more = {**carried(growth.tokenizer), "tokbench.json": _record(growth)}
        save(growth.added.tokenizer, growth.added.config, folder, more=more)
        _verify_tokenizer(growth, folder)
        if growth.grown is not None:
            with quiet():
                growth.grown.save_pretrained(folder)
            _verify_model(growth.grown, folder)


def _record(growth: Growth) -> str:
    """What was done, and the hash that ties this tokenizer to these weights."""
    added, plan, resized = growth.added, growth.plan, growth.resized
    facts = {
        "schema": "tokbench/record/1",
        "added": {"special": added.special, "regular": added.regular},
        "ids": {"before": added.before, "after": added.after},
        "rows": {"before": plan.rows_before, "after": plan.size} if plan else None,
        "start": resized.initializer if resized else None,
        "tokenizer_json_sha256": hashlib.sha256(tokenizer_text(added.tokenizer).encode()).hexdigest(),
        "versions": {"tokbench": __version__, "tokenizers": version("tokenizers")},
    }
    return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"


def _verify_tokenizer(growth: Growth, folder: Path) -> None:
    again = load(folder).tokenizer.get_vocab(with_added_tokens=True)
    if again != growth.added.tokenizer.get_vocab(with_added_tokens=True):
        raise AnswerIsNo("the tokenizer read back has other ids than the one written; nothing was saved")


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
