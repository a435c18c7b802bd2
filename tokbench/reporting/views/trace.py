"""Views of traces: a text after every block, why it was cut, and two tokenizers side by side."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from unicodedata import normalize

from tokbench.errors import clipped, plural
from tokbench.reporting.elements import Chips, Facts, Grid, Headline, Part, seen, visible
from tokbench.tracing.bpe_merges import Merging
from tokbench.tracing.cuts import FEW
from tokbench.tracing.unigram_paths import Scoring
from tokbench.tracing.wordpiece_matches import Lookup, Matching

if TYPE_CHECKING:
    from tokbench.tracing.post_model import PairTrace
    from tokbench.tracing.side_by_side import SideBySide, Stretch
    from tokbench.tracing.steps import Edit, Step, Token, Trace, Why, Word

Row = tuple[object, ...]
BYTES = re.compile("‹((?:[0-9A-F]{2})+)›")
NEVER_SHOWN = ("precompiled_charsmap",)


def trace(result: Trace) -> Iterator[Part]:
    """Block by block: what came out, and what was done to it; then why tokens were cut, ids, decoded text."""
    for note in result.notes:
        yield Headline(note, mood="bad")
    if result.why:
        yield from _why(result.why, ranks_of(result))
    for number, step in enumerate(result.steps):
        yield from step_parts(number, step, result)
    yield Headline("the ids", opens=True)
    yield from _ids(result)
    back = "the same text" if result.same else f"another text: {result.decoded!r}"
    yield Headline(f"the ids decode to {back}", mood="good" if result.same else "bad")


def step_parts(number: int, step: Step, result: Trace) -> Iterator[Part]:
    """One step of a trace: what its block left, and what it did."""
    if step.kind == "decoder":
        yield Facts([(f"{number} decoder {step.name}", step.text)])
        return
    yield Headline(" · ".join([f"{number} {_named(step)}", *step.notes]), opens=True)
    if step.notes and step.notes[0] in ("changes nothing here", "no added token is in the text"):
        return
    if step.tokens:
        yield chips(step.tokens, ranks_of(result))
    else:
        yield Chips([(seen(piece.shown), "special" if piece.token else "") for piece in step.pieces])
    if step.edits:
        changes = dict.fromkeys(_change(edit) for edit in step.edits)
        yield Grid(("before", "after"), list(changes))
    if step.kind == "model":
        yield from _model(step, result)


def _change(edit: Edit) -> tuple[str, str]:
    """Before and after; as code points where both look the same."""
    if normalize("NFC", edit.before) == normalize("NFC", edit.text):
        return _code_points(edit.before), _code_points(edit.text)
    return visible(edit.before) or "(nothing)", visible(edit.text) or "(nothing)"


def _code_points(text: str) -> str:
    return f"{visible(text)}  {' '.join(f'U+{ord(character):04X}' for character in text)}"


def _named(step: Step) -> str:
    if step.name in (step.kind, "text"):
        return (
            " ".join([step.kind, *map(str, step.options.values())]) if step.kind == step.name else step.name
        )
    if step.kind == "post_processor":
        return f"{step.kind} {step.name}"
    return f"{step.kind} {step.name}{_options(step.options)}"


def _options(options: Mapping[str, object]) -> str:
    words = [
        f"{name}={'…' if name in NEVER_SHOWN else _value(value)}"
        for name, value in options.items()
        if value is not None and value is not False
    ]
    return f" ({', '.join(words)})" if words else ""


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(map(_value, value.values()))
    return f"'{value}'" if isinstance(value, str) else str(value)


def chips(tokens: Sequence[Token], ranks: Mapping[str, int]) -> Chips:
    """Tokens as chips, with what a page shows of one that is pointed at."""
    return Chips(
        [(seen(token.shown), "special" if token.kind == "added" else token.kind) for token in tokens],
        ids=[token.id for token in tokens],
        details=[" · ".join(_details(token, ranks)) for token in tokens],
    )


def _details(token: Token, ranks: Mapping[str, int]) -> Iterator[str]:
    yield token.token
    yield f"id {token.id}"
    if token.kind == "special":
        yield "put in by the tokenizer"
        return
    yield f"characters {token.start}–{token.end}"
    if hexes := _bytes(token):
        yield f"bytes {hexes}"
    if token.token in ranks:
        yield f"made by merge {ranks[token.token]:,}"


def _bytes(token: Token) -> str:
    """The bytes of what a token stands for, two digits each; ‹EAB0› in a part of a character is bytes."""
    runs = BYTES.split(token.shown) if token.kind == "partial" else [token.shown]
    raw = [bytes.fromhex(run) if at % 2 else run.encode() for at, run in enumerate(runs)]
    return b"".join(raw).hex(" ").upper()


def ranks_of(result: Trace) -> Mapping[str, int]:
    """Of every token that a merge made here, the merge's rank."""
    ways = [word.how for word in result.step("model").words]
    return {merge.token: merge.rank for how in ways if isinstance(how, Merging) for merge in how.merges}


def _model(step: Step, result: Trace) -> Iterator[Part]:
    """A table of what the model did, and one of what kept words from being one token."""
    words = list({word.text: word for word in step.words}.values())
    yield from _ways(words)
    inner = [cut for cut in result.cuts if cut.kind == "model"]
    first = {word.piece: word for word in words}
    reasons = {
        (visible(step.tokens[cut.left].shown), visible(step.tokens[cut.left + 1].shown)): cut.why
        for cut in inner
        if step.tokens[cut.left].piece in first
    }
    if reasons:
        yield Grid(("cut between", "and", "because"), [(*pair, why) for pair, why in reasons.items()])
    verdicts = [(visible(word.shown), word.verdict) for word in words if word.verdict]
    if verdicts:
        yield Grid(("word", "as one token"), verdicts)


def _ways(words: Sequence[Word]) -> Iterator[Part]:
    """One table for each way of taking words apart; a model has only one."""
    for way, header, right, rows_of in TABLES:
        rows = [row for word in words if isinstance(word.how, way) for row in rows_of(word)]
        if rows:
            yield Grid(header, rows, right=right)


def _merges(word: Word) -> Iterator[Row]:
    how = word.how
    if not isinstance(how, Merging):
        return
    if len(how.symbols) == 1 and not how.whole:
        return  # one character: nothing to merge
    if not word.rows:
        yield clipped(word.shown), "", f"{len(how.merges):,} merges", "too long to be shown"
        return
    rows = [" ".join(visible(spelling) for spelling in row) for row in word.rows]
    first = "whole, before any merge" if how.whole else ""
    yield visible(word.shown), "", first, rows[0]
    for merge, before, so_far in zip(how.merges, word.rows, rows[1:], strict=False):
        left, right = map(visible, before[merge.at : merge.at + 2])
        yield "", merge.rank, f"{left} + {right}", so_far


def _matches(word: Word) -> Iterator[Row]:
    how = word.how
    if not isinstance(how, Matching):
        return
    name = visible(word.shown)
    for match in how.matches:
        yield name, match.token, match.id, match.tried
        name = ""
    if how.unknown:
        yield name, how.unknown_token, how.unknown_id, f"all {len(how.tried)}" if how.tried else "none"


def _routes(word: Word) -> Iterator[Row]:
    how = word.how
    if not isinstance(how, Scoring):
        return
    for place, route in enumerate(how.routes, 1):
        pieces = " ".join(
            f"{visible(piece.text)} {'unknown ' if piece.unknown else ''}{piece.score:.2f}"
            for piece in route.pieces
        )
        yield visible(word.shown) if place == 1 else "", place, f"{route.score:.2f}", pieces


def _lookup(word: Word) -> Iterator[Row]:
    how = word.how
    if isinstance(how, Lookup):
        yield visible(word.shown), how.token, how.id, "yes" if how.found else "no"


TABLES: tuple[tuple[type, tuple[str, ...], tuple[str, ...], Callable[[Word], Iterator[Row]]], ...] = (
    (Merging, ("word", "rank", "merge", "the word so far"), ("rank",), _merges),
    (Matching, ("word", "longest match", "id", "longer ones tried"), ("id", "longer ones tried"), _matches),
    (Scoring, ("word", "way", "score", "pieces"), ("way", "score"), _routes),
    (Lookup, ("word", "token", "id", "in the vocabulary"), ("id",), _lookup),
)


def _ids(result: Trace) -> Iterator[Part]:
    rows = [
        (token.id, token.token, visible(token.shown), _place(token), token.kind) for token in result.tokens
    ]
    if rows:
        yield Grid(("id", "token", "text", "characters", "kind"), rows, right=("id", "characters"))


def _place(token: Token) -> str:
    return "" if token.kind == "special" else f"{token.start}–{token.end}"


def _why(why: Why, ranks: Mapping[str, int]) -> Iterator[Part]:
    mood = "good" if len(why.tokens) == 1 and not why.cuts else "plain"
    yield Headline(f"{why.text!r}, characters {why.start}:{why.end}: {why.verdict or 'one token'}", mood=mood)
    if why.tokens:
        yield chips(why.tokens, ranks)
    rows = [(f"before {cut.at}", f"{cut.kind} {cut.block}", cut.why) for cut in why.cuts]
    if rows:
        yield Grid(("cut", "by", "because"), rows)
    if len(why.missing) > FEW:
        yield Grid(("missing merge", "and"), list(why.missing))


def side_by_side(result: SideBySide) -> Iterator[Part]:
    """Both rows of chips, the stretches that differ, and why each of the two cut there."""
    differing = [each for each in result.stretches if not each.same]
    yield Headline(_summary(result, differing), mood="plain")
    for each in (result.left, result.right):
        yield Headline(f"{each.tokenizer} · {plural(len(each.ids), 'token')}", opens=True)
        yield chips(each.tokens, ranks_of(each))
    if not differing:
        return
    header = ("characters", "text", result.left.tokenizer, result.right.tokenizer)
    yield Grid(header, [_compared(stretch) for stretch in differing], right=("characters",))
    for each in (result.left, result.right):
        model = each.step("model")
        rows = [
            (visible(model.tokens[cut.left].shown), visible(model.tokens[cut.left + 1].shown), cut.why)
            for cut in each.cuts
            if any(_inside(model.tokens[cut.left], model.tokens[cut.left + 1], at) for at in differing)
        ]
        if rows:
            yield Grid(("cut between", "and", f"because, in {each.tokenizer}"), list(dict.fromkeys(rows)))


def _inside(left: Token, right: Token, stretch: Stretch) -> bool:
    return stretch.start <= left.start and right.end <= stretch.end


def _summary(result: SideBySide, differing: Sequence[Stretch]) -> str:
    if not differing:
        return "both cut the text alike"
    verb = "is" if len(differing) == 1 else "are"
    stretches = plural(len(result.stretches), "stretch", "stretches")
    return f"{len(differing)} of {stretches} of the text {verb} cut differently"


def _compared(stretch: Stretch) -> tuple[object, ...]:
    rows = ("|".join(visible(token.shown) for token in side) for side in (stretch.left, stretch.right))
    return (f"{stretch.start}–{stretch.end}", visible(stretch.text), *rows)


def pair(result: PairTrace) -> Iterator[Part]:
    """Each text block by block, how the two are joined, and the ids with the text each belongs to."""
    for note in result.notes:
        yield Headline(note, mood="bad")
    halves = (result.first, result.second)
    yield Headline(f"{plural(len(result.ids), 'token')}: {_shares(result)}", mood="good")
    for name, half in zip(("first", "second"), halves, strict=True):
        yield from _half(name, half)
    ranks = {**ranks_of(result.first), **ranks_of(result.second)}
    for step in result.steps:
        yield Headline(" · ".join([f"{step.kind} {step.name}", *step.notes]), opens=True)
        yield chips(step.tokens, ranks)
    yield Headline("the ids", opens=True)
    rows = [
        (token.id, token.token, visible(token.shown), token.type_id, place, token.kind)
        for token, place in zip(result.tokens, map(_place, result.tokens), strict=True)
    ]
    header = ("id", "token", "text", "type id", "characters", "kind")
    yield Grid(header, rows, right=("id", "type id", "characters"))
    yield Facts([("decoded", result.decoded)])


def _half(name: str, half: Trace) -> Iterator[Part]:
    """One of the texts up to the model, the others' steps named after it."""
    for number, step in enumerate(half.steps):
        first, *others = step_parts(number, step, half)
        yield Headline(f"{name} text · {first.text}", opens=True) if isinstance(first, Headline) else first
        yield from others


def _shares(result: PairTrace) -> str:
    """How many tokens are of which text, and how many of none."""
    own = sum(token.kind == "special" for token in result.tokens)
    one, other = len(result.first.tokens), len(result.second.tokens)
    cut = one + other + own - len(result.tokens)
    gone = f", {cut} cut off" if cut > 0 else ""
    return f"{one} of the first text, {other} of the second{gone}, {own} put in"
