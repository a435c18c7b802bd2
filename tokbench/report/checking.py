"""Windows on what check found and on what its rules mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from tokbench.check.finding import Checkup, Explanation, Finding
from tokbench.check.needs import NO_ADAPTER
from tokbench.errors import plural
from tokbench.report import surveying
from tokbench.report.parts import Facts, Grid, Headline, Part

ORDER = ("error", "warning", "note")


def checkup(result: Checkup) -> Iterator[Part]:
    """The verdict, then the findings, errors first."""
    others = [result.model, result.adapter and f"adapter {result.adapter}"]
    subject = " with ".join([result.tokenizer, *(each for each in others if each)])
    counts = Counter(finding.severity for finding in result.findings)
    found = ", ".join(plural(counts[severity], severity) for severity in ORDER if counts[severity])
    verdict = "nothing will break" if result.passed else "this will break"
    ran = f"{plural(len(result.checked), 'rule')} looked"
    yield Headline(
        f"{subject}: {verdict} ({ran}; {found or 'nothing found'})", "good" if result.passed else "bad"
    )
    if result.findings:
        yield _findings(result.findings)
    if result.survey is not None:
        yield from surveying.survey(result.survey)
    for reason, codes in _by_reason(result.skipped).items():
        if reason == NO_ADAPTER:  # few have one: that rules on adapters had nothing to do is no news
            continue
        yield Facts([(plural(len(codes), "rule") + " did not look", reason)])


def _by_reason(skipped: Mapping[str, str]) -> Mapping[str, Sequence[str]]:
    codes: dict[str, list[str]] = {}
    for code, reason in skipped.items():
        codes.setdefault(reason, []).append(code)
    return codes


def _findings(findings: Sequence[Finding]) -> Grid:
    ordered = sorted(findings, key=lambda finding: (ORDER.index(finding.severity), finding.code))
    rows = [(each.severity, each.code, each.message, each.evidence, each.fix) for each in ordered]
    return Grid(("severity", "code", "message", "evidence", "fix"), rows, stacked=3)


def explanation(result: Explanation) -> Iterator[Part]:
    """One rule: what should be true, why, an example, the source."""
    yield Headline(f"{result.code} {result.title}")
    yield Facts(
        [(name, value) for name, value in vars(result).items() if name not in ("code", "title") and value]
    )


def explanations(result: Sequence[Explanation]) -> Iterator[Part]:
    """All rules, a line each."""
    rows = [(each.code, each.severity, each.title) for each in result]
    yield Grid(("code", "severity", "what should be true"), rows)
