"""What a vocabulary would have learned next, and the tokenizer.json that has learned it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokbench.native.ragged import Ragged
    from tokbench.training.engine import EngineChoice

NEVER = -1e9  # the score of a piece that stands for an added token, which texts never come down to


@dataclass(frozen=True, kw_only=True)
class LearnedTokens:
    """What was learned of the words of a corpus.

    tokens: new token → id, the characters that the vocabulary lacked first, then what was learned first, or
    saves most. pieces: new token → the old ids it is made of. characters: how many of the tokens are such.
    dead_before: how many old tokens of a BPE do not come out of their own text; refused: merges that would
    have spelled one.
    merges: the pairs that become tokens, and parts: new token → the pair that made it first, of a BPE.
    scores: new token → score, of a Unigram. before: the old ids of each word; after: the new ones, where
    learning tells them.
    choice: what learned, and why that is not the compiled loops.
    """

    tokens: dict[str, int]
    pieces: dict[str, tuple[int, ...]]
    before: Ragged
    choice: EngineChoice
    characters: int = 0
    dead_before: int = 0
    refused: int = 0
    merges: Sequence[tuple[str, str]] = ()
    parts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    after: Ragged | None = None

    def added_to(self, raw: Mapping[str, Any], number: int | None = None) -> dict[str, Any]:
        """The tokenizer.json with these tokens at its end; of what has no merges, the first `number`."""
        if number is None:
            return added_to(raw, self.tokens, scores=self.scores, merges=self.merges)
        assert not self.merges
        return added_to(raw, dict(islice(self.tokens.items(), number)), scores=self.scores)


def added_to(
    raw: Mapping[str, Any],
    tokens: Mapping[str, int],
    *,
    scores: Mapping[str, float],
    merges: Sequence[tuple[str, str]] = (),
) -> dict[str, Any]:
    """The tokenizer.json with these tokens at its end.

    Added tokens are put into the vocabulary as well: the library numbers those that are not in it after the
    size of the vocabulary, which grows.
    """
    model = raw["model"]
    added = {entry["content"]: entry["id"] for entry in raw.get("added_tokens") or ()}
    if isinstance(model["vocab"], Mapping):
        every = {**model["vocab"], **added, **tokens}
        vocab: object = dict(sorted(every.items(), key=lambda each: each[1]))
    else:
        known = {each[0] for each in model["vocab"]}
        late = sorted((number, token) for token, number in added.items() if token not in known)
        vocab = [
            *model["vocab"],
            *([token, NEVER] for _, token in late),
            *([token, scores[token]] for token in tokens),
        ]
    grown = {**model, "vocab": vocab}
    if "merges" in model:
        old = [each if isinstance(each, list) else each.split(" ") for each in model["merges"]]
        grown["merges"] = [*old, *map(list, merges)]
    return {**raw, "model": grown}
