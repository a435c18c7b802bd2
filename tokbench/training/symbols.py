"""Words as strings of symbols: the first vocabulary of BPE, and every word written in it.

A symbol is the character whose code point is a token's id. So a word is one Python string and a pair is two
characters, pairs sort by their ids, and words are searched and changed at the speed of C.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tokbench.training.counts import WordCounts, alphabet

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
class Start:
    """Where learning begins.

    vocab: token → id, in id order: special tokens, then the alphabet, then the alphabet with affixes.
    words: every different word as a string of symbols; counts: how often each occurs.
    """

    vocab: dict[str, int]
    words: list[str]
    counts: list[int]


def start(
    words: WordCounts, characters: Iterable[str], *, special_tokens: Sequence[str] = (), affixes: Affixes
) -> Start:
    """The first vocabulary and the words written in it; a character without a token is left out of its words.

    >>> start(WordCounts({"aba": 3}), "ab", affixes=Affixes("##")).vocab
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
    return Start(vocab, written, list(words.counts.values()))


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
