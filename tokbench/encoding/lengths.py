"""How many tokens a row has: truncation, windows that overlap, padding; as the library does them.

They are worked out here, from the tokens of the whole text, so that nobody's tokenizer is changed for a call:
the library keeps truncation and padding in the tokenizer, where another thread would meet them.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokbench.errors import UsageError, did_you_mean
from tokbench.pretrained.wrap import said_length

if TYPE_CHECKING:
    from tokbench.pretrained.folder import TokenizerFolder

STRATEGIES = ("longest_first", "only_first", "only_second", "none")
SIDES = ("right", "left")
PADDINGS = ("longest", "max_length")
MOST_FILLED = 1 << 24  # tokens of a padded row: beyond it nothing is left of the memory


@dataclass(frozen=True)
class RowLengths:
    """What a call asks of the lengths of its rows.

    max_length: tokens of a row, special ones included, None for all. truncation: which of two texts gives
    tokens up, one of STRATEGIES. truncation_side, padding_side: "" for what the tokenizer says. overflow:
    what is cut off makes rows of its own, each with the last `stride` tokens of the one before. padding: ""
    for none, else to the longest row or to max_length, and up to a multiple of `multiple_of`.
    """

    max_length: int | None = None
    truncation: str = "longest_first"
    truncation_side: str = ""
    overflow: bool = False
    stride: int = 0
    padding: str = ""
    padding_side: str = ""
    multiple_of: int | None = None

    def __post_init__(self) -> None:
        """Raise UsageError for words that are none of these, and numbers that ask for nothing."""
        for name, word, known in (
            ("truncation", self.truncation, STRATEGIES),
            ("truncation side", self.truncation_side or "right", SIDES),
            ("padding side", self.padding_side or "right", SIDES),
            ("padding", self.padding or "longest", PADDINGS),
        ):
            if word not in known:
                raise UsageError(f"there is no {name} {word!r}", fix=did_you_mean(word, known))
        if self.max_length is not None and self.max_length < 0:
            raise UsageError(f"max_length {self.max_length} is no number of tokens", fix="--max-length 128")
        if self.stride < 0 or (self.multiple_of is not None and self.multiple_of < 1):
            name, number = (
                ("stride", self.stride) if self.stride < 0 else ("pad_to_multiple_of", self.multiple_of)
            )
            raise UsageError(f"{name} {number} is no number of tokens", fix=f"--{name.replace('_', '-')} 8")
        if (self.overflow or self.stride) and (self.max_length is None or self.truncation == "none"):
            raise UsageError(
                "windows of a text need a length", fix="--max-length 128 --truncation longest_first"
            )


@dataclass(frozen=True)
class Pad:
    """What rows are filled up with. to: the length of each, None for that of the longest."""

    token: str
    id: int
    type_id: int
    left: bool
    to: int | None
    multiple_of: int | None

    def width(self, rows: Sequence[int]) -> int:
        """The length of all rows of these lengths, once padded; longer ones stay as they are."""
        longest = max(rows, default=0) if self.to is None else self.to
        return longest + -longest % (self.multiple_of or 1)


def pad_of(folder: TokenizerFolder, lengths: RowLengths) -> Pad | None:
    """The padding that is asked for; UsageError without a pad token, or a length to fill up to."""
    if not lengths.padding:
        if lengths.multiple_of:
            raise UsageError("a multiple is one of padding", fix="--padding longest")
        return None
    token = folder.roles.get("pad")
    number = folder.tokenizer.token_to_id(token) if token else None
    if token is None or number is None:
        raise UsageError(
            f"{folder.name} has no pad token to fill rows up with",
            fix=f"tokbench add-tokens {shlex.quote(folder.name)} --role 'pad=[PAD]' -o padded",
        )
    side = lengths.padding_side or str(folder.config.get("padding_side") or "right")
    to = None if lengths.padding == "longest" else _longest_input(folder, lengths)
    widest = max(to or 0, lengths.multiple_of or 0)
    if widest > MOST_FILLED:
        raise UsageError(
            f"rows filled up to {widest:,} tokens do not fit into memory", fix="--padding longest"
        )
    type_id = folder.config.get("pad_token_type_id")
    return Pad(
        token, number, type_id if isinstance(type_id, int) else 0, side == "left", to, lengths.multiple_of
    )


def _longest_input(folder: TokenizerFolder, lengths: RowLengths) -> int:
    if lengths.max_length is not None:
        return lengths.max_length
    said = said_length(folder)
    if said is not None:
        return said
    raise UsageError(f"{folder.name} does not say how long its inputs are", fix="--max-length 128")


def windows(sequences: Sequence[int | None], lengths: RowLengths, *, left: bool) -> list[list[int]]:
    """Which tokens the row of a text has, by place, and those of the rows of what was cut off.

    `sequences` says of each token which text it is of: 0, 1, or None for a special token, which is in every
    row. Where two texts give tokens up at once, what is cut off has no row: UsageError if it is asked for.

    >>> windows([None, 0, 0, 0, None, 1, None], RowLengths(max_length=6), left=False)
    [[0, 1, 2, 4, 5, 6]]
    >>> windows([None, 0, 0, 0, 0], RowLengths(max_length=3, overflow=True, stride=1), left=False)
    [[0, 1, 2], [0, 2, 3], [0, 3, 4]]
    """
    whole = list(range(len(sequences)))
    if lengths.max_length is None or lengths.truncation == "none":
        return [whole]
    around = sequences.count(None)
    must_hold(around, lengths)
    places = [[at for at in whole if sequences[at] == text] for text in (0, 1)]
    sizes = _sizes(len(places[0]), len(places[1]), lengths.max_length - around, lengths)
    cut = [text for text in (0, 1) if sizes[text] < len(places[text])]
    if not cut:
        return [whole]
    parts = [
        _parts(len(places[text]), sizes[text], lengths.stride if lengths.overflow else 0, left=left)
        for text in (0, 1)
    ]
    count = len(parts[cut[0]]) if lengths.overflow else 1
    if lengths.overflow and len(cut) > 1:
        raise UsageError(
            "both texts are too long, and windows are made of one", fix="--truncation only_second"
        )
    rows = []
    for number in range(count):
        kept = {
            at for text in (0, 1) for at in places[text][slice(*parts[text][number if text in cut else 0])]
        }
        rows.append([at for at in whole if sequences[at] is None or at in kept])
    return rows


def must_hold(around: int, lengths: RowLengths) -> None:
    """UsageError where rows have no room for so many special tokens."""
    if lengths.max_length is not None and lengths.truncation != "none" and lengths.max_length < around:
        raise UsageError(
            f"max_length {lengths.max_length} has no room for the {around} special tokens",
            fix=f"--max-length {around + 1} or more, or --no-special-tokens",
        )


def is_left(folder: TokenizerFolder, lengths: RowLengths) -> bool:
    """Whether texts are cut at their left end."""
    return (lengths.truncation_side or folder.config.get("truncation_side")) == "left"


def _parts(length: int, size: int, stride: int, *, left: bool) -> list[tuple[int, int]]:
    """Where each window of `size` tokens starts and ends, the one that is kept first.

    Encoding.truncate of the library: a window begins `size - stride` tokens behind the one before.

    >>> _parts(5, 3, 1, left=False), _parts(5, 3, 1, left=True), _parts(4, 0, 0, left=False)
    ([(0, 3), (2, 5)], [(2, 5), (0, 3)], [(0, 0), (0, 4)])
    """
    if size >= length:
        return [(0, length)]
    if size == 0:
        return [(0, 0), (0, length)]
    if stride >= size:
        raise UsageError(
            f"windows of {size} tokens cannot share {stride}",
            fix="a smaller --stride, or a greater --max-length",
        )
    starts = range(0, length - stride, size - stride)
    found = [(start, min(start + size, length)) for start in starts]
    return [(length - end, length - start) for start, end in found] if left else found


def _sizes(first: int, second: int, room: int, lengths: RowLengths) -> tuple[int, int]:
    """Tokens of a text and its pair that stay: truncate_encodings of the library.

    >>> cut = RowLengths(max_length=1)
    >>> _sizes(9, 2, 6, cut), _sizes(9, 8, 7, cut), _sizes(8, 9, 7, cut)
    ((4, 2), (4, 3), (3, 4))
    >>> _sizes(9, 4, 7, RowLengths(truncation="only_first"))
    (3, 4)
    """
    over = first + second - room
    if over <= 0:
        return first, second
    if room == 0:
        return 0, 0  # whatever the strategy
    if lengths.truncation == "longest_first":
        return _longest_first(first, second, room)
    gives = first if lengths.truncation == "only_first" else second
    if gives <= over:
        raise UsageError(
            f"the {'first' if lengths.truncation == 'only_first' else 'second'} text has {gives} tokens and "
            f"would have to give up {over} to fit into max_length {lengths.max_length}",
            fix="--truncation longest_first, or a greater --max-length",
        )
    return (first - over, second) if lengths.truncation == "only_first" else (first, second - over)


def _longest_first(first: int, second: int, room: int) -> tuple[int, int]:
    if not second:
        return room, 0
    low, high = sorted((first, second))
    high = low if low > room else max(low, room - low)
    if low + high > room:
        low, high = room // 2, room // 2 + room % 2
    return (high, low) if first > second else (low, high)
