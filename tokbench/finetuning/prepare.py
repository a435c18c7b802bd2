"""The tokenizer and the model a config names, checked together before anything is trained."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tokenizers
import torch
import transformers
from numpy.typing import NDArray
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

import tokbench
from tokbench.checks.run import RULES, check
from tokbench.errors import ChecksFailedError, FileError, UsageError
from tokbench.finetuning.config import PRESETS, SAVED_BESIDE, FinetuneConfig
from tokbench.finetuning.data.batches import Batches, ModelInputs
from tokbench.finetuning.data.tokenize import Limits
from tokbench.finetuning.metrics import costs
from tokbench.finetuning.models import fresh, load_classifier, load_tokenizer, notes_on_code, pooled_as
from tokbench.finetuning.run_files import resolve_names
from tokbench.model.files import counts_positions_from_padding

if TYPE_CHECKING:
    from tokbench.checks.findings import Finding
    from tokbench.finetuning.data.load import Dataset
    from tokbench.finetuning.defaults import StepPlan
    from tokbench.finetuning.device import Machine
    from tokbench.finetuning.tasks import Task
    from tokbench.model.loading import LoadedModel
    from tokbench.pretrained.folder import TokenizerFolder

SHORTEST = 4  # a pair has three special tokens
PADDED = ("input_ids", "token_type_ids", "attention_mask")


def align(loaded: LoadedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Give the model the tokenizer's padding id, unless its positions are counted from its own."""
    pad = padding_id(tokenizer)
    config = loaded.model.config.get_text_config()
    if config.pad_token_id == pad or (tokenizer.pad_token_id is None and not decoder_only(loaded.model)):
        return
    if counts_positions_from_padding(loaded.model):
        return
    if config.pad_token_id is not None:
        loaded.notes.append(
            f"the model's padding id was {config.pad_token_id}; it is now the tokenizer's, {pad}"
        )
    config.pad_token_id = pad
    words = loaded.model.get_input_embeddings()
    if isinstance(words, nn.Embedding) and words.padding_idx is not None:
        words.padding_idx = pad  # a row with this id gets no gradient: it must be the padding's


def model_inputs_of(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, max_length: int
) -> ModelInputs:
    """What the tokenizer declares and the model takes; the mask always, since rows are padded.

    Rows may have `max_length` tokens, or fewer where the tokenizer's or the model's own limit is lower.
    """
    takes = inspect.signature(model.forward).parameters
    declared = {*tokenizer.model_input_names, "input_ids", "attention_mask"}
    names = tuple(name for name in PADDED if name in declared and name in takes)
    limit = min(max_length, int(tokenizer.model_max_length), limits_of(model).positions or max_length)
    if limit < SHORTEST:
        raise FileError(
            f"rows would be cut to {limit} tokens, too few for anything",
            fix="mend model_max_length in tokenizer_config.json, or take a model with more positions",
        )
    left = tokenizer.padding_side == "left"
    return ModelInputs(inputs=names, pad_id=padding_id(tokenizer), max_length=limit, left=left)


def limits_of(model: PreTrainedModel) -> Limits:
    """How many ids, segments and positions the model's embeddings take."""
    types = [each.num_embeddings for each in _embeddings(model, "token_type_embeddings")]
    # where padding has a position (roberta), those up to it are not for tokens
    places = [
        each.num_embeddings - (0 if each.padding_idx is None else each.padding_idx + 1)
        for each in _embeddings(model, "position_embeddings", "wpe")
    ]
    known = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    rows: int = model.get_input_embeddings().weight.shape[0]  # type: ignore[index, assignment]
    return Limits(rows, min(types, default=None), min(places, default=known))


def padding_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """The padding id; without one the end's, or 0: behind the mask no model reads it."""
    known = (tokenizer.pad_token_id, tokenizer.eos_token_id, 0)
    return next(int(each) for each in known if each is not None)


def decoder_only(model: PreTrainedModel) -> bool:
    """Whether the head reads the last token, which it finds by the padding id."""
    names = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    return "score" in names  # what such classifiers call their head throughout transformers


def _embeddings(model: PreTrainedModel, *names: str) -> list[nn.Embedding]:
    found = (each for name, each in model.named_modules() if name.rpartition(".")[2] in names)
    return [each for each in found if isinstance(each, nn.Embedding)]


@dataclass(frozen=True)
class LoadedParts:
    """Tokenizer and model, ready to train, and where the tokenizer's files are."""

    files: TokenizerFolder
    tokenizer: PreTrainedTokenizerBase
    model: PreTrainedModel
    fresh_head: bool
    notes: tuple[str, ...]
    added: Mapping[str, int]  # tokens beside the trained vocabulary, roles such as [PAD] left out
    start: NDArray[np.float32]  # their rows before training (tokens, H)


def load_parts(config: FinetuneConfig, task: Task) -> LoadedParts:
    """Load what the config names under a head for the task; errors that check finds stop here."""
    preset = PRESETS.get(config.model)
    found = resolve_names(config)
    files, folder = found.files, found.model
    notes = preflight(files.path, folder)
    tokenizer = load_tokenizer(files.path)
    if preset:
        loaded = fresh(preset, tokenizer, task, seed=config.seed)
    else:
        assert folder is not None
        loaded = load_classifier(folder, task, seed=config.seed)
    align(loaded, tokenizer)
    if task.tagging and config.pooling != "own":
        raise UsageError(f"--pooling {config.pooling}: tagged words are not pooled", fix="leave it out")
    body = f"{loaded.model.base_model_prefix}."
    fresh_head = preset is not None or any(not name.startswith(body) for name in loaded.new)
    wrapped = pooled_as(loaded, config.pooling)
    fresh_head |= wrapped.model is not loaded.model
    loaded = wrapped
    added = added_tokens(tokenizer, files, loaded.model)
    start = copied_rows(loaded.model, added)
    return LoadedParts(files, tokenizer, loaded.model, fresh_head, (*notes, *loaded.notes), added, start)


def added_tokens(
    tokenizer: PreTrainedTokenizerBase, files: TokenizerFolder, model: PreTrainedModel
) -> dict[str, int]:
    """The tokens that were added to the vocabulary and have a row: token → id."""
    rows: int = model.get_input_embeddings().weight.shape[0]  # type: ignore[index, assignment]
    roles = files.roles.values()
    found = tokenizer.get_added_vocab().items()
    return {token: number for token, number in found if token not in roles and number < rows}


def copied_rows(model: PreTrainedModel, tokens: Mapping[str, int]) -> NDArray[np.float32]:
    """A copy of the embedding rows of these tokens (tokens, H)."""
    weight: torch.Tensor = model.get_input_embeddings().weight.detach()  # type: ignore[operator]
    places = torch.tensor(list(tokens.values()), dtype=torch.long, device=weight.device)
    return np.asarray(weight[places].float().cpu().numpy())


def preflight(tokenizer: Path, model: Path | None) -> tuple[str, ...]:
    """What check warns of, in sentences; its errors end the run."""
    found = check(tokenizer, model).findings
    # a preset is made for the tokenizer; a model that lies beside the tokenizer is not used
    findings = [
        each for each in found if model is not None or RULES[each.code].needs not in ("model", "weights")
    ]
    errors = [each for each in findings if each.severity == "error"]
    if errors:
        what = "; ".join(_sentence(each) for each in errors)
        raise ChecksFailedError(f"nothing was trained, check found {what}", fix=errors[0].fix)
    return tuple(_sentence(each) for each in findings if each.severity == "warning")


def _sentence(finding: Finding) -> str:
    return f"{finding.code} {finding.message}"


WEIGHTS_HASHED = 64  # of each tensor: those of another model differ in all of them


@dataclass(frozen=True)
class PreparedRun:
    """Everything that is settled before the first step."""

    config: FinetuneConfig
    task: Task
    data: Dataset
    parts: LoadedParts
    plan: StepPlan
    machine: Machine
    train: Batches
    evaluation: Mapping[str, Batches]
    class_weights: Mapping[str, float] = field(default_factory=dict)  # by label; none: all count alike


def run_fingerprint(prepared: PreparedRun, *, made: Mapping[str, Any] | None = None) -> str:
    """A hash of all that makes a run what it is: choices, ids, labels and the weights it starts from.

    Neither versions nor the place of the output count, nor whether ids are cached. Of each weight the
    first numbers stand for it. `made` are the same choices as an earlier version wrote them down.
    """
    made = hyperparameters(prepared) if made is None else made
    made = {name: each for name, each in made.items() if name not in (*SAVED_BESIDE, "cache", "portable")}
    if "settings" in made:
        made["settings"] = {name: each for name, each in made["settings"].items() if name != "cache"}
    found = hashlib.blake2b(json.dumps(made, sort_keys=True, default=str).encode(), digest_size=16)
    for each in (prepared.train.encoded, *(split.encoded for split in prepared.evaluation.values())):
        for array in (each.ids, each.starts, each.labels):
            found.update(array.tobytes())
    for weight in prepared.parts.model.parameters():
        found.update(weight.detach().flatten()[:WEIGHTS_HASHED].float().cpu().numpy().tobytes())
    return found.hexdigest()


def main_metrics(task: Task) -> tuple[str, ...]:
    """The task's main metric, one a dev split."""
    return tuple(task.key(split, task.metrics[0]) for split in task.evaluation)


def hyperparameters(prepared: PreparedRun) -> dict[str, Any]:
    """The config as the run used it, with versions; a second run writes the same."""
    settled = prepared.plan.settled(prepared.config)
    asked = {name: each for name, each in asdict(settled).items() if name != "output"}
    return {
        **asked,
        "max_length": prepared.train.model_inputs.max_length,
        "device": prepared.machine.device.type,
        "precision": prepared.machine.precision,
        "class_weights": dict(prepared.class_weights) or "",
        "threads": torch.get_num_threads(),  # sums are made in another order with another number
        "versions": {
            "tokbench": tokbench.__version__,
            "tokenizers": tokenizers.__version__,
            "torch": str(torch.__version__),
            "transformers": transformers.__version__,
        },
    }


def _reading(task: Task) -> str:
    """How the labels of words are read, which a reader may know better."""
    if task.scheme is None:
        return f"the labels name no entities: {task.metrics[0]} counts labels; --set tag_scheme= changes it"
    return f"{task.scheme.words}; --set tag_scheme= changes it"


def input_notes(prepared: PreparedRun) -> tuple[str, ...]:
    """What is worth knowing before the first step: lengths, the rate, segments, what tags cost."""
    config = prepared.config
    notes = (
        []
        if config.fast_dev_run
        else notes_on_code(prepared.parts.model, config.output, code=bool(config.portable))
    )
    model_inputs, limits = prepared.train.model_inputs, limits_of(prepared.parts.model)
    if model_inputs.max_length < prepared.config.max_length:
        notes.append(
            f"rows are cut to {model_inputs.max_length} tokens: more do not fit the tokenizer or the model"
        )
    if prepared.plan.why:
        notes.append(prepared.plan.why)
    segments = "token_type_ids" in model_inputs.inputs and int(prepared.train.encoded.type_ids.max()) > 0
    if len(prepared.task.texts) == 2 and (limits.types or 0) > 1 and not segments:
        notes.append(
            "the tokenizer gives no segment ids: the model tells a row's two texts apart by separators"
        )
    if prepared.task.tagging:
        notes.append(_reading(prepared.task))
        splits = {"train": prepared.train, **prepared.evaluation}
        notes += [note for name, each in splits.items() for note in costs(each.encoded, prepared.task, name)]
    return tuple(notes)
