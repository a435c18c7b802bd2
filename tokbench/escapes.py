"""Text from files and tokens as it may be shown: what could drive a terminal or turn its order is escaped.

Every sink calls one of these three: cells and titles `safe`, messages and paragraphs `safe_lines`, JSON
`safe_json`.
"""

from __future__ import annotations

import re


def safe(value: object) -> str:
    r"""A value as text in which control characters show as escapes, so that no token drives the terminal.

    >>> safe("a\x1b[31m")
    'a\\x1b[31m'
    """
    words = "yes" if value is True else "no" if value is False else str(value)
    if words.isprintable():
        return words
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in words)


def safe_lines(text: str) -> str:
    r"""A text of several lines for a terminal or a page: as `safe`, but its line feeds and tabs are kept.

    >>> safe_lines("a\tb\n\x9b31m")
    'a\tb\n\\x9b31m'
    """
    return "\n".join("\t".join(map(safe, line.split("\t"))) for line in text.split("\n"))


# What can drive a terminal or turn the order of what is read: C0, DEL, C1, bidi marks, embeddings, overrides
# and isolates (UAX 9), line and paragraph separators, and halves of surrogate pairs.
DRIVES = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def safe_json(text: str) -> str:
    r"""JSON in which what could drive a terminal is written as \u escapes; it is the same after reading.

    >>> safe_json('"\x9b31m"')
    '"\\u009b31m"'
    """
    return DRIVES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
