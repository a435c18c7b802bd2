"""More merges for a BPE that exists, learned where its own merges end.

Words are cut into the old tokens, and learning goes on from there, as BPE itself would have. A merge that
comes after all old ones never fires before one of them, so the new tokens only remove boundaries: no old text
gets one that it did not have, and every new token comes out whole. That takes a vocabulary whose tokens all
come out whole themselves; where some do not, a new merge may spell one of them, and none is made that does.
This is the continued training of Purason et al. (arXiv 2512.03989), with ties decided as the library's
trainer decides them, by count and then by lower ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tokbench.adapt.continued.learned_tokens import LearnedTokens
from tokbench.adapt.continued.private_words import Start, ids_of
from tokbench.adapt.continued.spelled_words import BYTES, ModelAlone, SpelledWords
from tokbench.native.ragged import Ragged
from tokbench.progress import Progress, silent
from tokbench.training.engine import LEARNING, EngineChoice, choose_engine

if TYPE_CHECKING:
    from tokbench.training.bpe import Merges


def unreachable(raw: Mapping[str, Any], alone: ModelAlone | None = None) -> list[str]:
    """Tokens of a BPE that its merges never make of their own text: the model alone, words not looked up.

    Pieces of byte fallback and tokens of a single character are not asked. `alone` is the model, if it was
    read.
    """
    added = {entry["content"] for entry in raw.get("added_tokens") or ()}
    asked = [
        token
        for token in raw["model"]["vocab"]
        if len(token) > 1 and token not in added and token not in BYTES
    ]
    return (alone or ModelAlone.of(raw)).in_parts(asked)


def continue_bpe(
    model: ModelAlone,
    words: SpelledWords,
    size: int,
    *,
    min_frequency: int = 2,
    max_token_length: int | None = None,
    engine: str = "auto",
    progress: Progress = silent,
) -> LearnedTokens:
    """Learn up to `size` tokens from words as normalizer and pre_tokenizer leave them.

    `max_token_length` counts characters as they are spelled in the vocabulary. New ids follow the highest
    one. UsageError where ids are too many to be learned from.
    """
    dead = unreachable(model.whole, model)
    start = Start.of(model, words, size=size, min_frequency=min_frequency, engine=engine)
    choice = EngineChoice("python", "tokens have a longest")
    if max_token_length is None:
        choice = choose_engine(LEARNING, engine, size=len(start.words), progress=progress)
    learn = partial(
        start.words.learn,
        max(0, size - len(start.characters)),
        min_frequency=min_frequency,
        progress=progress,
    )
    refusals = _Refusals(start, max_token_length)
    found, left = learn(compiled=True) if choice.compiled else (None, None)
    if found is not None and refusals.any_of(found):
        found, choice = None, EngineChoice("python", "a merge was refused")
    if found is None:
        found, left = learn(compiled=False, refused=refusals)
    learned = _spelled_out(start, found, choice)
    after = None if left is None else start.with_learned(_in_ids(start, found, learned, left))
    return replace(learned, dead_before=len(dead), refused=refusals.spelled, after=after)


def _in_ids(start: Start, found: Merges, learned: LearnedTokens, words: Ragged) -> Ragged:
    """Words in ids that are written in the numbers of private tokens."""
    numbers = [
        learned.tokens[start.words.spell(private)] if len(private) > 1 else ids_of(private)[0]
        for private in found.vocab
    ]
    return Ragged(np.array(numbers, np.uint32)[words.ids], words.starts)


class _Refusals:
    """Which merges are not made; spelled: how many would have spelled a token that is there."""

    def __init__(self, start: Start, longest: int | None) -> None:
        self._start, self._longest = start, longest
        self._made: dict[str, str] = {}
        self.spelled = 0

    def __call__(self, joined: str) -> bool:
        """Whether these private characters spell a token that is there, or one that is too long."""
        text = self._start.words.spell(joined)
        is_taken = text in self._start.taken or self._made.setdefault(text, joined) != joined
        self.spelled += is_taken
        return is_taken or (self._longest is not None and len(text) > self._longest)

    def any_of(self, found: Merges) -> bool:
        """Whether one of these merges spells a token that was there before, or what another one has made."""
        made: dict[str, str] = {}
        for left, right in found.merges:
            text = self._start.words.spell(left + right)
            if text in self._start.taken or made.setdefault(text, left + right) != left + right:
                return True
        return False


def _spelled_out(start: Start, found: Merges, choice: EngineChoice) -> LearnedTokens:
    """What was learned, in the vocabulary's own spelling."""
    tokens = dict(start.characters)
    pieces = {token: start.old_ids([number]) for token, number in tokens.items()}
    merges: list[tuple[str, str]] = []
    parts: dict[str, tuple[str, str]] = {}
    private: dict[str, str] = {}
    first = start.next - len(tokens)
    for left, right in found.merges:
        text = start.words.spell(left + right)
        if private.setdefault(text, left + right) != left + right:
            continue  # another cut of the same text: the first has made the token
        if text not in tokens:
            tokens[text] = first + len(tokens)
            pieces[text] = start.old_ids(ids_of(left + right))
        merges.append((start.words.spell(left), start.words.spell(right)))
        parts.setdefault(text, merges[-1])
    return LearnedTokens(
        tokens=tokens,
        pieces=pieces,
        before=start.before,
        choice=choice,
        characters=len(start.characters),
        merges=merges,
        parts=parts,
    )


__all__ = ["continue_bpe", "unreachable"]
