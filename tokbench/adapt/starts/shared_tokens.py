"""What tokens of two tokenizers have in common: what they spell, whatever their marks, and their roles."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from tokbench.pretrained.added_tokens import unknown_id, without_truncation
from tokbench.pretrained.special_tokens import special_tokens_of
from tokbench.tracing.spelling import SPACE, Speller, blocks_of

if TYPE_CHECKING:
    from tokbench.pretrained.folder import TokenizerFolder

# Which role takes whose row where the other tokenizer has no token of its own for it: the first of a text,
# and its end.
STANDS_FOR = {"bos": "cls", "cls": "bos", "eos": "sep", "sep": "eos"}


class Canonical(NamedTuple):
    """What a token spells: UTF-8, perhaps a part of a character, and whether it begins a word."""

    begins: bool
    utf8: bytes

    @property
    def text(self) -> str:
        """As characters; "" for parts of them."""
        try:
            return self.utf8.decode()
        except UnicodeDecodeError:
            return ""


class CanonicalSpeller:
    """Spells the tokens of one tokenizer without the marks of its family.

    Ġ and ▁ before a word, ## before what continues one, </w> behind one; letters that are bytes, <0xEA>.
    """

    def __init__(self, raw: Mapping[str, Any]) -> None:
        model = raw["model"]
        self._bytes = Speller(raw)
        self._prefix: str = model.get("continuing_subword_prefix") or ""
        self._suffix: str = model.get("end_of_word_suffix") or ""
        self._whole = model.get("type") == "WordLevel"
        places = [raw.get(place) for place in ("normalizer", "pre_tokenizer", "decoder")]
        self.spaced = SPACE in json.dumps(places, ensure_ascii=False) or any(
            block["type"] == "ByteLevel" for block in blocks_of(raw, "pre_tokenizer")
        )

    def spelling(self, token: str) -> Canonical:
        """What this token spells."""
        raw = self._bytes.bytes_of(token)
        if raw is None and self.spaced:
            raw = token.replace(SPACE, " ").encode()
        if raw is not None:
            word = len(raw) > 1 and raw[:1] == b" " and raw[1:2] != b" "
            return Canonical(word, raw[1:] if word else raw)
        if self._suffix:
            return Canonical(token.endswith(self._suffix), token.removesuffix(self._suffix).encode())
        continues = bool(self._prefix) and token.startswith(self._prefix) and token != self._prefix
        begins = bool(self._prefix) and not continues
        return Canonical(
            begins or self._whole, token.removeprefix(self._prefix if continues else "").encode()
        )


class Vocabulary:
    """A tokenizer's tokens by what they spell, special ones left out."""

    def __init__(self, folder: TokenizerFolder, rows: int | None = None) -> None:
        """`rows` leaves out ids that have no row."""
        self.folder = folder
        self.library = without_truncation(folder)
        self.special = special_tokens_of(self.library)
        self.speller = CanonicalSpeller(json.loads(self.library.to_str()))
        every = self.library.get_vocab(with_added_tokens=True).items()
        self.ids = {token: number for token, number in every if rows is None or number < rows}
        self.size = max((number for _, number in every), default=-1) + 1
        self.unknown = unknown_id(folder)

    @cached_property
    def added(self) -> frozenset[str]:
        """Tokens beside the model's own, which are text as it is written."""
        return frozenset(each.content for each in self.library.get_added_tokens_decoder().values())

    @cached_property
    def spellings(self) -> dict[int, Canonical]:
        """Of each token that is not special, by its id."""
        return {
            number: Canonical(False, token.encode()) if token in self.added else self.speller.spelling(token)
            for token, number in self.ids.items()
            if token not in self.special and number != self.unknown
        }

    @cached_property
    def by_spelling(self) -> dict[Canonical, int]:
        """The lowest id of each spelling."""
        return {each: number for number, each in sorted(self.spellings.items(), reverse=True)}

    def normalized(self, text: str) -> str:
        """A text as the normalizer has it, without marks and spaces around it."""
        if self.library.normalizer is None:
            return text.strip()
        normalized: str = self.library.normalizer.normalize_str(text)
        return normalized.replace(SPACE, " ").strip()

    def pieces(self, spellings: Sequence[Canonical]) -> list[tuple[int, ...]]:
        """For each spelling the ids of what this tokenizer has for it; none where it knows nothing of it."""
        texts = [each.text for each in spellings]
        found = [self._one(each, text) for each, text in zip(spellings, texts, strict=True)]
        asked = [at for at, ids in enumerate(found) if not ids and texts[at].strip()]
        written = [
            f" {texts[at]}" if self.speller.spaced and spellings[at].begins else texts[at] for at in asked
        ]
        for at, encoding in zip(
            asked, self.library.encode_batch(written, add_special_tokens=False), strict=True
        ):
            ids = [number for number in encoding.ids if number in self.spellings]
            if ids and not spellings[at].begins:  # alone, a piece looks like the beginning of a word
                first = self.spellings[ids[0]]
                ids[0] = self.by_spelling.get(Canonical(False, first.utf8), ids[0])
            found[at] = tuple(ids)
        return found

    def _one(self, wanted: Canonical, text: str) -> tuple[int, ...]:
        """The token of the same spelling once it is normalized, or the bytes of a part of a character."""
        if not text:
            whole = self.by_spelling.get(wanted)
            parts = [self.by_spelling.get(Canonical(False, bytes([each]))) for each in wanted.utf8]
            return (whole,) if whole is not None else tuple(each for each in parts if each is not None)
        utf8 = self.normalized(text).encode() or wanted.utf8
        for begins in (wanted.begins, not wanted.begins):
            if (number := self.by_spelling.get(Canonical(begins, utf8))) is not None:
                return (number,)
        return ()


def shared(new: Vocabulary, old: Vocabulary) -> dict[int, int]:
    """New id → old id of what both spell alike."""
    known = old.by_spelling
    return {number: known[spelling] for number, spelling in new.spellings.items() if spelling in known}


@dataclass(frozen=True)
class Counterparts:
    """New id → old id of special tokens; `alone` are new ones without, `gone` roles that no token has."""

    ids: Mapping[int, int]
    alone: tuple[str, ...]
    gone: tuple[str, ...]


def counterparts(new: Vocabulary, old: Vocabulary) -> Counterparts:
    """Special tokens of the same role, else of the same spelling.

    A token that has a role in one only takes the row of the role that stands there: [CLS] that of <s>. One of
    several roles, such as <|endoftext|>, has that of the first.
    """
    ids: dict[int, int] = {}
    for role, token in _by_preference(new.folder.roles, old.folder.roles):
        known = old.folder.roles.get(role) or old.folder.roles.get(STANDS_FOR.get(role, ""), "")
        number, before = new.ids.get(token), old.ids.get(known)
        if number is not None and before is not None:
            ids.setdefault(number, before)
    for token, number in new.special.items():
        if number not in ids and (before := old.ids.get(token)) is not None:
            ids[number] = before
    alone = tuple(token for token, number in new.special.items() if number not in ids)
    roles = new.folder.roles
    gone = tuple(role for role in old.folder.roles if not {role, STANDS_FOR.get(role)} & roles.keys())
    return Counterparts(ids, alone, gone)


def _by_preference(roles: Mapping[str, str], others: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Roles that both have first."""
    yield from sorted(roles.items(), key=lambda pair: pair[0] not in others)
