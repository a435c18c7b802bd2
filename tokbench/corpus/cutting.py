"""Long texts in pieces, so that no step after this one needs memory for a whole line of any length."""

from __future__ import annotations

LIMIT = 1 << 16  # characters in a piece


def cut(text: str, limit: int = LIMIT) -> tuple[list[str], str]:
    """Pieces of at most `limit` characters and a rest, which is no longer either; joined they are the text.

    Where a piece ends does not depend on what follows it, so a text may come in parts: cut(rest + next).

    >>> cut("one two three", 9)
    (['one two'], ' three')
    """
    pieces, start = [], 0
    while len(text) - start > limit:
        end = start + _border(text[start : start + limit + 1])
        pieces.append(text[start:end])
        start = end
    return pieces, text[start:]


def _border(window: str) -> int:
    """Where to cut: before the one space in front of the last word, which stays with it as GPT-2 splits.

    A window of a single word or of white space only is cut where it must be.
    """
    words = window.rsplit(maxsplit=1)
    if len(words) == 2:
        return len(window.rstrip()) - len(words[1]) - 1
    return len(window) - 1
