"""The proof that two encoders give the same ids: texts for both, how many differ, and the first that does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokbench.corpus.reading import CorpusSource, as_corpus
from tokbench.corpus.samples import shipped
from tokbench.errors import FileError
from tokbench.formats.hard_texts import HARD_TEXTS
from tokbench.formats.oracles import NoOracle, specials_as_text
from tokbench.native.word_counter import texts_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from tokbench.formats.portable import Oracle

SHIPPED = ("english.txt", "korean.txt", "code.txt", "mixed.txt")


@dataclass(frozen=True)
class DifferingText:
    """A text that two tokenizers encode otherwise, and the tokens of both."""

    text: str
    ours: tuple[str, ...]
    theirs: tuple[str, ...]


@dataclass(frozen=True)
class IdProof:
    """What the format's own package says of the ids.

    package: who encoded the texts, "" for nobody: `why` says why, and `fix` what helps. texts: how many were
    compared, of which `differing` have other ids, and `first` is the first of these. left_out: texts that
    hold a special token, which SentencePiece never meets in a text.
    """

    package: str
    texts: int = 0
    differing: int = 0
    left_out: int = 0
    first: DifferingText | None = None
    why: str = ""
    fix: str = ""


def proof_texts(corpus: CorpusSource | None) -> Iterable[str]:
    """The texts of a corpus; without one the hard texts and the corpora that ship."""
    if corpus is None:
        yield from HARD_TEXTS
        try:
            corpus = [str(shipped(name)) for name in SHIPPED]
        except FileError:  # an installation without them: the hard texts are what there is
            return
    for batch in as_corpus(corpus):
        yield from texts_of(batch)


def prove_ids(
    tokenizer: Tokenizer,
    oracle: Oracle | NoOracle,
    texts: Iterable[str],
    *,
    special: Mapping[str, int] | None = None,
) -> IdProof:
    """Encode all texts by both, special tokens being text, but for what the oracle never meets.

    The ids of the `special` tokens are asked for by themselves, as a text each.
    """
    if isinstance(oracle, NoOracle):
        return IdProof("", why=oracle.why, fix=oracle.fix)
    plain = tokenizer if oracle.whole else specials_as_text(tokenizer)
    compared = left_out = 0
    found: list[DifferingText] = []
    for text in texts:
        if any(token in text for token in oracle.never):
            left_out += 1
            continue
        compared += 1
        found += _difference(plain, oracle, text)
    asked = special if special and oracle.token_id else {}
    found += [each for token, number in asked.items() for each in _another_id(oracle, token, number)]
    oracle.close()
    first = found[0] if found else None
    return IdProof(oracle.package, compared + len(asked), len(found), left_out, first)


def _difference(tokenizer: Tokenizer, oracle: Oracle, text: str) -> list[DifferingText]:
    given = oracle.prepare(text)
    ours, theirs = tokenizer.encode(given, add_special_tokens=oracle.whole).ids, list(oracle.encode(given))
    if ours == theirs:
        return []
    names = [tuple(str(tokenizer.id_to_token(number)) for number in ids) for ids in (ours, theirs)]
    return [DifferingText(text, names[0], names[1])]


def _another_id(oracle: Oracle, token: str, number: int) -> list[DifferingText]:
    assert oracle.token_id is not None
    theirs = oracle.token_id(token)
    return [] if theirs == number else [DifferingText(token, (f"{token} {number}",), (f"{token} {theirs}",))]
