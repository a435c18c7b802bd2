"""The shortest text that still shows something: pieces are left out for as long as it does."""

from __future__ import annotations

from collections.abc import Callable

MOST_TRIES = 2_000  # each is one or two calls of a tokenizer, about 20 µs


def shrunk(text: str, shows: Callable[[str], bool]) -> str:
    """A text of which no single character can be left out; `text` itself must show it.

    Halves, quarters and so on are left out as long as the rest shows it (delta debugging; Zeller and
    Hildebrandt 2002), then single characters; after MOST_TRIES the shortest so far is taken.

    >>> shrunk("the quick brown fox", lambda text: "q" in text and "x" in text)
    'qx'
    """
    tries, size = 0, max(1, len(text) // 2)
    while size:
        at, before = 0, text
        while at < len(text):
            shorter = text[:at] + text[at + size :]
            tries += 1
            if tries > MOST_TRIES:
                return text
            if shorter and shows(shorter):
                text = shorter
            else:
                at += size
        if size == 1 and text != before:
            continue  # leaving one out may make another needless
        size //= 2
    return text


def simplest(texts: list[str], shows: Callable[[str], bool]) -> str:
    """The shortest of several texts, each shrunk first."""
    return min((shrunk(text, shows) for text in texts), key=lambda text: (len(text), text))
