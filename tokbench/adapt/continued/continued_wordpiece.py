"""More pieces for a WordPiece that exists: what BPE would make next of its pieces, each written whole.

WordPiece is greedy: at each place of a word the longest piece wins, whatever comes behind it. A longer piece
can therefore give a word a boundary that it did not have, and even one token more: no choice of pieces rules
that out, and the result counts and shows such words. A piece that begins words comes out of its own text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tokbench.adapt.continued.matched_tokens import TokenRule, continue_matched
from tokbench.progress import Progress, silent

if TYPE_CHECKING:
    from tokbench.adapt.continued.learned_tokens import LearnedTokens
    from tokbench.adapt.continued.spelled_words import ModelAlone, SpelledWords


def continue_wordpiece(
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

    None has more characters than `max_token_length`, or than a word may have before it is unknown.
    """
    prefix = model.prefix
    longest = int(model.raw.get("max_input_chars_per_word") or 0)
    limit = longest if max_token_length is None else min(longest, max_token_length)

    def fits(text: str, _: Sequence[int]) -> bool:
        inner = text.startswith(prefix)  # one character at least goes before it
        return len(text.removeprefix(prefix)) <= (min(limit, longest - 1) if inner else limit)

    return continue_matched(
        model, words, size, TokenRule(fits), min_frequency=min_frequency, engine=engine, progress=progress
    )
