"""Why two tokens are not one: which block cut between them first, and what the model would need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from tokbench.errors import UsageError
from tokbench.tracing.bpe_merges import LONGEST, Bpe, Merging
from tokbench.tracing.steps import Cut, Step, Token, Trace, Why, Word
from tokbench.tracing.unigram_paths import Scoring, Unigram
from tokbench.tracing.wordpiece_matches import Lookup, Matching, WordLevel, WordPiece

if TYPE_CHECKING:
    from tokbench.tracing.spelling import Speller

Model = Bpe | WordPiece | Unigram | WordLevel
How = Merging | Matching | Scoring | Lookup
Say = Callable[[str], str]

FEW = 4
SHORT = 40  # characters of a pattern that are still read in a sentence


def verdict(model: Model, how: How, word: str, *, missing: Sequence[tuple[str, str]], say: Say) -> str:
    """What this word would need to be one token; `say` turns tokens into what a person typed."""
    match model, how:
        case Bpe(), Merging():
            return _bpe_verdict(model, how, word, missing, say)
        case _, Matching():
            if how.unknown:
                return f"{say(word)} is unknown: {how.unknown}"
            return f"{say(word)} is not in the vocabulary" if len(how.matches) > 1 else ""
        case _, Scoring():
            return _unigram_verdict(how, word)
        case _, Lookup():
            return "" if how.found else f"{say(word)} is not in the vocabulary"
    return ""


def _bpe_verdict(model: Bpe, how: Merging, word: str, missing: Sequence[tuple[str, str]], say: Say) -> str:
    row = how.result()
    if how.dropped:
        lost = _few([repr(each) for each in how.dropped])
        return f"characters without a token are left out: {lost}"
    if len(row) == 1 and model.is_piece_of_text(row[0]):
        return ""
    if len(how.symbols) > LONGEST:
        return f"it has {len(how.symbols):,} symbols: too many to say which merges it needs"
    if not missing:
        return f"{say(word)} holds characters that have no token of their own"
    pairs = [f"{say(left)} + {say(right)}" for left, right in missing]
    needs = f"one token needs {len(pairs)} more merge{'s' * (len(pairs) > 1)}: {_few(pairs)}"
    whole = model.joined(*missing[-1])
    if whole in model.vocab:
        return (
            f"{say(whole)} is in the vocabulary (id {model.vocab[whole]}) but no merges lead there; {needs}"
        )
    return needs


def _unigram_verdict(how: Scoring, word: str) -> str:
    if len(how.tokens) == 1 and not how.tokens[0].unknown:
        return ""
    best = how.routes[0].score
    if how.whole is not None:
        return f"{word!r} as one piece scores {how.whole:.2f}, the way taken {best:.2f}"
    return f"{word!r} is not in the vocabulary; to be taken whole it needs a score above {best:.2f}"


def why_between(model: Model, how: How, word: str, *, left: int, say: Say) -> str:
    """Why the model cut between its tokens `left` and `left` + 1 of this word."""
    match model, how:
        case Bpe(), Merging():
            return _bpe_cut(model, how, left, say)
        case _, Matching():
            match = how.matches[left]
            return (
                f"{say(match.token)} is the longest match: the vocabulary has none of "
                f"{match.tried} longer, from {say(match.longest)} down"
            )
        case Unigram(), Scoring():
            return _unigram_cut(model, how, word, left)
    return ""


def _bpe_cut(model: Bpe, how: Merging, left: int, say: Say) -> str:
    row = how.result()
    one, two = row[left], row[left + 1]
    reason = f"no merge joins {say(one.token)} and {say(two.token)}"
    lost = model.lost(how).get(how.ends[left])
    if lost is None:
        return reason
    winner = lost.winner
    return (
        f"{reason}; {say(lost.left)} + {say(lost.right)} is merge {lost.rank:,}, "
        f"but {say(winner.left)} + {say(winner.right)} is merge {winner.rank:,} and came first"
    )


def _unigram_cut(model: Unigram, how: Scoring, word: str, left: int) -> str:
    at = how.tokens[left].end
    best = how.routes[0].score
    if how.tokens[left].start == how.tokens[left + 1].start:
        return "the character is written as bytes"
    other = model.best_without(word, at)
    if other is None:
        return "no token of the vocabulary reaches over this place"
    spans = next(piece for piece in other.pieces if piece.start < at < piece.end)
    return (
        f"the way taken scores {best:.2f}; the best without this cut, with {spans.text!r}, {other.score:.2f}"
    )


def _few(items: Sequence[str]) -> str:
    rest = len(items) - FEW
    return ", ".join(items[:FEW]) + (f" and {rest} more" if rest > 0 else "")


def cuts_of(steps: Sequence[Step], model: Model, speller: Speller) -> Iterator[Cut]:
    """The boundaries between the model's tokens, in order. The model's step is the last of `steps`."""
    last = steps[-1]
    words = {word.piece: word for word in last.words}
    lines = [_line(steps[:-1], at) for at in range(len(steps[-2].pieces))]
    for left, (one, two) in enumerate(zip(last.tokens, last.tokens[1:], strict=False)):
        if one.piece is None or two.piece is None:
            continue
        if one.piece == two.piece:
            word = words[one.piece]
            why = why_between(model, word.how, word.text, left=left - word.first, say=speller.quoted)
            number, block = len(steps) - 1, last
        else:
            number = _parted(lines[one.piece], lines[two.piece])
            block = steps[number]
            why = _why(block, one, two)
        yield Cut(at=two.start, left=left, kind=block.kind, block=block.name, step=number, why=why)


def _line(steps: Sequence[Step], at: int) -> list[int]:
    """The piece and those it was cut from, first step first."""
    line = []
    for step in reversed(steps):
        line.append(at)
        at = step.pieces[at].parent
    return line[::-1]


def _parted(one: Sequence[int], two: Sequence[int]) -> int:
    """The first step at which the two are different pieces."""
    return next(number for number, (a, b) in enumerate(zip(one, two, strict=True)) if a != b)


def _why(block: Step, one: Token, two: Token) -> str:
    if block.kind == "added_tokens":
        found = one if one.kind == "added" or two.kind != "added" else two
        return f"{found.token} is an added token, matched whole before the other blocks"
    pattern = block.options.get("pattern")
    if isinstance(pattern, dict):
        [shown] = pattern.values()
        words = f"'{shown}'" if len(str(shown)) <= SHORT else "its pattern"
        return f"{block.name} cuts at {words} ({str(block.options.get('behavior')).lower()})"
    options = ", ".join(f"{name}={each}" for name, each in block.options.items())
    return f"{block.name} begins a piece here" + (f" ({options})" if options else "")


def why_span(trace: Trace, model: Model, start: int, end: int, speller: Speller) -> Why:
    """Why characters start..end are not one token, or that they are; raises UsageError for no such span."""
    if not 0 <= start < end <= len(trace.text):
        raise UsageError(
            f"there are no characters {start}:{end} in a text of {len(trace.text)}",
            fix=f"--why 0:{len(trace.text)}",
        )
    step = trace.step("model")
    inside = [at for at, token in enumerate(step.tokens) if token.start < end and start < token.end]
    tokens = tuple(step.tokens[at] for at in inside)
    cuts = tuple(cut for cut in trace.cuts if cut.left in inside and cut.left + 1 in inside)
    missing, words = _answer(step, model, tokens, cuts, span=(start, end), speller=speller)
    return Why(
        start=start,
        end=end,
        text=trace.text[start:end],
        tokens=tokens,
        cuts=cuts,
        missing=missing,
        verdict=words,
    )


def _answer(
    step: Step,
    model: Model,
    tokens: Sequence[Token],
    cuts: Sequence[Cut],
    *,
    span: tuple[int, int],
    speller: Speller,
) -> tuple[tuple[tuple[str, str], ...], str]:
    start, end = span
    if not tokens:
        return (), "no token comes from these characters: a block before the model took them away"
    before = [cut for cut in cuts if cut.kind != "model"]
    if before:
        return (), f"no vocabulary can join them: {before[0].kind} {before[0].block} cuts before the model"
    over = [token for token in tokens if _reaches_out(token, start, end)]
    if over:
        reach = ", ".join(f"{token.shown!r} ({token.start}:{token.end})" for token in over)
        return (), f"the tokens do not end where the span does: {reach}"
    if len(tokens) == 1:
        return (), "they are one token"
    word = next(word for word in step.words if word.piece == tokens[0].piece)
    if len(tokens) == word.last - word.first + 1:
        return word.missing, word.verdict
    return _part(model, word, tokens, speller)


def _reaches_out(token: Token, start: int, end: int) -> bool:
    """Whether more of the token than spaces lies outside start..end."""
    words = token.shown if token.kind != "partial" else ""
    spaces = len(words) - len(words.lstrip())
    return token.start + spaces < start or token.end > end


def _part(
    model: Model, word: Word, tokens: Sequence[Token], speller: Speller
) -> tuple[tuple[tuple[str, str], ...], str]:
    """What would join some of the tokens of a word, but not all."""
    if not (isinstance(model, Bpe) and isinstance(word.how, Merging)):
        return (), "they are one token only where the model's way through the whole word says so"
    row = [symbol.token for symbol in word.how.result()]
    inside = [token.token for token in tokens]
    at = next(at for at in range(len(row)) if row[at : at + len(inside)] == inside)
    symbols = word.how.result()[at : at + len(inside)]
    missing = model.missing(Merging(symbols=symbols))
    pairs = ", ".join(f"{speller.quoted(left)} + {speller.quoted(right)}" for left, right in missing)
    return missing, f"one token needs more merges: {pairs}" if missing else "they hold unknown characters"
