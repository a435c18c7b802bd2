"""Where texts may be cut for a tokenizer that cuts no words itself, as Llama 2 and Gemma.

Their models see a whole line, with a sign for each space (▁). Where no token of the vocabulary has a
character and that sign behind it, no merge and no piece reaches over that place: BPE then runs on both sides
of it as it would on each alone, and a best path is two best paths. So words may be cut there, to learn from
and to count with; tokens that are learned inside of such words do not reach over it either, and the ids of a
line are those of its words, before and after. Where some token does (Gemma 3 has one, `>▁</`), its
characters are no border. Where whole lines are looked up first (ignore_merges, as the files of Mistral are
read), that holds but for a line that is one token which its merges do not make.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from tokenizers import Regex, Tokenizer, pre_tokenizers

from tokbench.adapt.continued.spelled_words import BYTES

MARKS = "one two\tthree|four,five.six-seven_eight/nine"  # what words may be cut at


@dataclass(frozen=True)
class Borders:
    """The sign of a space, behind which characters it begins no word, and the tokens that reach over it."""

    sign: str
    joined: frozenset[str]
    over: tuple[str, ...]

    @property
    def part_words(self) -> bool:
        """Whether words are cut at spaces: the sign is one, and no token reaches over it behind a letter."""
        return bool(self.sign) and not any(character.isalnum() for character in self.joined)

    def pre_tokenizer(self, old: pre_tokenizers.PreTokenizer | None) -> pre_tokenizers.PreTokenizer:
        """What cuts words, behind what is there."""
        sign, joined = re.escape(self.sign), "".join(map(re.escape, sorted(self.joined)))
        other = f"[^{sign}{joined}]"
        inner = f"(?:{other}|[{joined}]{sign}*)" if joined else other
        cut = pre_tokenizers.Split(Regex(f"{sign}+{inner}*|{inner}+"), "isolated")
        return cut if old is None else pre_tokenizers.Sequence([old, cut])


def cuts_words(library: Tokenizer) -> bool:
    """Whether texts come in words: Gemma's splits at spaces, of which its normalizer has left none."""
    return len(_words(library, MARKS)) > 1


def borders(library: Tokenizer) -> Borders:
    """Where the texts of this tokenizer may be cut."""
    spelled = "".join(_words(library, "x x"))
    at = spelled.find("x")
    sign = spelled[at + 1 : spelled.rfind("x")]
    vocab = library.get_vocab(with_added_tokens=False)
    if len(sign) != 1 or sign not in vocab:
        return Borders("", frozenset(), ())
    return Borders(sign, *_over(vocab, sign))


def _over(vocab: Collection[str], sign: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """The characters that some token has before the sign, and these tokens."""
    place = re.compile(f"([^{re.escape(sign)}]){re.escape(sign)}")
    over = [token for token in vocab if place.search(token)]
    joined = {character for token in over for character in place.findall(token)}
    if any(f"{piece}{sign}" in token for token in over for piece in BYTES):
        joined.update("abc")  # behind any character that is written in bytes
    return frozenset(joined), tuple(over)


def _words(library: Tokenizer, text: str) -> list[str]:
    """The words of a text as normalizer and pre_tokenizer make them."""
    normal = library.normalizer.normalize_str(text) if library.normalizer else text
    if library.pre_tokenizer is None:
        return [normal]
    return [word for word, _ in library.pre_tokenizer.pre_tokenize_str(normal)]
