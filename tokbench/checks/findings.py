"""What check says: findings, a checkup of them, and the explanation of a rule."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tokbench.results import Result

if TYPE_CHECKING:
    from tokbench.checks.data_stats import DataStats

SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    error: training or inference breaks, or is silently wrong; warning: likely trouble; note: worth knowing.
    `evidence` is one line of ids and texts that show it; `fix` is a command, or what exactly to do. The
    runner fills in the code of the rule, and its severity where the finding has none of its own.
    """

    code: str = field(default="", kw_only=True)
    severity: str = field(default="", kw_only=True)
    message: str
    evidence: str
    fix: str


@dataclass(frozen=True)
class Rule:
    """A row of a file's RULES: a name, how bad its worst finding is, who looks, who fixes.

    `needs` is what it must have beside the tokenizer, a key of run.NEEDS. `look` yields its findings without
    code, and without severity where it is the row's. `fix`, one of fixes.py, changes a staged copy.
    """

    code: str
    name: str
    severity: str
    needs: str
    look: Callable[..., Iterable[Finding]]
    fix: Callable[..., Iterable[str]] | None = None


@dataclass(frozen=True)
class CheckRequest:
    """What a check was asked: tokenizer and model as they were given, and which rules were not to look."""

    tokenizer: Any
    model: Any = None
    quick: bool = False
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class Checkup(Result, kind="checkup", table="findings"):
    """All findings about a tokenizer and its model, in the order of their codes.

    `model` is "" when there was none; `checked` are the codes of the rules that looked; `skipped` says of
    the others why they did not. `survey` is what a file of texts showed, if one was given. `adapter` is the
    adapter that was found, and `model` then its base. `request` is what was asked, for `fix`.
    """

    tokenizer: str
    model: str
    findings: tuple[Finding, ...]
    checked: tuple[str, ...]
    skipped: Mapping[str, str]
    survey: DataStats | None = None
    adapter: str = ""
    request: CheckRequest | None = field(default=None, repr=False, compare=False, metadata={"json": False})

    @property
    def passed(self) -> bool:
        """Whether nothing found is an error."""
        return not self.fails("error")

    def fails(self, severity: str) -> bool:
        """Whether something found is as bad as this, or worse."""
        bad = SEVERITIES[: SEVERITIES.index(severity) + 1]
        return any(finding.severity in bad for finding in self.findings)


@dataclass(frozen=True, kw_only=True, repr=False)
class Explanation(Result, kind="explanation"):
    """One rule in words: what should be true, how bad it can be when it is not, and why.

    `needs` says what the rule must have beside the tokenizer; "" when nothing.
    """

    code: str
    title: str
    severity: str
    needs: str
    cause: str
    example: str
    source: str


WIDTH = 40


def quoted(text: object, width: int = WIDTH) -> str:
    r"""A text or a value in quotes on one line, its control characters written out, cut to `width`.

    >>> quoted("[PAD]"), quoted("two\nlines"), quoted("x" * 99, width=6)
    ("'[PAD]'", "'two\\nlines'", "'xxxx…'")
    """
    shown = repr(text)
    return shown if len(shown) <= width else shown[: width - 1] + "…" + shown[-1]


def around_difference(before: str, after: str) -> str:
    """Two texts from shortly before the point where they begin to differ.

    >>> around_difference("The quick brown fox jumps", "The quick brown fax jumps")
    "'ck brown fox jumps' → 'ck brown fax jumps'"
    """
    pairs = enumerate(zip(before, after, strict=False))
    at = next((at for at, (one, other) in pairs if one != other), min(len(before), len(after)))
    start = max(0, at - 10)
    return f"{quoted(before[start:])} → {quoted(after[start:])}"


def first_few(items: Collection[object], most: int = 4) -> str:
    """The first few of a list, and how many more there are.

    >>> first_few([7, 8, 9]), first_few(range(9), most=2)
    ('7, 8, 9', '0, 1 and 7 more')
    """
    first = [str(item) for item, _ in zip(items, range(most), strict=False)]
    rest = len(items) - len(first)
    return ", ".join(first) + (f" and {rest:,} more" if rest else "")


def tokens_with_ids(pairs: Iterable[tuple[str, object]], most: int = 4) -> str:
    """Tokens with their ids, the first few.

    >>> tokens_with_ids([("[PAD]", 0), ("[UNK]", 1)])
    "'[PAD]' = 0, '[UNK]' = 1"
    """
    return first_few([f"{quoted(token)} = {value}" for token, value in pairs], most)


def explained(rule: Rule, needs: str) -> Explanation:
    """The docstring of a rule: its first line, and its paragraph of Cause:, Example: and Source:."""
    title, _, rest = inspect.cleandoc(rule.look.__doc__ or "").partition("\n\n")
    parts = {"Cause": "", "Example": "", "Source": ""}
    at = ""
    for line in rest.splitlines():
        label, sign, words = line.partition(": ")
        at = label if sign and label in parts else at
        parts[at] += (words if at == label else line) + " "
    return Explanation(
        code=rule.code,
        title=title,
        severity=rule.severity,
        needs=needs,
        cause=parts["Cause"].strip(),
        example=parts["Example"].strip(),
        source=parts["Source"].strip(),
    )
