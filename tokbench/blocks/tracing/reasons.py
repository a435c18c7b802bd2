"""Why a word is cut where it is cut, and what it would need to be one token; in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tokbench.blocks.tracing.bpe import Bpe, Merge, Merging
from tokbench.blocks.tracing.unigram import Scoring, Unigram
from tokbench.blocks.tracing.wordlevel import Lookup, WordLevel
from tokbench.blocks.tracing.wordpiece import Matching, WordPiece

Model = Bpe | WordPiece | Unigram | WordLevel
How = Merging | Matching | Scoring | Lookup
Say = Callable[[str], str]

FEW = 4


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
    border = sum(symbol.utf8_bytes for symbol in row[: left + 1])
    lost = _lost(model, how, border)
    if lost is None:
        return reason
    (x, y, rank), winner = lost
    return (
        f"{reason}; {say(x)} + {say(y)} is merge {rank:,}, "
        f"but {say(winner.left)} + {say(winner.right)} is merge {winner.rank:,} and came first"
    )


def _lost(model: Bpe, how: Merging, border: int) -> tuple[tuple[str, str, int], Merge] | None:
    """The merge across this border that was last possible, and the one that took a part of it away."""
    found = None
    rows = list(how.rows())
    for row, merge in zip(rows, how.merges, strict=False):
        place = 0
        for at, symbol in enumerate(row[:-1]):
            place += symbol.utf8_bytes
            if place == border and merge.at in (at - 1, at, at + 1):
                rank = model.rank(symbol.token, row[at + 1].token)
                if rank is not None:
                    found = ((symbol.token, row[at + 1].token, rank), merge)
    return found


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
