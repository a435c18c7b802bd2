"""Views of what check found and fixed, of its rules, and of whether two tokenizers are the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from tokbench.checks.run import NO_ADAPTER
from tokbench.errors import plural
from tokbench.reporting.elements import Facts, Grid, Headline, Part

if TYPE_CHECKING:
    from tokbench.checks.data_stats import DataStats, ScriptCount
    from tokbench.checks.findings import Checkup, Explanation, Finding
    from tokbench.checks.fix import FixReport
    from tokbench.checks.rebuild import Rebuild
    from tokbench.checks.same import Difference, Sameness

MOST = 24  # ids and tokens of the example that are shown


def sameness(result: Sameness) -> Iterator[Part]:
    """The verdict, the shortest text that shows it, the figures."""
    mood = "good" if result.passed else "bad"
    yield Headline(f"{result.names[0]} and {result.names[1]}: {result.verdict}; {result.reason}", mood)
    if result.example is not None:
        what = {"ids": "gives", "pair": "given twice, as a pair, gives", "decoded": "comes back as"}
        yield Headline(f"the shortest text found: {result.example.text!r} {what[result.example.what]}")
        yield _sides_of(result, result.example)
    yield Facts(list(_sameness_facts(result)))


def rebuilt(result: Rebuild) -> Iterator[Part]:
    """Whether the same came out, or the first cause why not; what was compared."""
    if result.cause is not None:
        yield Headline(f"{result.folder} is not what is trained again: {result.cause.sentence}", "bad")
    elif result.near:
        yield Headline(
            f"{result.folder}: the same pieces, scores differ by {result.near:.2g} at most", "good"
        )
    elif result.later:
        yield Headline(f"{result.folder}: what was trained is the same", "good")
    else:
        yield Headline(f"{result.folder}: the same, byte for byte", "good")
    facts = [
        ("compared", ", ".join(result.compared) or "nothing: another corpus gives another tokenizer"),
        ("corpus sha256", result.corpus_sha256),
    ]
    facts += [(name, f"{there}, now {here}") for name, (there, here) in result.versions.items()]
    if result.later:
        facts.append(
            ("not rebuilt", f"{plural(len(result.later), 'token')} added since, as {result.later[0]}")
        )
    if result.output:
        facts.append(("trained again", result.output))
    yield Facts([(name, words) for name, words in facts if words])


def _sides_of(result: Sameness, example: Difference) -> Grid:
    rows = [
        (name, " ".join(map(repr, tokens[:MOST])), " ".join(map(str, ids[:MOST])))
        for name, tokens, ids in zip(_sides(result), example.tokens, example.ids, strict=True)
    ]
    return Grid(("", "tokens", "ids"), rows)


def _sides(result: Sameness) -> tuple[str, str]:
    """Both names; with which is which when they are the same or long."""
    one, other = result.names
    return (one, other) if one != other else (f"{one} (first)", f"{other} (second)")


def _sameness_facts(result: Sameness) -> Iterator[tuple[str, object]]:
    if result.texts:
        yield "texts tried", f"{result.texts:,}, {result.differing:,} differ"
    yield "sizes", f"{result.sizes[0]:,} and {result.sizes[1]:,} (highest id + 1)"
    if result.moved:
        yield "tokens of both", f"{result.moved:,} have another id"
    if any(result.only):
        yield "tokens of one only", f"{result.only[0]:,} and {result.only[1]:,}"
    if result.parts:
        yield "written differently", ", ".join(result.parts)
    for role in result.roles:
        yield "role", role
    one, other = result.sha256
    yield "sha256", one if one == other else f"{one[:16]}… and {other[:16]}…"


FEWEST = 0.001  # of the characters: scripts below this are one line together
SHOWN = 6  # labels
NUMBERS = ("chars", "words", "tokens", "fertility", "chars/token", "unknown")
NO_WORDS = ("white space", "punctuation", "symbols and emoji", "control", "marks")


def survey(result: DataStats) -> Iterator[Part]:
    """The counts by script, the causes of unknown tokens, and what else was seen."""
    rows = [_row(each) for each in _gathered(result)]
    yield Headline(f"{result.name}: {plural(result.texts, 'text')}")
    yield Grid(("script", *NUMBERS), rows, right=NUMBERS)
    if result.causes:
        rows = [(f"{each.tokens:,}", each.reason, "  ".join(each.examples)) for each in result.causes]
        yield Grid(("unknown", "because", "such as"), rows, right=("unknown",))
    yield Facts(list(_survey_facts(result)))


def _row(each: ScriptCount) -> tuple[str, ...]:
    reads = each.fertility is not None and each.script not in NO_WORDS
    per_word = f"{each.fertility:.2f}" if reads else "–"
    per_token = f"{each.characters / each.tokens:.2f}" if each.tokens else "–"
    share = f"{each.unknown / each.tokens:.2%}" if each.tokens else "–"
    counts = (f"{each.characters:,}", f"{each.words:,}", f"{each.tokens:,}")
    return each.script, *counts, per_word, per_token, share


def _gathered(result: DataStats) -> Iterator[ScriptCount]:
    """The scripts, those with hardly a character in one line, and all."""
    few = [
        each for each in result.scripts if each.characters < FEWEST * result.characters and not each.unknown
    ]
    yield from (each for each in result.scripts if each not in few)
    if few:
        yield _sum(f"{plural(len(few), 'other')}", few)
    yield _sum("all", result.scripts)


def _sum(name: str, scripts: list[ScriptCount] | tuple[ScriptCount, ...]) -> ScriptCount:
    from tokbench.checks.data_stats import script_count

    counts = [(each.characters, each.words, each.tokens, each.unknown, each.word_tokens) for each in scripts]
    return script_count(name, [sum(column) for column in zip(*counts, strict=True)] or [0] * 5)


def _survey_facts(result: DataStats) -> Iterator[tuple[str, object]]:
    never = result.size - result.used
    yield "never used", f"{never:,} of {plural(result.size, 'token')} ({never / max(1, result.size):.0%})"
    yield "longest text", plural(result.longest, "token")
    if result.labels:
        shown = [f"{label} {count:,}" for label, count in result.labels[:SHOWN]]
        more = len(result.labels) - len(shown)
        yield f"column {result.label_column}", ", ".join(shown) + (f" and {more:,} more" if more else "")
    if result.decomposed:
        yield (
            "not in NFC",
            f"{plural(result.decomposed, 'text')}: {plural(result.decomposed_tokens, 'token')}, "
            + (f"in NFC {result.composed_tokens:,}"),
        )
    if result.korean:
        yield "Korean taken apart", f"{result.taken_apart:,} of {plural(result.korean, 'text')} looked at"


ORDER = ("error", "warning", "note")


def so_far(findings: Sequence[Finding]) -> Iterator[Part]:
    """What the quick rules found, while those that take seconds still look."""
    if findings:
        yield _findings(findings)


def checkup(result: Checkup, shown: Collection[Finding] = ()) -> Iterator[Part]:
    """The verdict, then the findings, errors first; without those in `shown`, which stand above it."""
    others = [result.model, result.adapter and f"adapter {result.adapter}"]
    subject = " with ".join([result.tokenizer, *(each for each in others if each)])
    counts = Counter(finding.severity for finding in result.findings)
    found = ", ".join(plural(counts[severity], severity) for severity in ORDER if counts[severity])
    verdict = "nothing will break" if result.passed else "this will break"
    ran = f"{plural(len(result.checked), 'rule')} looked"
    yield Headline(
        f"{subject}: {verdict} ({ran}; {found or 'nothing found'})", "good" if result.passed else "bad"
    )
    if rest := [each for each in result.findings if each not in shown]:
        yield _findings(rest)
    if result.survey is not None:
        yield from survey(result.survey)
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


def fix_report(result: FixReport) -> Iterator[Part]:
    """Every change, where it went, and what the rules say afterwards."""
    number = plural(len(result.changes), "change")
    did = f"{number} made" if result.output else f"{number} to make; nothing was written"
    yield Headline(f"{result.tokenizer}: {did}" if result.changes else f"{result.tokenizer}: nothing to fix")
    if result.changes:
        yield Grid(("code", "change"), [(each.code, each.what) for each in result.changes])
    places = [("written", result.output), ("the old files", result.backup)]
    if shown := [(name, place) for name, place in places if place]:
        yield Facts(shown)
    yield Headline("Afterwards" if result.output else "It would be")
    yield from checkup(result.after)
