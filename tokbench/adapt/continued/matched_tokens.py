"""More tokens for a vocabulary that is matched against words, and not merged: WordPiece and Unigram.

The candidates are what BPE would make next of the old tokens, written whole. A match takes the longest of
them, or the best path, so many stand only inside longer ones: twice as many are learned as are wanted, words
are encoded with all, and those stay that save most tokens; what then has no use left goes for the next ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tokbench.adapt.continued.learned_tokens import LearnedTokens, added_to
from tokbench.adapt.continued.private_words import Start, ids_of
from tokbench.progress import Progress, silent
from tokbench.training.engine import LEARNING, EngineChoice, choose_engine

if TYPE_CHECKING:
    from tokbench.adapt.continued.spelled_words import ModelAlone, SpelledWords

SPARE = 2  # candidates for each token that is wanted: 1.5, 2 and 3 were tried, 2 gave the shortest texts


@dataclass(frozen=True)
class TokenRule:
    """Which texts may be tokens, and what a token of several pieces scores; pieces are ids."""

    fits: Callable[[str, Sequence[int]], bool]
    score: Callable[[Sequence[int]], float] | None = None
    characters: float = 0.0  # the score of a character that the vocabulary lacked


def continue_matched(
    model: ModelAlone,
    words: SpelledWords,
    size: int,
    rule: TokenRule,
    *,
    min_frequency: int = 2,
    engine: str = "auto",
    progress: Progress = silent,
) -> LearnedTokens:
    """Learn up to `size` tokens from words as normalizer and pre_tokenizer leave them.

    Those that save most tokens come first, behind the characters that the
    vocabulary lacked; new ids follow the highest one.
    """
    start = Start.of(model, words, size=size, min_frequency=min_frequency, engine=engine)
    choice = choose_engine(LEARNING, engine, size=len(start.words), progress=progress)
    wanted = size - len(start.characters)
    merges, _ = start.words.learn(
        SPARE * wanted, min_frequency=min_frequency, compiled=choice.compiled, progress=progress
    )
    candidates: dict[str, list[int]] = {}
    for left, right in merges.merges:
        text, ids = start.words.spell(left + right), ids_of(left + right)
        if text not in start.taken and rule.fits(text, ids):
            candidates.setdefault(text, ids)
    several = words.part(np.flatnonzero(start.ids.lengths > 1))
    scores = {text: rule.score(ids) for text, ids in candidates.items()} if rule.score else {}
    trial = _Trial(several, start, scores, rule)
    chosen = _chosen(trial, candidates, wanted)
    return _learned(start, trial, {text: candidates[text] for text in chosen}, choice)


def _chosen(trial: _Trial, candidates: Mapping[str, Sequence[int]], wanted: int) -> list[str]:
    """The candidates that save most, those first."""

    def saved(uses: Mapping[str, int], text: str) -> int:
        return uses[text] * (len(candidates[text]) - 1)

    uses = trial.uses(list(candidates))
    ranked = sorted((text for text in candidates if uses[text]), key=lambda text: -saved(uses, text))
    kept, others = ranked[:wanted], ranked[wanted:]
    again = trial.uses(kept)
    used = sorted((text for text in kept if again[text]), key=lambda text: -saved(again, text))
    return [*used, *others[: wanted - len(used)]]


class _Trial:
    """Words encoded with some of the candidates."""

    def __init__(
        self, words: SpelledWords, start: Start, scores: Mapping[str, float], rule: TokenRule
    ) -> None:
        self._words, self._start = words, start
        self.scores = {**dict.fromkeys(start.characters, rule.characters), **scores} if rule.score else {}

    def numbered(self, texts: Sequence[str]) -> dict[str, int]:
        """The new characters and these tokens with their ids."""
        first = self._start.next
        return {**self._start.characters, **{text: first + at for at, text in enumerate(texts)}}

    def uses(self, texts: Sequence[str]) -> dict[str, int]:
        """How often each of these stands in the words once all of them are tokens."""
        numbers = self.numbered(texts)
        model = self._start.alone.grown(added_to(self._start.alone.whole, numbers, scores=self.scores))
        ids = model.ids(self._words)
        times = np.repeat(self._words.counts, ids.lengths)
        found = np.zeros(self._start.next + len(texts), np.int64)
        np.add.at(found, ids.ids, times)
        return {text: int(found[numbers[text]]) for text in texts}


def _learned(
    start: Start, trial: _Trial, chosen: Mapping[str, Sequence[int]], choice: EngineChoice
) -> LearnedTokens:
    tokens = trial.numbered(list(chosen))
    made = {**{token: [number] for token, number in start.characters.items()}, **chosen}
    return LearnedTokens(
        tokens=tokens,
        pieces={token: start.old_ids(ids) for token, ids in made.items()},
        before=start.before,
        choice=choice,
        characters=len(start.characters),
        scores=trial.scores,
    )
