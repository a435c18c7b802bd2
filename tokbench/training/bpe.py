"""BPE from word counts, in pure Python: the library's merges in the library's order, and always the same.

The reference that faster learners are compared with. The order is that of bpe/trainer.rs in tokenizers: the
pair with the highest count, of equals the one with the lowest ids. Where the library follows a hash table
(ids of pieces with an affix, characters equally frequent at the alphabet's limit), this follows code points.
"""

from __future__ import annotations

import heapq
import sys
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import add
from typing import TypeAlias

from tokbench.errors import RecipeError
from tokbench.progress import Progress, silent
from tokbench.training.word_counts import WordCounts, alphabet

MOST_TOKENS = sys.maxunicode + 1


@dataclass(frozen=True)
class Affixes:
    """What marks a character that does not begin its word (prefix), and one that ends it (suffix)."""

    prefix: str = ""
    suffix: str = ""

    def mark(self, character: str, place: str) -> str:
        """The piece that this character is at this place of a word.

        >>> Affixes("##", "</w>").mark("a", "last")
        '##a</w>'
        """
        before = self.prefix if place in ("middle", "last") else ""
        after = self.suffix if place in ("last", "alone") else ""
        return before + character + after

    def length(self, piece: str) -> int:
        """The characters of a piece, its marks not counted."""
        return len(piece.removeprefix(self.prefix).removesuffix(self.suffix))


@dataclass(frozen=True)
class InitialVocab:
    """Where learning begins.

    vocab: token → id, in id order: special tokens, then the alphabet, then the alphabet with affixes.
    words: every different word as a string of symbols; counts: how often each occurs.
    """

    vocab: dict[str, int]
    words: list[str]
    counts: list[int]


def initial_vocab(
    words: WordCounts, characters: Iterable[str], *, special_tokens: Sequence[str] = (), affixes: Affixes
) -> InitialVocab:
    """The first vocabulary and the words written in it; a character without a token is left out of its words.

    >>> initial_vocab(WordCounts({"aba": 3}), "ab", affixes=Affixes("##")).vocab
    {'a': 0, 'b': 1, '##a': 2, '##b': 3}
    """
    vocab: dict[str, int] = {}
    for token in (*special_tokens, *characters):
        vocab.setdefault(token, len(vocab))
    found: dict[str, set[str]] = {"alone": set(), "first": set(), "middle": set(), "last": set()}
    for word in words.counts:
        for place, part in _parts(word):
            found[place].update(part)
    marked = {
        place: {character: affixes.mark(character, place) for character in seen if character in vocab}
        for place, seen in found.items()
    }
    for piece in sorted({piece for pieces in marked.values() for piece in pieces.values()}.difference(vocab)):
        vocab[piece] = len(vocab)
    tables = {
        place: {ord(each): chr(vocab[marked[place][each]]) if each in vocab else None for each in seen}
        for place, seen in found.items()
    }
    written = [
        "".join([part.translate(tables[place]) for place, part in _parts(word)]) for word in words.counts
    ]
    return InitialVocab(vocab, written, list(words.counts.values()))


def _parts(word: str) -> tuple[tuple[str, str], ...]:
    """A word cut by what may be marked differently.

    >>> _parts("abcd")
    (('first', 'a'), ('middle', 'bc'), ('last', 'd'))
    """
    if len(word) < 2:
        return (("alone", word),)
    return (("first", word[0]), ("middle", word[1:-1]), ("last", word[-1]))


def kept_alphabet(words: WordCounts, *, initial: Sequence[str] = (), limit: int | None = None) -> list[str]:
    """The characters that become tokens: those asked for, then the most frequent, up to the limit; sorted.

    >>> kept_alphabet(WordCounts({"aab": 2, "c": 1}), initial="z", limit=2)
    ['a', 'z']
    """
    asked = {each[0] for each in initial if each}  # like the library: of a string, its first character
    if limit is None:
        return sorted(asked.union(*words.counts))
    frequent = [character for character, _ in alphabet(words)]
    return sorted(list(dict.fromkeys([*sorted(asked), *frequent]))[:limit])


WORDS_A_TICK = 1 << 14  # words between two calls of progress

# Words by number; one may stand there twice, and may have lost what it is listed for. An array takes half a
# list's memory and gives the garbage collector nothing to walk through (a sixth of the time with 421k words).
Places: TypeAlias = "array[int]"


def _nowhere() -> Places:
    """No words yet."""
    return array("i")


@dataclass(frozen=True)
class Join:
    """A merge to be made: this pair becomes this symbol, which pairs up with the neighbours that fit."""

    pair: str
    symbol: str
    fits: Callable[[str], bool]


def merge_word(word: str, join: Join) -> tuple[str, list[tuple[str, int]]]:
    """The word after the merge, and by how much each pair's count changes, step by step from the left.

    >>> merge_word("abab", Join("ab", "X", lambda neighbour: True))
    ('XX', [('ba', -1), ('Xa', 1), ('Xa', -1), ('XX', 1)])
    """
    changes = []
    end = 0
    at = word.find(join.pair)
    while at >= 0:
        if at:
            left = join.symbol if at == end else word[at - 1]
            changes.append((left + join.pair[0], -1))
            if join.fits(left):
                changes.append((left + join.symbol, 1))
        end = at + 2
        if end < len(word):
            right = word[end]
            changes.append((join.pair[1] + right, -1))
            if join.fits(right):
                changes.append((join.symbol + right, 1))
        at = word.find(join.pair, end)
    return word.replace(join.pair, join.symbol), changes


class PairTable:
    """The pairs in some words, the most frequent first; of equally frequent ones that with the lowest ids.

    It keeps two habits of the library's that its order depends on: the count of a merged pair is not cleared,
    and a pair that comes back by another route is queued again, with the words of that route only.
    """

    def __init__(self, begun: InitialVocab, *, progress: Progress = silent) -> None:
        self._words = begun.words
        self._weights = begun.counts
        self._counts: defaultdict[str, int] = defaultdict(int)
        # Minus the count, the pair, the order in which equals came, the words.
        self._queue: list[tuple[int, str, int, Places]] = []
        self._queued = 0
        self._queue_up(self._count(progress))

    def pop(self, least: int) -> tuple[str, Places] | None:
        """The most frequent pair and the words it may stand in; None when no pair occurs `least` times."""
        while self._queue:
            negative, pair, when, places = self._queue[0]
            count = self._counts[pair]
            if count == -negative:
                heapq.heappop(self._queue)
                return (pair, places) if count >= least else None
            heapq.heapreplace(self._queue, (-count, pair, when, places))
        return None

    def merge(self, join: Join, places: Places) -> None:
        """Make this merge in these words."""
        before, after, repeated = self._replace(join, places)
        found: defaultdict[str, Places] = defaultdict(_nowhere)
        for place in repeated:
            self._words[place], changes = merge_word(self._words[place], join)
            for pair, change in changes:
                self._counts[pair] += change * self._weights[place]
                if change > 0:
                    found[pair].append(place)
        first, second = join.pair[0], join.pair[1]
        swaps = [(left + first, left + join.symbol, left, here) for left, here in before.items()]
        swaps += [(second + right, join.symbol + right, right, here) for right, here in after.items()]
        for gone, made, neighbour, here in swaps:
            weight = sum(map(self._weights.__getitem__, here))
            self._counts[gone] -= weight
            if join.fits(neighbour):
                self._counts[made] += weight
                found[made] += here
        self._queue_up(found)

    def _replace(self, join: Join, places: Places) -> tuple[dict[str, Places], dict[str, Places], Places]:
        """Merge where a word holds the pair once: the left and the right neighbours, and the words left over.

        Most words are such, and what `merge_word` would say of them can be added up by neighbour.
        """
        before: defaultdict[str, Places] = defaultdict(_nowhere)
        after: defaultdict[str, Places] = defaultdict(_nowhere)
        repeated = _nowhere()
        words, pair = self._words, join.pair
        for place in dict.fromkeys(places):
            word = words[place]
            at = word.find(pair)
            if at < 0:
                continue
            if word.find(pair, at + 2) >= 0:
                repeated.append(place)
                continue
            words[place] = word.replace(pair, join.symbol)
            if at:
                before[word[at - 1]].append(place)
            if at + 2 < len(word):
                after[word[at + 2]].append(place)
        return before, after, repeated

    def _count(self, progress: Progress) -> dict[str, Places]:
        """Count all pairs; return the words in which each stands."""
        found: defaultdict[str, Places] = defaultdict(_nowhere)
        counts = self._counts
        for place, (word, weight) in enumerate(zip(self._words, self._weights, strict=True)):
            for pair in map(add, word, word[1:]):
                counts[pair] += weight
                found[pair].append(place)
            if place % WORDS_A_TICK == 0:
                progress("pairs", place, len(self._words))
        progress("pairs", len(self._words), len(self._words))
        return found

    def _queue_up(self, found: Mapping[str, Places]) -> None:
        """Put pairs in the queue, with the words they were found in."""
        for pair, places in found.items():
            count = self._counts[pair]
            if count > 0:
                heapq.heappush(self._queue, (-count, pair, self._queued, places))
                self._queued += 1


TOKENS_A_TICK = 64  # tokens between two calls of progress


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
    refused: Callable[[str], bool] | None = None,
    progress: Progress = silent,
) -> Merges:
    """Merge the most frequent pair of neighbours until the vocabulary is full or no pair is frequent enough.

    A merge of merges stays shorter than `max_token_length` characters; two characters always may merge. A
    pair whose token is `refused` is passed over.

    >>> learn(WordCounts({"low": 5, "lower": 2}), vocab_size=7).merges
    [('l', 'o'), ('lo', 'w')]
    """
    if vocab_size > MOST_TOKENS:
        raise RecipeError(f"vocab_size {vocab_size} is too large", fix=f"ask for at most {MOST_TOKENS}")
    affixes = Affixes(continuing_subword_prefix, end_of_word_suffix)
    characters = kept_alphabet(counts, initial=initial_alphabet, limit=limit_alphabet)
    begun = initial_vocab(counts, characters, special_tokens=special_tokens, affixes=affixes)
    tokens = _Tokens(begun.vocab, affixes, max_token_length)
    table = PairTable(begun, progress=progress)
    merges: dict[tuple[str, str], None] = {}
    while len(tokens.vocab) < vocab_size and (found := table.pop(max(1, min_frequency))):
        pair, places = found
        left, right = tokens.pair(pair)
        if refused is not None and refused(left + right):
            continue
        merges.pop((left, right), None)  # of a pair merged twice the library keeps the later rank
        merges[left, right] = None
        table.merge(tokens.join(pair), places)
        if len(tokens.vocab) % TOKENS_A_TICK == 0:
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


def truncate_merges(merges: Merges, vocab_size: int, *, continuing_subword_prefix: str = "") -> Merges:
    """What learning this size would have given, from what learning a larger one gave.

    Where a token was made twice the list of merges does not tell when: such a learning cannot be cut.

    >>> truncate_merges(Merges({"a": 0, "b": 1, "ab": 2, "aba": 3}, [("a", "b"), ("ab", "a")]), 3)
    Merges(vocab={'a': 0, 'b': 1, 'ab': 2}, merges=[('a', 'b')])
    """
    tokens = list(merges.vocab)
    begun = len(tokens) - len(merges.merges)
    made = [left + right.removeprefix(continuing_subword_prefix) for left, right in merges.merges]
    if begun < 0 or tokens[begun:] != made:
        raise RecipeError("a token was made by two merges", fix="learn each size by itself")
    size = min(len(tokens), max(begun, vocab_size))
    return Merges(dict(zip(tokens[:size], range(size), strict=True)), merges.merges[: size - begun])
