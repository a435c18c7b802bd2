"""Rows for tokens that no old one is like, out of those of similar tokens: to compare other starts with.

What stands near each token in texts makes a vector of it: positive pointwise mutual information of neighbours
within a window, cut to its first singular vectors (Levy and Goldberg, Neural Word Embedding as Implicit
Matrix Factorization, 2014). A new row is the mean of the rows of shared tokens, weighted by the sparsemax of
their cosines, as FOCUS has it (Dobler and de Melo, 2023; there the vectors are fastText's).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

WINDOW, DIMENSIONS = 5, 100
TOKENS_AT_ONCE = 512  # whose cosines with all shared tokens are held


def token_vectors(batches: Iterable[Sequence[str]], tokenizer: Tokenizer, size: int) -> NDArray[np.float32]:
    """A vector (size, DIMENSIONS) for each token, of length 1; zeros for one that has no neighbours."""
    import torch

    pairs, counts = np.zeros(0, np.int64), np.zeros(0, np.int64)
    for texts in batches:
        encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        ids = np.fromiter(chain.from_iterable(each.ids for each in encodings), np.int64)
        text = np.repeat(np.arange(len(encodings)), [len(each) for each in encodings])
        for apart in range(1, WINDOW + 1):
            same = text[apart:] == text[:-apart]
            one, other = ids[apart:][same], ids[:-apart][same]
            both = np.concatenate([one * size + other, other * size + one])
            pairs, at = np.unique(np.concatenate([pairs, both]), return_inverse=True)
            ones = np.ones(len(both), np.int64)
            counts = np.bincount(at, np.concatenate([counts, ones]), minlength=len(pairs)).astype(np.int64)
    rows, columns = np.divmod(pairs, size)
    alone = np.bincount(rows, counts, minlength=size)
    told = np.log(np.maximum(counts * alone.sum() / (alone[rows] * alone[columns]), 1))
    cells, values = torch.from_numpy(np.stack([rows, columns])), torch.from_numpy(told.astype(np.float32))
    matrix = torch.sparse_coo_tensor(cells, values, (size, size), check_invariants=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        left, singular, _ = torch.svd_lowrank(matrix.coalesce(), q=min(DIMENSIONS, size), niter=2)
    vectors: NDArray[np.float32] = (left * singular.sqrt()).numpy()
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return vectors


def sparsemax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """The nearest probabilities to each row of scores (N, K), most of them 0 (Martins and Astudillo, 2016).

    >>> sparsemax(np.array([[1.0, 0.8, -1.0]], np.float32)).round(2).tolist()
    [[0.6, 0.4, 0.0]]
    """
    ordered = -np.sort(-scores, axis=1)
    ranks = np.arange(1, scores.shape[1] + 1)
    sums = np.cumsum(ordered, axis=1) - 1
    support = (ordered * ranks > sums).sum(1)
    threshold = sums[np.arange(len(scores)), support - 1] / support
    shares: NDArray[np.float32] = np.maximum(scores - threshold[:, None], 0)
    return shares


def similar_rows(
    vectors: NDArray[np.float32], shared: Mapping[int, int], wanted: Sequence[int]
) -> dict[int, tuple[tuple[int, ...], tuple[float, ...]]]:
    """For each wanted new id the old ids of similar tokens and their shares; none for a token never seen."""
    known = [number for number in shared if vectors[number].any()]
    old = np.array([shared[number] for number in known], np.int64)
    asked = [number for number in wanted if known and vectors[number].any()]
    found = {}
    for first in range(0, len(asked), TOKENS_AT_ONCE):
        part = asked[first : first + TOKENS_AT_ONCE]
        for number, shares in zip(part, sparsemax(vectors[part] @ vectors[known].T), strict=True):
            some = np.flatnonzero(shares)
            found[number] = (tuple(old[some].tolist()), tuple(shares[some].tolist()))
    return found
