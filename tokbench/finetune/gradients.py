"""A step's gradients: the input embedding's by the rows that a batch has, and all of them cut to a length."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


class Gradients:
    """Clips a model's gradients, and spares the rows of its input embedding that a batch does not have.

    A batch has some hundred of an embedding's thirty thousand rows. Where `by_row` is set, the others are
    neither made, nor measured, nor scaled: they are zeros that stay from step to step. What the optimizer
    is given is the same whole gradient. `asks` is whether a number may be read to spare the scaling, which on
    a GPU means waiting.
    """

    def __init__(self, model: nn.Module, *, by_row: bool, asks: bool = True) -> None:
        self.asks = asks
        self.learned = [each for each in model.parameters() if each.requires_grad]
        self.words = _embedding(model) if by_row else None
        self.whole: torch.Tensor | None = None  # zeros, but for the rows of the batch
        self.rows: torch.Tensor | None = None

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """What is computed inside leaves the embedding's gradient as rows."""
        if self.words is None:
            yield
            return
        self.words.sparse = True
        try:
            yield
        finally:
            self.words.sparse = False

    def ready(self, clip: float) -> None:
        """Cut all gradients to a length together (0 cuts nothing), and make each one whole."""
        weight = self.words.weight if self.words else None
        by_row = weight.grad if weight is not None else None
        found = by_row.coalesce() if by_row is not None and by_row.is_sparse else None
        if found is not None and weight is not None:
            weight.grad = None
        given = [each.grad for each in self.learned if each.grad is not None]
        values = [] if found is None else [found.values()]
        if clip:
            cut([*given, *values], clip, asks=self.asks)
        if found is None or weight is None:
            return
        if self.whole is None:
            self.whole = torch.zeros_like(weight)
        self.rows = found.indices()[0]
        self.whole[self.rows] = values[0]
        weight.grad = self.whole

    def spent(self) -> None:
        """Forget them: the next step begins with none."""
        if self.rows is not None and self.whole is not None:
            self.whole[self.rows] = 0
            self.rows = None
        for each in self.learned:
            each.grad = None


def cut(gradients: list[torch.Tensor], longest: float, *, asks: bool) -> None:
    """Scale gradients in place to this length together, as torch's clip_grad_norm_ does."""
    length = nn.utils.get_total_norm(gradients)
    if asks and float(length) <= longest:
        return
    share = torch.clamp(longest / (length + 1e-6), max=1.0)
    torch._foreach_mul_(gradients, share)


def _embedding(model: nn.Module) -> nn.Embedding | None:
    """The input embedding, where its gradient can be had as rows."""
    ask = getattr(model, "get_input_embeddings", None)
    words = ask() if ask else None
    if not isinstance(words, nn.Embedding) or not words.weight.requires_grad:
        return None
    taken = words.max_norm is not None or words.scale_grad_by_freq or words.sparse
    return None if taken else words
