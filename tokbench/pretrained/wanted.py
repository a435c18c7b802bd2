"""Which of the tokens asked for are new, which exist, and which cannot be: a plan before any change."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from tokenizers import Tokenizer

from tokbench.errors import AskedWrongly
from tokbench.pretrained.special_tokens import special_tokens_of

# Scripts that write words without spaces between them, or (Hangul) particles right behind them.
UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "BOPOMOFO")


@dataclass(frozen=True)
class Wanted:
    """Tokens asked for, sorted out; `existing` is token → id, declared ones exist but are not met whole."""

    special: tuple[str, ...] = ()
    regular: tuple[str, ...] = ()
    existing: dict[str, int] = field(default_factory=dict)
    declared_special: tuple[str, ...] = ()
    declared_regular: tuple[str, ...] = ()

    @property
    def new(self) -> tuple[str, ...]:
        """What gets an id, in id order."""
        return (*self.special, *self.regular)

    @property
    def all_special(self) -> tuple[str, ...]:
        """What the library shall treat as special."""
        return (*self.special, *self.declared_special)

    @property
    def all_regular(self) -> tuple[str, ...]:
        """What the library shall keep whole as text."""
        return (*self.regular, *self.declared_regular)


def sorted_out(
    old: Tokenizer,
    special: Sequence[str],
    regular: Sequence[str],
    *,
    unknown: int | None,
    raw: Collection[str] = (),
) -> Wanted:
    """Sort the tokens asked for; AskedWrongly for those that nobody can have meant.

    Tokens in `raw` are looked for before the normalizer, so it makes none of them equal to another.
    """
    _refuse_nonsense([*special, *regular])
    known = {token: old.token_to_id(token) for token in (*special, *regular)}
    exist = {token: number for token, number in known.items() if number is not None}
    whole = _already_whole(old, [token for token in regular if token not in raw], unknown)
    already_special = special_tokens_of(old)
    new = [token for token in regular if token not in exist and token not in whole]
    _refuse_equals(old, [token for token in new if token not in raw])
    return Wanted(
        special=tuple(token for token in special if token not in exist),
        regular=tuple(new),
        existing=exist | whole,
        declared_special=tuple(token for token in special if token in exist and token not in already_special),
        declared_regular=tuple(token for token in regular if token in exist and token not in whole),
    )


def is_whole_word(token: str) -> bool:
    """Whether a token shall only match as a word of its own: it starts or ends like a word of spaced text.

    >>> [is_whole_word(token) for token in ("COVID", "COVID-19", "C++", "<user>", "코로나")]
    [True, True, True, False, False]
    """
    edges = (token[0], token[-1])
    return any(edge.isalnum() or edge == "_" for edge in edges) and not any(map(_is_unspaced, token))


def _is_unspaced(letter: str) -> bool:
    return ord(letter) > 0x0E00 and unicodedata.name(letter, "").startswith(UNSPACED)


def _already_whole(old: Tokenizer, tokens: Sequence[str], unknown: int | None) -> dict[str, int]:
    """Tokens that texts get whole already, under this or another spelling: covid for COVID, ▁the for the."""
    encodings = old.encode_batch(list(tokens), add_special_tokens=False)
    return {
        token: encoding.ids[0]
        for token, encoding in zip(tokens, encodings, strict=True)
        if len(encoding.ids) == 1 and encoding.ids[0] != unknown
    }


def _refuse_nonsense(tokens: Sequence[str]) -> None:
    if not tokens:
        raise AskedWrongly("no tokens were given", fix="name one: --special '[E1]' or --token COVID")
    seen = set()
    for token in tokens:
        if not token.strip():
            raise AskedWrongly(f"a token is empty: {token!r}", fix="leave it out")
        if token in seen:
            raise AskedWrongly(f"{token} is named twice", fix="name it once, as special or as regular")
        if any("\ud800" <= letter <= "\udfff" for letter in token):
            raise AskedWrongly(f"a token is not text: {token!a}", fix="write it in UTF-8")
        seen.add(token)


def _refuse_equals(old: Tokenizer, tokens: Sequence[str]) -> None:
    """Of two tokens that the normalizer makes equal, the second would never be met."""
    if old.normalizer is None:
        return
    seen: dict[str, str] = {}
    for token in tokens:
        form = old.normalizer.normalize_str(token)
        if form in seen:
            raise AskedWrongly(
                f"{seen[form]} and {token} are one token here: the normalizer makes both {form!r}",
                fix=f"leave one of them out; {seen[form]} is met in both spellings",
            )
        seen[form] = token
