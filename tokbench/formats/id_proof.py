"""The proof that two encoders give the same ids: texts for both, how many differ, and the first that does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokbench.corpus.reading import CorpusSource, as_corpus
from tokbench.corpus.samples import shipped
from tokbench.errors import FileError
from tokbench.formats.oracles import NoOracle, specials_as_text
from tokbench.native.word_counter import texts_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from tokbench.formats.portable import Oracle

# On which readers of one vocabulary come apart: spaces, line ends, joined letters, bytes, names.
HARD_TEXTS = (
    "", " ", "  ", "\n", "\t\tx", " leading", "trailing ", "two  spaces", "a\n\n\nb\r\nc", "don't DON'T 'S",
    "café cafe\u0301", "\u1112\u1161\u11ab\uae00 한글", "ㅠㅠㅠㅠ ㅋㅋㅋ", "中文 字", "日本語テキスト",
    "\U0001f642\U0001f44d\U0001f3fd\U0001f468\u200d\U0001f469\u200d\U0001f467", "\ufeffbom",
    "x\u00a0y\u3000z",
    "\u200b\u200d", "ﬁ ½ ² Ⅷ", "1234567 3.14", "a_b-c/d\\e", "<s></s> <unk> [CLS] <|endoftext|>", "<0x0A>",
    "▁▁a", "ſ 'ſ K", "İ ß ǅ", "\u0000\u0001\u007f\u0085", "َعربي", "हिन्दी", "ไทย",
    "\U00010348\U000e0001", "a" * 300,
    "x     y", "    return x  # it", "....... ------", "camelCase HTTPServer", "\u180e\u2028\u2029",
)  # fmt: skip
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
    holds_one = _finder(oracle.never)
    for text in texts:
        if holds_one(text):
            left_out += 1
            continue
        compared += 1
        found += _difference(plain, oracle, text)
    asked = special if special and oracle.token_id else {}
    found += [each for token, number in asked.items() for each in _another_id(oracle, token, number)]
    oracle.close()
    first = found[0] if found else None
    return IdProof(oracle.package, compared + len(asked), len(found), left_out, first)


def _finder(tokens: Iterable[str]) -> Callable[[str], bool]:
    """Whether a text holds one of these tokens, which may be tens of thousands: by their first two letters.

    >>> holds_one = _finder(["<s>", "</s>", "[CLS]"])
    >>> holds_one("a </s>"), holds_one("< /s")
    (True, False)
    """
    groups: dict[str, list[str]] = {}
    for token in tokens:
        groups.setdefault(token[:2], []).append(token)

    def holds_one(text: str) -> bool:
        return any(start in text and any(each in text for each in group) for start, group in groups.items())

    return holds_one


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
