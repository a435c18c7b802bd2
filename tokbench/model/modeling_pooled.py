"""A model of transformers whose token vectors are pooled (cls, mean, max or last) under a linear head.

This file needs torch and transformers alone. tokbench puts it beside a model that was trained with
`--pooling` where it is asked to (`--set portable=code`); `from_pretrained(FOLDER, trust_remote_code=True)`
runs it then.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

MODEL_TYPE = "tokbench_pooled"


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
        """Logits (B, labels), and the loss when labels are given; ids are (B, T), T the padded length.

        Labels are class ids or scores (B,), or 0 and 1 (B, labels) where a row has several.
        """
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
    if labels.ndim == 2:
        return nn.functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
    if logits.shape[1] == 1:
        return nn.functional.mse_loss(logits[:, 0], labels.to(logits.dtype))
    return nn.functional.cross_entropy(logits, labels)
