"""One answer for Unigram: the library's training finds the same pieces every time, but not the same scores.

It adds up words in the order of a hash table, and so two things differ from run to run. Characters that must
be in the vocabulary without having earned it get the lowest score plus 0, 1, 2 … steps in that order; and
sums of floats differ in their last digits. Both put the pieces in another order, and that is their ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count, takewhile

STEP = 1e-4  # between two such characters; min_score_penalty_delta in unigram/trainer.rs
NEAR = 1e-8  # a score this near to a step is on it; the noise measured was at most 4e-11
# In 12 runs on each of 5 corpora the noise of a vocabulary added up to 3.1e-10 at most: with four digits
# three corpora in a million have a score that one run rounds up and the next one down. With six it would be
# three in ten thousand, and texts came out no nearer to the library's pieces (Korean: 26 lines of 10,376
# differ with six digits, 30 with four, 11 between two runs of the library itself; English and code: none).
DIGITS = 4


def canonical(pieces: Sequence[tuple[str, float]], *, special_count: int = 0) -> list[tuple[str, float]]:
    """The pieces of a trained Unigram with scores and an order that are the same after every training.

    The first `special_count` pieces are special tokens (unk among them) and stay as they are.

    >>> canonical([("<unk>", 0.0), ("b", -9.0), ("a", -9.0001), ("ab", -3.00000000004)], special_count=1)
    [('<unk>', 0.0), ('ab', -3.0), ('b', -9.0), ('a', -9.0001)]
    >>> canonical([("<unk>", 0.0), ("a", -9.0), ("b", -9.0001), ("ab", -2.99999999999)], special_count=1)
    [('<unk>', 0.0), ('ab', -3.0), ('b', -9.0), ('a', -9.0001)]
    """
    special, learned = list(pieces[:special_count]), dict(pieces[special_count:])
    lowest = min(learned.values(), default=0.0)
    steps = _steps({piece: score - lowest for piece, score in learned.items() if len(piece) == 1})
    scores = {piece: round(score, DIGITS) for piece, score in learned.items()}
    for character, step in zip(sorted(steps), sorted(steps.values()), strict=True):
        scores[character] = round(round(lowest, DIGITS) + step * STEP, DIGITS)
    return special + sorted(scores.items(), key=lambda scored: (-scored[1], scored[0]))


def _steps(above: Mapping[str, float]) -> dict[str, int]:
    """The characters whose score stands a whole number of steps above the lowest, up to the first gap.

    Beyond it such a number is chance: a score earned by 3 occurrences is 1.5 above one earned by 1.

    >>> _steps({"a": 0.0002, "b": 0.0, "c": 0.0001, "d": 0.00005, "e": 1.5})
    {'a': 2, 'b': 0, 'c': 1}
    """
    steps = {character: round(score / STEP) for character, score in above.items()}
    exact = {each: step for each, step in steps.items() if abs(above[each] - step * STEP) < NEAR}
    taken = set(exact.values())
    climbed = set(takewhile(taken.__contains__, count()))
    return {character: step for character, step in exact.items() if step in climbed}
