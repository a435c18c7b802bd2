"""One learning, all sizes: a smaller vocabulary is the beginning of a larger one."""

from __future__ import annotations

from tokbench.errors import RecipeProblem
from tokbench.training.merges import Merges


def cut(merges: Merges, vocab_size: int, *, continuing_subword_prefix: str = "") -> Merges:
    """What learning this size would have given, from what learning a larger one gave.

    Where a token was made twice the list of merges does not tell when: such a learning cannot be cut.

    >>> cut(Merges({"a": 0, "b": 1, "ab": 2, "aba": 3}, [("a", "b"), ("ab", "a")]), 3)
    Merges(vocab={'a': 0, 'b': 1, 'ab': 2}, merges=[('a', 'b')])
    """
    tokens = list(merges.vocab)
    begun = len(tokens) - len(merges.merges)
    made = [left + right.removeprefix(continuing_subword_prefix) for left, right in merges.merges]
    if begun < 0 or tokens[begun:] != made:
        raise RecipeProblem("a token was made by two merges", fix="learn each size by itself")
    size = min(len(tokens), max(begun, vocab_size))
    return Merges(dict(zip(tokens[:size], range(size), strict=True)), merges.merges[: size - begun])
