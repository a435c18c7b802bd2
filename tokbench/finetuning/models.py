"""Models with a head for a task, and their tokenizers: loaded, made fresh, saved."""

from __future__ import annotations

import inspect
import json
import shlex
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertConfig,
    DistilBertConfig,
    ElectraConfig,
    GPT2Config,
    ModernBertConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    RobertaConfig,
)
from transformers.modeling_outputs import SequenceClassifierOutput

from tokbench.errors import FileError, ResourceError, UsageError
from tokbench.io.json_files import read_object
from tokbench.io.library_errors import wrap_library_errors
from tokbench.io.links import copy_inside
from tokbench.io.quiet import quiet
from tokbench.model.loading import LoadedModel, load_model
from tokbench.pretrained.companions import chat_files

if TYPE_CHECKING:
    from tokbench.finetuning.config import Preset
    from tokbench.finetuning.tasks import Task

MODEL_TYPE = "tokbench_pooled"
NATIVE = {"modernbert": {"cls": "cls", "mean": "mean"}}  # classifier_pooling says it in config.json


class PooledConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """The config of the model below the head, and how its vectors are pooled."""

    model_type = MODEL_TYPE
    sub_configs = {"backbone": AutoConfig}  # noqa: RUF012  (transformers reads it from the class)

    def __init__(
        self,
        backbone: PreTrainedConfig | dict[str, Any] | None = None,
        pooling: str = "mean",
        **others: Any,  # noqa: ANN401
    ) -> None:
        if isinstance(backbone, dict):
            fields = dict(backbone)
            backbone = AutoConfig.for_model(fields.pop("model_type"), **fields)
        self.backbone = backbone
        self.pooling = pooling
        others.setdefault("dropout", 0.1)
        for name in ("pad_token_id", "max_position_embeddings"):
            others.setdefault(name, getattr(backbone, name, None))
        super().__init__(**others)


class PooledClassifier(PreTrainedModel):  # type: ignore[no-untyped-call]
    """A model's token vectors, pooled over the real tokens, under dropout and a linear head."""

    config_class = PooledConfig
    base_model_prefix = "backbone"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True

    def __init__(self, config: PooledConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        assert isinstance(config.backbone, PreTrainedConfig)
        self.backbone: PreTrainedModel = AutoModel.from_config(config.backbone)  # type: ignore[no-untyped-call]
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(int(config.backbone.hidden_size or 0), len(config.id2label or ()))
        self.takes_types = "token_type_ids" in inspect.signature(self.backbone.forward).parameters
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        **others: Any,  # noqa: ANN401
    ) -> SequenceClassifierOutput:
        """Logits (B, labels), and the loss when labels (B) are given; ids are (B, T), T the padded length."""
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        if token_type_ids is not None and self.takes_types:
            others["token_type_ids"] = token_type_ids
        others.pop("return_dict", None)
        vectors = self.backbone(input_ids=input_ids, attention_mask=attention_mask, **others)[0]
        logits = self.classifier(self.dropout(pooled(vectors, attention_mask, self.config.pooling)))
        loss = None if labels is None else _loss(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


def pooled(vectors: torch.Tensor, mask: torch.Tensor, way: str) -> torch.Tensor:
    """One vector (B, H) of a row's (B, T, H), whatever side the padding (0 in the mask) is on."""
    real = mask.bool()
    if way == "mean":
        weights = real.unsqueeze(-1).to(vectors.dtype)
        return (vectors * weights).sum(1) / weights.sum(1).clamp(min=1)
    if way == "max":
        return vectors.masked_fill(~real.unsqueeze(-1), torch.finfo(vectors.dtype).min).amax(1)
    places = torch.arange(mask.shape[1], device=mask.device)
    if way == "cls":
        place = torch.where(real, places, mask.shape[1]).amin(1)
    else:
        place = torch.where(real, places, -1).amax(1)
    return vectors[torch.arange(len(vectors), device=mask.device), place]


def _loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    if logits.shape[1] == 1:
        return nn.functional.mse_loss(logits[:, 0], labels.to(logits.dtype))
    return nn.functional.cross_entropy(logits, labels)


AutoConfig.register(MODEL_TYPE, PooledConfig, exist_ok=True)
AutoModelForSequenceClassification.register(PooledConfig, PooledClassifier, exist_ok=True)


POSITIONS = 512
Shape = dict[str, Any]


def config_of(preset: Preset, tokenizer: PreTrainedTokenizerBase, **head: Any) -> PreTrainedConfig:  # noqa: ANN401
    """The preset's config with a row for every id of the tokenizer, and the tokenizer's own special ids.

    A config keeps no id that the tokenizer has not: a default such as 50283 would lie behind the last row.
    """
    ids = {f"{role}_token_id": getattr(tokenizer, f"{role}_token_id", None) for role in _ROLES}
    shared = {**ids, "vocab_size": max(tokenizer.get_vocab().values()) + 1, **head}
    return FAMILIES[preset.family](preset, shared)


_ROLES = ("pad", "cls", "sep", "bos", "eos")


def _bert(preset: Preset, shared: Shape) -> PreTrainedConfig:
    return BertConfig(
        **_encoder(preset), **_some(shared), max_position_embeddings=POSITIONS, type_vocab_size=2
    )


def _roberta(preset: Preset, shared: Shape) -> PreTrainedConfig:
    pad = shared["pad_token_id"]
    if pad is None:
        raise UsageError(
            "roberta counts its positions from the padding id, and the tokenizer has no padding token",
            fix="tokbench add-tokens TOKENIZER --special '<pad>', or --model bert-base",
        )
    places = POSITIONS + pad + 1  # positions begin behind the padding id
    return RobertaConfig(
        **_encoder(preset), **_some(shared), max_position_embeddings=places, type_vocab_size=1
    )


def _electra(preset: Preset, shared: Shape) -> PreTrainedConfig:
    return ElectraConfig(
        **_encoder(preset),
        **_some(shared),
        embedding_size=preset.embedding or preset.hidden,
        max_position_embeddings=POSITIONS,
        type_vocab_size=2,
    )


def _distilbert(preset: Preset, shared: Shape) -> PreTrainedConfig:
    return DistilBertConfig(
        **_some(shared),
        dim=preset.hidden,
        n_layers=preset.layers,
        n_heads=preset.heads,
        hidden_dim=preset.inner,
        max_position_embeddings=POSITIONS,
    )


def _modernbert(preset: Preset, shared: Shape) -> PreTrainedConfig:
    return ModernBertConfig(
        **_encoder(preset), **{**shared, "classifier_pooling": "mean"}, max_position_embeddings=8_192
    )


def _gpt2(preset: Preset, shared: Shape) -> PreTrainedConfig:
    """A decoder's head finds a row's last token by the padding id, so it gets one: the end's, or 0."""
    known = (shared["pad_token_id"], shared["eos_token_id"], 0)
    shared = {**shared, "pad_token_id": next(each for each in known if each is not None)}
    return GPT2Config(
        **_some(shared),
        n_embd=preset.hidden,
        n_layer=preset.layers,
        n_head=preset.heads,
        n_inner=preset.inner,
        n_positions=POSITIONS,
    )


def _encoder(preset: Preset) -> Shape:
    return {
        "hidden_size": preset.hidden,
        "num_hidden_layers": preset.layers,
        "num_attention_heads": preset.heads,
        "intermediate_size": preset.inner,
    }


def _some(shared: Shape) -> Shape:
    """Without the ids that only modernbert's config knows."""
    return {name: value for name, value in shared.items() if name not in ("cls_token_id", "sep_token_id")}


FAMILIES: dict[str, Callable[[Preset, Shape], PreTrainedConfig]] = {
    "bert": _bert,
    "roberta": _roberta,
    "electra": _electra,
    "distilbert": _distilbert,
    "modernbert": _modernbert,
    "gpt2": _gpt2,
}


def fresh(preset: Preset, tokenizer: PreTrainedTokenizerBase, task: Task, *, seed: int) -> LoadedModel:
    """A model with random weights and a row for every id of the tokenizer."""
    config = config_of(preset, tokenizer, **_head(task))
    torch.manual_seed(seed)
    return LoadedModel(model=_kind(task).from_config(config))


def pooled_as(loaded: LoadedModel, way: str) -> LoadedModel:
    """The same model under a head that pools this way; where its own config can say so, it does.

    "own" changes nothing: BERT takes its first token through a pooler, a decoder takes its last token.
    """
    model, config = loaded.model, loaded.model.config
    if way == "own" or (way == "last" and hasattr(model, "score")):
        return loaded
    if config.model_type == MODEL_TYPE:
        config.pooling = way
    elif way in NATIVE.get(config.model_type, {}):
        config.classifier_pooling = NATIVE[config.model_type][way]
    else:
        kept = {name: getattr(config, name) for name in ("id2label", "label2id", "problem_type")}
        body: PreTrainedModel = model.base_model  # type: ignore[assignment]
        wrapped = PooledClassifier(PooledConfig(body.config, way, pad_token_id=config.pad_token_id, **kept))
        wrapped.backbone = body
        note = f"{way} pooling: import {PooledConfig.__module__} to load it"
        return replace(loaded, model=wrapped, notes=[*loaded.notes, note])
    return loaded


def _kind(task: Task) -> Any:  # noqa: ANN401  (an Auto class)
    return AutoModelForTokenClassification if task.tagging else AutoModelForSequenceClassification


def load_classifier(folder: Path, task: Task, *, seed: int) -> LoadedModel:
    """The weights of a folder under a head for the task; the head is new unless the folder has its like."""
    torch.manual_seed(seed)  # of all that is drawn from here on, not of the head alone
    loaded = load_model(
        folder,
        kind=_kind(task),
        seed=None,
        dtype=torch.float32,
        ignore_mismatched_sizes=True,
        **_head(task),
    )
    if any(key.startswith(f"{loaded.model.base_model_prefix}.") for key in loaded.fresh):
        loaded.notes.append(f"{folder} has no pooler: it starts fresh, like the head")
    if loaded.mismatched:
        loaded.notes.append(f"the head in {folder} is for other labels: it starts fresh")
    elif not loaded.new and not task.regression:
        loaded.notes.extend(_match_labels(loaded.model, _labels_in(folder), task.labels, folder))
    return loaded


def _labels_in(folder: Path) -> tuple[str, ...]:
    """The names of a trained head's labels in the order of its rows; () where it has none of its own."""
    named = read_object(folder / "config.json").get("id2label")
    if not isinstance(named, dict) or not all(str(number).isdigit() for number in named):
        return ()
    labels = tuple(str(named[number]) for number in sorted(named, key=int))
    return () if labels == tuple(f"LABEL_{number}" for number in range(len(labels))) else labels


def _match_labels(
    model: PreTrainedModel, trained: tuple[str, ...], wanted: tuple[str, ...], folder: Path
) -> list[str]:
    """Give a trained head the task's order of labels, or a fresh start where it knows others; say which.

    Labels are one by name, whatever their case (transformers #10401: a head of MNLI in another order).
    """
    if not trained:
        return [f"the head in {folder} does not name its labels: they are taken to be {', '.join(wanted)}"]
    places = [label.casefold() for label in trained]
    order = [places.index(label.casefold()) for label in wanted if label.casefold() in places]
    layer = _output_layer(model, len(wanted))
    if layer is None or (len(order) == len(wanted) and order == sorted(order)):
        return []
    with torch.no_grad():
        if len(order) == len(wanted):
            layer.weight.copy_(layer.weight[order])
            if layer.bias is not None:
                layer.bias.copy_(layer.bias[order])
            return [f"the head in {folder} has its labels in another order: it was put in the task's"]
        layer.weight.normal_(std=float(getattr(model.config, "initializer_range", None) or HEAD_STD))
        if layer.bias is not None:
            layer.bias.zero_()
    return [f"the head in {folder} knows {', '.join(trained[:4])} and not the task's labels: it starts fresh"]


def start_at(model: PreTrainedModel, score: float) -> None:
    """Let a fresh head answer about `score`, the mean of the train rows' scores, from the first step on.

    Its bias starts at 0 otherwise, and AdamW moves it by the rate a step at most: for a mean of 2.7 that is
    27,000 steps at 1e-4, and the vectors would have to make up for it. A head without a bias stays as it is.
    """
    layer = _output_layer(model, 1)
    if layer is not None and layer.bias is not None:
        with torch.no_grad():
            layer.bias.fill_(score)


HEAD_STD = 0.02  # BERT's initializer_range, for configs without one


def _output_layer(model: PreTrainedModel, labels: int) -> nn.Linear | None:
    """The last layer of a classifier: the one beside the body with a row for each label."""
    body = f"{model.base_model_prefix}."
    found = [
        module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module.out_features == labels and not name.startswith(body)
    ]
    return found[-1] if found else None


def _head(task: Task) -> dict[str, Any]:
    if task.regression:
        return {"num_labels": 1, "problem_type": "regression"}
    ids = {
        "id2label": dict(enumerate(task.labels)),
        "label2id": {label: number for number, label in enumerate(task.labels)},
    }
    return ids if task.tagging else {**ids, "problem_type": "single_label_classification"}


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
    "tokbench.toml",
    "tokbench.json",
)


def load_config(folder: Path) -> PreTrainedConfig:
    """The config of the model in a folder, without its weights; FileError where it cannot be read."""
    try:
        with quiet():
            found: PreTrainedConfig = AutoConfig.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
            return found
    except (OSError, ValueError, KeyError) as problem:
        raise FileError(
            f"transformers cannot load the config in {folder}: {problem}",
            fix=f"tokbench check {shlex.quote(str(folder))}",
        ) from problem


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a folder as transformers loads it.

    The library prints the names of options that it does not know, from whatever file they come, on stdout.
    """
    try:
        with quiet(stdout=False), wrap_library_errors(str(folder)):
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as problem:
        raise FileError(
            f"transformers cannot load the tokenizer in {folder}: {problem}",
            fix=f"tokbench check {shlex.quote(str(folder))}",
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
    names = [name for name in TOKENIZER_FILES if (folder / name).is_file()]
    copy_inside([(folder / name, into / name) for name in names], folder)
    copy_inside([(file, into / name) for name, file in chat_files(folder).items()], folder)
    path = into / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if not config.get("tokenizer_class"):
        # beside a config.json the model's own class would be taken, which rebuilds the blocks
        write_json(path, {**config, "tokenizer_class": GENERIC})


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """The same content always gives the same bytes."""
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
