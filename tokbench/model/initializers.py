"""How a new row starts: a table of ways to make rows (n, H) from the old, trained rows (V, H)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from tokbench.errors import UsageError, did_you_mean

AT_ONCE = 16_384
Pieces = Sequence[Sequence[int]]  # for each new row the old rows it is made of; none for a spare row


def pieces_mean(old: Tensor, pieces: Pieces) -> Tensor:
    """The mean of the old rows that the token was split into; the mean of all where it had none."""
    lengths = torch.tensor([len(each) for each in pieces], dtype=torch.long)
    flat = torch.tensor([row for each in pieces for row in each], dtype=torch.long)
    owner = torch.repeat_interleave(torch.arange(len(pieces)), lengths)
    sums = torch.zeros(len(pieces), old.shape[1]).index_add_(0, owner, old[flat].float())
    return torch.where(lengths[:, None] > 0, sums / lengths.clamp(min=1)[:, None], mean(old, pieces))


def mean(old: Tensor, pieces: Pieces) -> Tensor:
    """The mean of all old rows, the same for every new one."""
    return old.mean(0, dtype=torch.float32).expand(len(pieces), -1)


def zero(old: Tensor, pieces: Pieces) -> Tensor:
    """Nothing: the row says nothing until it is trained."""
    return torch.zeros(len(pieces), old.shape[1])


def normal(old: Tensor, pieces: Pieces) -> Tensor:
    """Drawn from N(mu, Sigma), where mu and Sigma are the mean and the covariance of the old rows.

    mu = sum(e) / V and Sigma = sum((e - mu)(e - mu)^T) / V, unscaled, so that new rows are as long and as far
    apart as old ones. Source: Hewitt, Initializing New Word Embeddings for Pretrained Language Models, 2021;
    transformers scales Sigma by 1e-9, which makes all new rows one. Draws follow torch's seed.
    """
    center = old.mean(0, dtype=torch.float64)
    spread = torch.zeros(old.shape[1], old.shape[1], dtype=torch.float64)
    for rows in torch.split(old, AT_ONCE):  # a large vocabulary in double precision would be gigabytes
        apart = rows.double() - center
        spread += apart.T @ apart
    values, directions = torch.linalg.eigh(spread / max(len(old), 1))
    drawn = torch.randn(len(pieces), old.shape[1], dtype=torch.float64)
    # V < H leaves directions without spread, whose eigenvalues come out as tiny negative numbers
    new: Tensor = (drawn * values.clamp(min=0).sqrt()) @ directions.T + center
    return new.float()


INITIALIZERS: dict[str, Callable[[Tensor, Pieces], Tensor]] = {
    "pieces": pieces_mean,
    "mean": mean,
    "normal": normal,
    "zero": zero,
}


def initializer(name: str) -> Callable[[Tensor, Pieces], Tensor]:
    """The way of that name; UsageError names the known ones."""
    if name not in INITIALIZERS:
        raise UsageError(f"rows cannot start with {name}", fix=did_you_mean(name, INITIALIZERS))
    return INITIALIZERS[name]
