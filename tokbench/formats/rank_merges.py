"""The merges behind a list of ranks: which two tokens each token is made of.

Where any two neighbours whose join is a token may merge, the lowest rank first, a token comes about in one
way only: its own bytes, merged as a text of them would be, come down to two parts. Between two ends that stay
ends, a text merges as the token by itself would, so those two parts are the only pair that ever makes it. Its
parts may have higher ranks than the token (SentencePiece's runs of spaces do). A token that does not come
down to two parts is never made by merging: it is given only where a whole word is that token.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


def merges_out_of_order(
    ranks: Mapping[str, float], merges: Sequence[tuple[str, str]], among: Iterable[str] | None = None
) -> tuple[str, list[str]]:
    """Why a list of merges does not give what ranks give, "" where it does; and the tokens that none makes.

    The list does where the merge that ranks give each token stands in it, in the order of the ranks: no other
    two neighbours ever meet, so what else the list says of a token does no harm. `among` are the tokens that
    merges make, all by default.

    >>> merges_out_of_order({"a": 0, "b": 1, "ab": 2, "abab": 3}, [("ab", "ab"), ("a", "b")])[0]
    "the merge of 'ab' stands behind that of 'abab', which has the higher id"
    """
    places = {pair: place for place, pair in reversed([*enumerate(merges)])}
    made = {left + right for left, right in places}
    needed, unmade = merges_by_rank(ranks, among)
    last, before = -1, ""
    for left, right in needed:
        place, token = places.get((left, right)), left + right
        if place is None and token not in made:
            return f"the token {token!r} is dead: no merge makes it, and its id would make one", unmade
        if place is None:
            return f"the token {token!r} is merged of other parts than {left!r} and {right!r}", unmade
        if place < last:
            return f"the merge of {before!r} stands behind that of {token!r}, which has the higher id", unmade
        last, before = place, token
    return "", unmade


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
