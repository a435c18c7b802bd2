"""Fresh models by name: BERT in four sizes, and the learning rate that suits each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """Layers and width of a BERT with heads of 64 and inner layers four times as wide."""

    layers: int
    hidden: int
    learning_rate: float


# Sizes of Turc et al. 2019, "Well-Read Students Learn Better", table 1. Rates: fresh weights want more
# than trained ones, and the less the wider the model.
PRESETS = {
    "bert-tiny": Preset(2, 128, 1e-3),
    "bert-mini": Preset(4, 256, 5e-4),
    "bert-small": Preset(4, 512, 3e-4),
    "bert-base": Preset(12, 768, 1e-4),
}
TRAINED_RATE = 5e-5  # for weights that were trained before, as Devlin et al. 2019, A.3, recommend
