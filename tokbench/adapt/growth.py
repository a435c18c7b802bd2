"""What an act on a tokenizer and its model gave: a Growth, saved with its record whole or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokbench import __version__
from tokbench.errors import NegativeResultError
from tokbench.io.atomic import atomic_folder
from tokbench.io.json_files import read_object
from tokbench.io.quiet import quiet
from tokbench.model.files import INDEX
from tokbench.model.row_plan import WITHOUT_MODEL, RowPlan, stretches
from tokbench.model.stream import Rewrite, Rewritten, rewrite
from tokbench.pretrained.companions import Companions, companions
from tokbench.pretrained.folder import TOKENIZER, TokenizerFolder, load, save_folder
from tokbench.pretrained.lineage import sha256_of
from tokbench.pretrained.train import RECORD, training_of
from tokbench.results import Result

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from tokbench.model.contract import GrowthProof
    from tokbench.model.sizes import Memory, Resized
    from tokbench.pretrained.added_tokens import Added
    from tokbench.pretrained.retokenized import Changed


@dataclass(frozen=True, kw_only=True, repr=False)
class Growth(Result, kind="growth"):
    """A tokenizer with more tokens and, if there was one, the model that fits it.

    `plan`, `resized` and `proof` are None without a model. `fresh` are weights that the model's file lacked
    and that started anew; `dropped` those that its class does not take. `followed` are the ids in the
    model's configs that went with a role, key → old and new. `described` are token → words that its
    row is the mean of. `changed` is what became of the words of a sample. A `dry` run has a plan and no
    `resized`; a `proof` where the weights are few enough to try it, or where it was asked for. `rewritten` is
    what was written and read back of the model's files: all but the vocabulary's tensors are the old bytes,
    so `fresh` weights are as lacking there as they were. `path` is where it was saved, with the
    files `copied` from beside tokenizer and model; `left` says of the others why they stayed behind.
    """

    added: Added
    tokenizer: TokenizerFolder = field(repr=False, metadata={"json": False})
    model: str = ""
    plan: RowPlan | None = None
    memory: Memory | None = None
    resized: Resized | None = None
    proof: GrowthProof | None = None
    rewritten: Rewritten | None = None
    described: dict[str, str] = field(default_factory=dict)
    fresh: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    followed: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    changed: Changed | None = None
    dry: bool = False
    path: Path | None = None
    copied: tuple[str, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)
    grown_from: Path | None = field(default=None, repr=False, metadata={"json": False})
    grown: PreTrainedModel | None = field(default=None, repr=False, metadata={"json": False})
    rewrite: Rewrite | None = field(default=None, repr=False, metadata={"json": False})


CARD, BASE_CARD = "README.md", "README.base.md"
ONE_FILE = "50GB"  # the library's own default


def saved(
    growth: Growth,
    out: Path,
    *,
    act: str,
    force: bool,
    more: Mapping[str, str] | None = None,
    tokenizer: Path | None = None,
) -> Growth:
    """The same growth, written to `out`: tokenizer, configs, weights (safetensors) and `more` texts.

    They land there together, or nothing does. `act` is the command's name, which the record keeps. The files
    of the model are written anew a part at a time; what only loading knows is written by its own library.
    What lies beside `tokenizer` goes along, where the new ids are those of another one than the growth's.
    """
    rewritten = None
    here = tokenizer or growth.tokenizer.path
    beside = _beside(growth, more, here)  # before the folder may be replaced by the one that is written
    with atomic_folder(out, force=force) as folder:
        texts = {RECORD: _record(growth, act), **(more or {})}
        save_folder(growth.added.written, growth.added.config, folder, more=texts)
        _verify_tokenizer(growth, folder)
        if growth.rewrite is not None:
            rewritten = rewrite(growth.rewrite, folder)
        elif growth.grown is not None:
            with quiet():
                growth.grown.save_pretrained(folder, max_shard_size=_shard_size(growth.grown_from))
        if growth.grown is not None:
            _verify_model(growth.grown, folder)
            _verify_config(growth.grown, folder)
        beside.copy(folder)
    return replace(growth, path=Path(out), rewritten=rewritten, copied=tuple(beside.copied), left=beside.left)


def _beside(growth: Growth, more: Mapping[str, str] | None, tokenizer: Path) -> Companions:
    """What lies in the folders that were grown, and whether it goes along: a base's card by another name."""
    found = companions(tokenizer, growth.grown_from)
    if CARD not in (more or {}) or CARD not in found.copied:
        return found
    renamed = {BASE_CARD if name == CARD else name: file for name, file in found.copied.items()}
    return replace(found, copied=renamed)


def _record(growth: Growth, act: str) -> str:
    """What was done, and the hash that ties this tokenizer to these weights."""
    added, plan, resized = growth.added, growth.plan, growth.resized
    facts = {
        "schema": "tokbench/record/1",
        "act": act,
        "grown_from": {
            "tokenizer": growth.tokenizer.name,
            "model": growth.model or None,
            "tokenizer_json_sha256": sha256_of(growth.tokenizer.path) or None,
        },
        "added": {"special": added.special, "regular": added.regular},
        "ids": {"before": added.before, "after": added.after},
        "rows": _rows(plan) if plan else None,
        "start": resized.initializer if resized else None,
        "roles": {move.role: [move.before, move.token] for move in added.roles},
        **_before(growth.tokenizer.path),
        "tokenizer_json_sha256": hashlib.sha256(added.written.encode()).hexdigest(),
        "versions": {"tokbench": __version__, "tokenizers": version("tokenizers")},
    }
    return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"


def _rows(plan: RowPlan) -> dict[str, Any]:
    """How many rows there were and are; where they moved, also which were started, as [first, last]."""
    facts: dict[str, Any] = {"before": plan.rows_before, "after": plan.size}
    if plan.moved is not None:
        facts["started"] = [[each[0], each[-1]] for each in stretches(plan.started)]
    return facts


def _before(folder: Path) -> dict[str, Any]:
    """How the tokenizer that was grown had been trained, and what was added to it before, as it records."""
    trained = training_of(folder)
    if trained is None:
        return {}
    told = read_object(folder / RECORD)
    earlier = [*told.get("earlier", ()), *([told["added"]] if "added" in told else ())]
    return {"trained": trained, **({"earlier": earlier} if earlier else {})}


def _verify_tokenizer(growth: Growth, folder: Path) -> None:
    """Read it back; where its text is the one that the tokenizer was read from, that has been done."""
    if (folder / TOKENIZER).read_bytes() == growth.added.text.encode():
        return
    again = load(folder).tokenizer.get_vocab(with_added_tokens=True)
    if again != growth.added.tokenizer.get_vocab(with_added_tokens=True):
        raise NegativeResultError(
            "the tokenizer read back has other ids than the one written; nothing was saved"
        )


def _shard_size(model: Path | None) -> int | str:
    """Weights that came in several files are written in files as large as their largest."""
    if model is None or not (model / INDEX).exists():
        return ONE_FILE
    return max(file.stat().st_size for file in model.glob("*.safetensors"))


def _verify_model(model: PreTrainedModel, folder: Path) -> None:
    """Every tensor on the disk is the one in memory, bit by bit.

    One that loading gave another number type is not compared: its file keeps its own.
    """
    import torch
    from safetensors import safe_open

    weights = model.state_dict()
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118  no mapping, though it looks like one
                written = tensors.get_tensor(name)
                known = name in weights and weights[name].dtype == written.dtype
                if known and not torch.equal(written, weights[name]):
                    raise NegativeResultError(
                        f"{name} read back differs from what was written; nothing was saved"
                    )


def _verify_config(model: PreTrainedModel, folder: Path) -> None:
    """The saved config makes a model of these shapes: nothing will be started anew when it is loaded."""
    from tokbench.model.loading import hollow
    from tokbench.model.readers import BROKEN, first_line

    if not type(model).__module__.startswith("transformers."):
        return  # code from the model's own folder was run once, on purpose; not again in a new place
    try:
        with quiet():
            expected = hollow(folder).state_dict()
    except BROKEN as error:
        raise NegativeResultError(
            f"the config does not make a model any more: {first_line(error)}; nothing was saved",
            fix=WITHOUT_MODEL,
        ) from error
    for name, weight in model.state_dict().items():
        if name not in expected or expected[name].shape != weight.shape:
            raise NegativeResultError(
                f"the saved config has another shape for {name}; nothing was saved", fix=WITHOUT_MODEL
            )
