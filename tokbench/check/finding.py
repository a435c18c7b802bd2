"""What check says: findings, a checkup of them, and the explanation of a rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tokbench.check.surveyed import Survey

SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    error: training or inference breaks, or is silently wrong; warning: likely trouble; note: worth knowing.
    `evidence` is one line of ids and texts that show it; `fix` is a command, or what exactly to do.
    """

    code: str
    severity: str
    message: str
    evidence: str
    fix: str


@dataclass(frozen=True)
class Checkup:
    """All findings about a tokenizer and its model, in the order of their codes.

    `model` is "" when there was none; `checked` are the codes of the rules that looked; `skipped` says of
    the others why they did not. `survey` is what a file of texts showed, if one was given. `adapter` is the
    adapter that was found, and `model` then its base.
    """

    tokenizer: str
    model: str
    findings: tuple[Finding, ...]
    checked: tuple[str, ...]
    skipped: Mapping[str, str]
    survey: Survey | None = None
    adapter: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing found is an error."""
        return not self.fails("error")

    def fails(self, severity: str) -> bool:
        """Whether something found is as bad as this, or worse."""
        bad = SEVERITIES[: SEVERITIES.index(severity) + 1]
        return any(finding.severity in bad for finding in self.findings)


@dataclass(frozen=True, kw_only=True)
class Explanation:
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
