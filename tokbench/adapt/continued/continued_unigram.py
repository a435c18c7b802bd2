"""More pieces for a Unigram that exists, scored so that they take the place of its best paths, and no other.

A new piece of k old ones scores what these score together, and EPSILON for each of the k - 1 tokens that
it saves. So a text's best path is still one of its best old paths, up to EPSILON a saved token, and of all
ways to write it in new pieces the shortest wins: boundaries only go, and every new piece comes out of its own
text. Where two old paths score the same up to that (`aaa` as aa a or a aa), another one may win than before:
such words are counted. Without the factor k - 1 a piece made of two new ones lost against them: 115 of 500
never came out of their own text, and texts were a tenth longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tokbench.adapt.continued.matched_tokens import TokenRule, continue_matched
from tokbench.progress import Progress, silent

if TYPE_CHECKING:
    from tokbench.adapt.continued.learned_tokens import LearnedTokens
    from tokbench.adapt.continued.spelled_words import ModelAlone, SpelledWords

EPSILON = 1e-4  # above the rounding of sums, which SentencePiece makes in 32 bits; 1e-5 gave the same texts


def continue_unigram(
    model: ModelAlone,
    words: SpelledWords,
    size: int,
    *,
    min_frequency: int = 2,
    max_token_length: int | None = None,
    engine: str = "auto",
    progress: Progress = silent,
) -> LearnedTokens:
    """Learn up to `size` pieces; see continue_matched.

    An unknown character scores less than every piece by a fixed amount, so a piece below the lowest one
    lowers it too. That changes no path where each character of a piece is a piece itself: an unknown one is
    in no piece then, and every path pays for it alike. Elsewhere no new piece scores less than the lowest.
    """
    old = [float(score) for _, score in model.raw["vocab"]]
    least = float("-inf") if _has_all_characters(model) else model.lowest
    characters = max(least, model.unknown_score)

    def score(ids: Sequence[int]) -> float:
        parts = [old[number] if number < len(old) else characters for number in ids]
        return sum(parts) + EPSILON * (len(parts) - 1)

    def fits(text: str, ids: Sequence[int]) -> bool:
        return (max_token_length is None or len(text) <= max_token_length) and score(ids) >= least

    return continue_matched(
        model,
        words,
        size,
        TokenRule(fits, score, characters),
        min_frequency=min_frequency,
        engine=engine,
        progress=progress,
    )


def _has_all_characters(model: ModelAlone) -> bool:
    """Whether each character of a piece is a piece; special ones score 0 and win wherever they match."""
    known = {token for token in model.vocab if len(token) == 1}
    return all(known.issuperset(token) for token, score in model.raw["vocab"] if score < 0)
