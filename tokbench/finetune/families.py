"""Configs of fresh models, each kind with its own names for width, layers and the special ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transformers import (
    BertConfig,
    DistilBertConfig,
    ElectraConfig,
    GPT2Config,
    ModernBertConfig,
    PreTrainedConfig,
    PreTrainedTokenizerBase,
    RobertaConfig,
)

from tokbench.errors import AskedWrongly
from tokbench.finetune.presets import Preset

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
        raise AskedWrongly(
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
