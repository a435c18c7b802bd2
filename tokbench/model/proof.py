"""Old texts through a model before and after: what it makes of them must not have changed by a bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedModel

LONGEST = 32  # tokens of a probe; every model has that many positions
PROBES = (
    "The quick brown fox jumps over the lazy dog.",
    "It was the best of times, it was the worst of times.",
    "빠른 갈색 여우가 게으른 개를 뛰어넘는다.",
    "def add(a, b):\n    return a + b  # 1 + 2 = 3",
    "naïve café, 12.5 % of 3,000 €",
    "Ünïcödé 😀 emoji, and    spaces",
)


@dataclass(frozen=True)
class Proof:
    """How many old texts gave the same hidden states before and after, and the largest difference seen."""

    texts: int
    largest_difference: float

    @property
    def holds(self) -> bool:
        """Whether the hidden states are the same bit by bit."""
        return self.largest_difference == 0.0


def old_inputs(old: Tokenizer, new: Tokenizer, texts: Sequence[str] = PROBES) -> list[list[int]]:
    """The ids of the texts that both tokenizers split alike: those are the texts nothing may change for.

    What a template puts around them is left out of the comparison, for a role may have moved.
    """
    inside = [[each.encode(text, add_special_tokens=False).ids for text in texts] for each in (old, new)]
    alike = [text for text, before, after in zip(texts, *inside, strict=True) if before == after]
    inputs = (old.encode(text).ids[:LONGEST] for text in alike)
    return [ids for ids in inputs if ids]


def hidden_states(model: PreTrainedModel, inputs: Sequence[Sequence[int]]) -> list[Tensor]:
    """The last hidden states (T, H) of each input."""
    body = model.get_encoder() if model.config.is_encoder_decoder else model.base_model
    with torch.inference_mode():
        return [body(input_ids=torch.tensor([list(ids)]))[0][0] for ids in inputs]


def compare(before: Sequence[Tensor], after: Sequence[Tensor]) -> Proof:
    """The largest difference between two runs of hidden_states."""
    differences = [_difference(old, new) for old, new in zip(before, after, strict=True)]
    return Proof(len(differences), max(differences, default=0.0))


def _difference(old: Tensor, new: Tensor) -> float:
    return 0.0 if torch.equal(old, new) else float((old.double() - new.double()).abs().max())
