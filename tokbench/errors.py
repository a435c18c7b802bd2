"""What can go wrong, for people.

TokbenchError                 one sentence on what is wrong and where, one on what helps
├── UsageError            2   the command or the data must change
│   ├── FileError             a file or folder is missing, unreadable, of the wrong kind, or in the way
│   ├── DataError             the content of a file is not what was asked for: encoding, column, row, label
│   ├── RecipeError           a block, option or value that does not exist or does not fit the others
│   └── MissingExtraError     a package that this command needs is not installed
└── NegativeResultError   1   asked rightly, and the answer is no
    ├── ChecksFailedError     check found errors
    ├── ResourceError         the disk or the memory was full
    └── RunInterruptedError 130   stopped by Ctrl-C after what was done had been saved

Anything else that reaches main() is our bug: exit code 3. Ctrl-C: 130.

>>> import tokbench as tb
>>> issubclass(tb.errors.FileError, tb.errors.UsageError), tb.errors.RunInterruptedError.exit_code
(True, 130)
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches


class TokbenchError(Exception):
    """A sentence on what is wrong and where, and in `fix` what helps (a command, if there is one).

    >>> import tokbench as tb
    >>> try:
    ...     tb.recipe("wordpeice")
    ... except tb.TokbenchError as error:
    ...     error.exit_code, type(error) is tb.errors.RecipeError, error.fix
    (2, True, 'did you mean wordpiece or wordlevel?; or a TOML file')
    """

    exit_code = 2

    def __init__(self, message: str, *, fix: str = "") -> None:
        self.message = short_values(message)
        self.fix = ENDLESS.sub(lambda found: _cut(found[0], 300), fix)
        super().__init__(self.message)


class UsageError(TokbenchError):
    """The command or its data must change; exit code 2."""


class FileError(UsageError):
    """A file or folder is missing, unreadable, of the wrong kind, or in the way."""


class DataError(UsageError):
    """The content of a file is not what was asked for: encoding, column, row or label."""


class RecipeError(UsageError):
    """A block, option or value that does not exist or does not fit the others."""


class MissingExtraError(UsageError):
    """A package that this command needs is not installed."""

    def __init__(self, what: str, package: str, *, extra: str) -> None:
        super().__init__(
            f"{what} needs the package {package}, which is not installed",
            fix=f"pip install 'tokbench[{extra}]'",
        )


class NegativeResultError(TokbenchError):
    """Asked rightly, and the answer is no; exit code 1."""

    exit_code = 1


class ChecksFailedError(NegativeResultError):
    """Check found errors, so nothing after it was started."""


class ResourceError(NegativeResultError):
    """The disk or the memory was full."""


class RunInterruptedError(NegativeResultError):
    """Stopped by Ctrl-C after what was done had been saved; exit code 130."""

    exit_code = 130


def did_you_mean(word: str, known: Iterable[str], *, before: str = "") -> str:
    """A hint naming the known words nearest to `word`, or all of them when none is near.

    `before` is put to each word named, so that it can be pasted: the folder of a file.

    >>> did_you_mean("wordpeice", ["bpe", "wordpiece"])
    'did you mean wordpiece?'
    >>> did_you_mean("x", ["bpe", "wordpiece"])
    'known: bpe, wordpiece'
    """
    words = list(known)
    lowered = {each.lower(): each for each in words}
    near = get_close_matches(word.lower(), lowered, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(before + lowered[each] for each in near)}?"
    return f"known: {', '.join(words)}"


LONGEST_QUOTE = 80  # characters of a value that a message shows
# A value in quotes as repr writes it, and no apostrophe: those follow a letter. Or a word without an end.
LONG_QUOTE = re.compile(
    r"""(?<!\w)(?:'(?=\S)(?:[^'\\]|\\.){79,}'|"(?=\S)(?:[^"\\]|\\.){79,}")(?!\w)""", re.DOTALL
)
LONG_WORD = re.compile(r"\S{400,}")
ENDLESS = re.compile(r"\S{4096,}")  # in a hint, which is pasted: longer than any path


def short_values(message: str) -> str:
    """A message with every quoted value and every endless word cut.

    >>> len(short_values(f"there is no role {'x' * 10_000!r} in the model's config"))
    119
    """
    if len(message) <= LONGEST_QUOTE:
        return message
    message = LONG_QUOTE.sub(lambda found: _cut(found[0], LONGEST_QUOTE), message)
    return LONG_WORD.sub(lambda found: _cut(found[0], 300), message)


def _cut(words: str, longest: int) -> str:
    half = (longest - 1) // 2
    return words if len(words) <= longest else f"{words[: longest - 1 - half]}…{words[-half:]}"


def clipped(value: object) -> str:
    """A value as a message shows it: its repr, cut in the middle where it is longer than LONGEST_QUOTE.

    >>> clipped("[PAD]"), len(clipped("x" * 10_000))
    ("'[PAD]'", 80)
    """
    return _cut(repr(value), LONGEST_QUOTE)


def plural(count: int, noun: str, several: str = "") -> str:
    """A count with its noun, in the form that fits it; `several` where the plural is not noun + s.

    >>> plural(1, "row"), plural(2_000, "row"), plural(2, "entity", "entities")
    ('1 row', '2,000 rows', '2 entities')
    """
    return f"{count:,} {noun if count == 1 else several or noun + 's'}"
