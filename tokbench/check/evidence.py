"""How a finding's one line of evidence shows texts, ids and long lists."""

from __future__ import annotations

from collections.abc import Collection, Iterable

WIDTH = 40


def quoted(text: object, width: int = WIDTH) -> str:
    r"""A text or a value in quotes on one line, its control characters written out, cut to `width`.

    >>> quoted("[PAD]"), quoted("two\nlines"), quoted("x" * 99, width=6)
    ("'[PAD]'", "'two\\nlines'", "'xxxx…'")
    """
    shown = repr(text)
    return shown if len(shown) <= width else shown[: width - 1] + "…" + shown[-1]


def apart(before: str, after: str) -> str:
    """Two texts from shortly before the point where they begin to differ.

    >>> apart("The quick brown fox jumps", "The quick brown fax jumps")
    "'ck brown fox jumps' → 'ck brown fax jumps'"
    """
    pairs = enumerate(zip(before, after, strict=False))
    at = next((at for at, (one, other) in pairs if one != other), min(len(before), len(after)))
    start = max(0, at - 10)
    return f"{quoted(before[start:])} → {quoted(after[start:])}"


def listed(items: Collection[object], most: int = 4) -> str:
    """The first few of a list, and how many more there are.

    >>> listed([7, 8, 9]), listed(range(9), most=2)
    ('7, 8, 9', '0, 1 and 7 more')
    """
    first = [str(item) for item, _ in zip(items, range(most), strict=False)]
    rest = len(items) - len(first)
    return ", ".join(first) + (f" and {rest:,} more" if rest else "")


def named(pairs: Iterable[tuple[str, object]], most: int = 4) -> str:
    """Tokens with their ids, the first few.

    >>> named([("[PAD]", 0), ("[UNK]", 1)])
    "'[PAD]' = 0, '[UNK]' = 1"
    """
    return listed([f"{quoted(token)} = {value}" for token, value in pairs], most)
