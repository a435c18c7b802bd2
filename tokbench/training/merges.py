"""BPE from word counts, in pure Python: the library's merges in the library's order, and always the same.

The reference that faster learners are compared with. The order is that of bpe/trainer.rs in tokenizers: the
pair with the highest count, of equals the one with the lowest ids. Where the library follows a hash table
(ids of pieces with an affix, characters equally frequent at the alphabet's limit), this follows code points.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from tokbench.errors import RecipeProblem
from tokbench.progress import Progress, silent
from tokbench.training.counts import WordCounts
from tokbench.training.pairs import Join, PairTable
from tokbench.training.symbols import MOST_TOKENS, Affixes, kept_alphabet, start

TOLD_EVERY = 64  # tokens between two calls of progress


@dataclass(frozen=True)
class Merges:
    """A learned BPE: what its model block needs.

    vocab: token → id, in id order, special tokens included where some were given.
    merges: the pairs of tokens that become one, the first learned first.
    """

    vocab: dict[str, int]
    merges: list[tuple[str, str]]


def learn(
    counts: WordCounts,
    *,
    vocab_size: int,
    special_tokens: Sequence[str] = (),
    min_frequency: int = 0,
    limit_alphabet: int | None = None,
    initial_alphabet: Sequence[str] = (),
    continuing_subword_prefix: str = "",
    end_of_word_suffix: str = "",
    max_token_length: int | None = None,
    progress: Progress = silent,
) -> Merges:
    """Merge the most frequent pair of neighbours until the vocabulary is full or no pair is frequent enough.

    A merge of merges stays shorter than `max_token_length` characters; two characters always may merge.

    >>> learn(WordCounts({"low": 5, "lower": 2}), vocab_size=7).merges
    [('l', 'o'), ('lo', 'w')]
    """
    if vocab_size > MOST_TOKENS:
        raise RecipeProblem(f"vocab_size {vocab_size} is too large", fix=f"ask for at most {MOST_TOKENS}")
    affixes = Affixes(continuing_subword_prefix, end_of_word_suffix)
    characters = kept_alphabet(counts, initial=initial_alphabet, limit=limit_alphabet)
    begun = start(counts, characters, special_tokens=special_tokens, affixes=affixes)
    tokens = _Tokens(begun.vocab, affixes, max_token_length)
    table = PairTable(begun, progress=progress)
    merges: dict[tuple[str, str], None] = {}
    while len(tokens.vocab) < vocab_size and (found := table.pop(max(1, min_frequency))):
        pair, places = found
        left, right = tokens.pair(pair)
        merges.pop((left, right), None)  # of a pair merged twice the library keeps the later rank
        merges[left, right] = None
        table.merge(tokens.join(pair), places)
        if len(tokens.vocab) % TOLD_EVERY == 0:
            progress("merges", len(tokens.vocab), vocab_size)
    progress("merges", len(tokens.vocab), len(tokens.vocab))
    return Merges(tokens.vocab, list(merges))


class _Tokens:
    """A growing vocabulary, its tokens by id, and how long each is."""

    def __init__(self, vocab: dict[str, int], affixes: Affixes, max_token_length: int | None) -> None:
        self.vocab = vocab
        self._texts = list(vocab)
        self._affixes = affixes
        self._lengths = [affixes.length(token) for token in vocab]
        self._longest = sys.maxsize if max_token_length is None else max_token_length

    def pair(self, symbols: str) -> tuple[str, str]:
        """The two tokens that these two symbols stand for."""
        return self._texts[ord(symbols[0])], self._texts[ord(symbols[1])]

    def join(self, symbols: str) -> Join:
        """The merge of these two symbols; its token is new unless another pair already made it."""
        left, right = self.pair(symbols)
        token = left + right.removeprefix(self._affixes.prefix)
        number = self.vocab.setdefault(token, len(self._texts))
        if number == len(self._texts):
            self._texts.append(token)
            self._lengths.append(self._affixes.length(token))
        room = self._longest - self._lengths[number]

        def fits(neighbour: str) -> bool:
            return self._lengths[ord(neighbour)] < room

        return Join(symbols, chr(number), fits)
