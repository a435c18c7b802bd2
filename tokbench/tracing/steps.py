"""What a trace is made of: plain data that can be shown, written as JSON, and replayed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tokbench.results import Result

if TYPE_CHECKING:
    from tokbench.tracing.bpe_merges import Merging
    from tokbench.tracing.unigram_paths import Scoring
    from tokbench.tracing.wordpiece_matches import Lookup, Matching

KINDS = (
    "text",
    "added_tokens",
    "normalizer",
    "pre_tokenizer",
    "model",
    "truncation",
    "post_processor",
    "padding",
    "decoder",
)


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A stretch of text as a block left it, and the characters start..end of the original it came from.

    `parent` is the index of the piece it was cut from, in the step before. Where an added token was found,
    `token` and `id` are that token's, and no later block sees the piece. `shown` is the text with letters
    that stand for bytes written as what a person typed.
    """

    text: str
    start: int
    end: int
    shown: str = ""
    parent: int = 0
    token: str | None = None
    id: int | None = None


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A normalizer's change: characters start..end of the incoming piece `piece` became `text`."""

    piece: int
    start: int
    end: int
    before: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token, its id, and the characters start..end of the original text that it stands for.

    `shown` is what a person typed there; bytes that are no whole character are written ‹EAB0›. `kind` is
    "" or added (found in the text), special (put there by a block), unknown, or partial (a part of a
    character). `piece` is the index of the piece it came from, in the last step with pieces; `origin`, after
    the model, is the index of the token in the step before. Both are None for what was put in.
    """

    token: str
    id: int
    start: int
    end: int
    shown: str
    kind: str = ""
    piece: int | None = None
    origin: int | None = None
    type_id: int = 0


@dataclass(frozen=True, kw_only=True)
class Word:
    """What the model did with one piece: how it came to its tokens first..last of the step.

    `rows` is what the row of symbols spells at the start and after every merge (BPE, empty otherwise, and
    for more than bpe_merges.LONGEST symbols: a row for each of them would be read by no one).
    `missing` are the merges that would make it one token, added at the end of the list in this order (BPE);
    `verdict` says in words what it would need. Both are empty where it is one token.
    """

    piece: int
    text: str
    shown: str
    first: int
    last: int
    how: Merging | Matching | Scoring | Lookup
    rows: tuple[tuple[str, ...], ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    verdict: str = ""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One block: its kind (one of KINDS), its name, its options, and what the text is after it.

    `pieces` are filled up to the model, `words` by the model, `tokens` from the model on, `text` by the
    original text and by decoders. `edits` are what a normalizer changed. `notes` are sentences.
    """

    kind: str
    name: str
    options: Mapping[str, object] = field(default_factory=dict)
    pieces: tuple[Piece, ...] = ()
    edits: tuple[Edit, ...] = ()
    words: tuple[Word, ...] = ()
    tokens: tuple[Token, ...] = ()
    text: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A boundary between two tokens of the model, `left` and `left` + 1, before character `at`.

    `kind` and `block` name who cut there first, `step` is its index, and `why` says it in words.
    """

    at: int
    left: int
    kind: str
    block: str
    step: int
    why: str


@dataclass(frozen=True, kw_only=True)
class Why:
    """Why characters start..end of the text are these tokens and not one; `cuts` lie inside the span."""

    start: int
    end: int
    text: str
    tokens: tuple[Token, ...]
    cuts: tuple[Cut, ...]
    missing: tuple[tuple[str, str], ...]
    verdict: str


@dataclass(frozen=True, kw_only=True, repr=False)
class Trace(Result, kind="trace", table="tokens"):
    """One text through one tokenizer, block by block; `ids` are the tokenizer's own.

    `decoded` is what the ids give back without special tokens; `same` says whether that is the text.
    """

    tokenizer: str
    text: str
    steps: tuple[Step, ...]
    cuts: tuple[Cut, ...]
    ids: tuple[int, ...]
    tokens: tuple[Token, ...]
    decoded: str
    same: bool
    notes: tuple[str, ...] = ()
    why: Why | None = None

    def step(self, kind: str) -> Step:
        """The first step of this kind; raises KeyError where there is none."""
        for each in self.steps:
            if each.kind == kind:
                return each
        raise KeyError(kind)
