"""The merges behind a list of ranks: which two tokens each token is made of.

Where any two neighbours whose join is a token may merge, the lowest rank first, a token comes about in one
way only: its own bytes, merged as a text of them would be, come down to two parts. Between two ends that stay
ends, a text merges as the token by itself would, so those two parts are the only pair that ever makes it. Its
parts may have higher ranks than the token (SentencePiece's runs of spaces do). A token that does not come
down to two parts is never made by merging: it is given only where a whole word is that token.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf
from typing import TypeVar

Symbols = TypeVar("Symbols", bytes, str)


def merges_by_rank(
    ranks: Mapping[Symbols, float], among: Iterable[Symbols] | None = None
) -> tuple[list[tuple[Symbols, Symbols]], list[Symbols]]:
    """The merges in the order of their tokens' ranks, and the tokens that none makes.

    `among` are the tokens to explain, all by default; one byte, or one character, needs no merge.

    >>> merges_by_rank({b"a": 0, b"b": 1, b"ab": 2, b"abab": 3, b"xyz": 4})
    ([(b'a', b'b'), (b'ab', b'ab')], [b'xyz'])
    """
    longer = [token for token in (ranks if among is None else among) if len(token) > 1]
    merges, unmade = [], []
    for token in sorted(longer, key=ranks.__getitem__):
        parts = _merged(token, ranks)
        if len(parts) == 2:
            merges.append((parts[0], parts[1]))
        else:
            unmade.append(token)
    return merges, unmade


def _merged(token: Symbols, ranks: Mapping[Symbols, float]) -> list[Symbols]:
    """The token's symbols, the lowest rank first, until two are left or none can merge."""
    parts = [token[at : at + 1] for at in range(len(token))]
    joined = [ranks.get(parts[at] + parts[at + 1], inf) for at in range(len(parts) - 1)]
    while len(parts) > 2:
        best = min(joined)
        if best == inf:
            break
        at = joined.index(best)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
        del joined[at]
        if at:
            joined[at - 1] = ranks.get(parts[at - 1] + parts[at], inf)
        if at < len(joined):
            joined[at] = ranks.get(parts[at] + parts[at + 1], inf)
    return parts
