"""Near duplicates: MinHash signatures cut into bands; a text that shares a band with an earlier one goes.

A text is the set of its shingles, WORDS words in a row. Two sets of Jaccard similarity s agree in one place
of their signatures with probability s (Broder 1997, "On the resemblance and containment of documents"), in
all ROWS places of a band with s^ROWS, and in one of BANDS bands at least with 1 − (1 − s^ROWS)^BANDS
(Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", §3.4.2): a curve that rises around
s = (1 / BANDS)^(1 / ROWS) = 0.80. Bands are 8 bytes each in the structure of exact duplicates.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tokbench.corpus.cleaning.exact_dedup import Hashes, SeenHashes
from tokbench.io.extras import require

if TYPE_CHECKING:
    from tokbench.corpus.cleaning.spool import Scratch

WORDS = 5  # in a shingle
BANDS = ROWS = 11
SEED = 1  # of the signatures
# Thai to Burmese, Khmer, kana and ideographs are written without spaces: each character counts as a word.
_NO_SPACES = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
NO_SPACES = re.compile(f"[{_NO_SPACES}]")
WORD = re.compile(rf"[{_NO_SPACES}]|[^\s{_NO_SPACES}]+")
# Odd factors of multilinear hashing, one for each place of a shingle and of a signature.
FACTORS = np.random.default_rng(SEED).integers(0, 1 << 64, WORDS + BANDS * ROWS, np.uint64) | np.uint64(1)


def threshold_curve(similarity: float) -> float:
    """The probability that a text is dropped, of which an earlier one has this similarity.

    >>> [round(threshold_curve(each), 3) for each in (0.5, 0.7, 0.8, 0.9, 1)]
    [0.005, 0.197, 0.628, 0.984, 1.0]
    """
    return float(1 - (1 - similarity**ROWS) ** BANDS)


def spaced_words(text: str) -> list[str]:
    """What stands between white space; in scripts without it, the characters.

    >>> spaced_words("a  cat"), spaced_words("東京 Tower")
    (['a', 'cat'], ['東', '京', 'Tower'])
    """
    return text.split() if text.isascii() or not NO_SPACES.search(text) else WORD.findall(text)


class NearDuplicates:
    """Which texts are like none that came before; a text of fewer than WORDS words is one shingle.

    All texts count as having come before, those that were dropped, too: whether one is new depends on the
    texts before it alone, not on how they are cut into batches.
    """

    def __init__(self, scratch: Scratch, *, most: int | None = None) -> None:
        require("rensa", extra="dedup", what="finding near duplicates")
        self._seen = SeenHashes(scratch) if most is None else SeenHashes(scratch, most=most)

    def __call__(self, texts: list[str]) -> list[bool]:
        """Whether each is new."""
        new = self._seen.add(bands_of(texts).ravel()).reshape(-1, BANDS)
        return list(map(all, new.tolist()))


def bands_of(texts: list[str]) -> Hashes:
    """BANDS hashes for each text: a row a text."""
    from rensa import RMinHash

    words = [spaced_words(text) or [""] for text in texts]
    shingles, borders = _shingles(words)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(shingles, borders, BANDS * ROWS, SEED)
    places = np.array(matrix.to_rows(), np.uint64).reshape(len(texts), BANDS, ROWS)
    return _mixed((places * FACTORS[WORDS:].reshape(BANDS, ROWS)).sum(axis=2, dtype=np.uint64))


def _shingles(words: list[list[str]]) -> tuple[Hashes, NDArray[np.uint64]]:
    """Hashes of the shingles of all texts, one text after the other, and where each text's begin and end."""
    from rensa import RMinHash

    sizes = np.array([len(each) for each in words])
    (hashed,) = RMinHash.hash_token_sets([list(chain.from_iterable(words))])
    hashes = np.concatenate([np.array(hashed, np.uint64), np.zeros(WORDS - 1, np.uint64)])
    ends = np.cumsum(sizes)
    begins, counts = ends - sizes, np.maximum(sizes - WORDS + 1, 1)
    borders = np.concatenate([[0], np.cumsum(counts)])
    at = np.arange(borders[-1]) + np.repeat(begins - borders[:-1], counts)
    end = np.repeat(ends, counts)
    found = np.zeros(len(at), np.uint64)
    for place in range(WORDS):
        found += np.where(at + place < end, hashes[at + place], np.uint64(0)) * FACTORS[place]
    return _mixed(found), borders.astype(np.uint64)


def _mixed(numbers: Hashes) -> Hashes:
    """Numbers whose bits all depend on all bits (the finalizer of SplitMix64)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
