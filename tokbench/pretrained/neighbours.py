"""What added tokens do to their neighbours: texts x + t + y for every token t, held against a plain word.

The library cuts a text at its added tokens first, and gives what stands between them to normalizer and
pre-tokenizer as if each part were a text of its own. A block that writes a mark at the start of a text
(Prepend, Metaspace, ByteLevel with a prefix space) then writes one behind every added token too. So each
token is put between letters, spaces, Hangul and signs, and four things must hold (metamorphic testing;
Chen, Cheung and Yiu 1998): the token is met; the text comes back; its neighbours have the ids that they have
beside a word that is no added token; the offsets ascend and leave no letter out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tokenizers import AddedToken, Encoding, Tokenizer

from tokbench.tracing.spelling import blocks_of


@dataclass(frozen=True)
class Place:
    """Where a token is put: `left` before it and `right` behind it."""

    name: str
    left: str
    right: str


ALONE = Place("alone", "", "")
SPACES = Place("between spaces", "see ", " here")
SIGNS = Place("between signs", "(", ")")
LETTERS = Place("between letters", "a", "b")
HANGUL = Place("before Hangul", "", "에서")
PLACES = (ALONE, SPACES, SIGNS, LETTERS, HANGUL)
AS_A_WORD = (ALONE, SPACES, SIGNS)
PLAIN = ("the", "fox", "word", "a")  # words of which the first that is no added token is the yardstick
UNMET, CONTENT, TEXT, IDS, OFFSETS = "unmet", "content", "text", "ids", "offsets"
CLEANED = re.compile(r"\s+(?=[.,?!'])")  # the spaces that WordPiece's decoder takes away again


@dataclass(frozen=True)
class Harm:
    """One thing that goes wrong with an added token in one place.

    `kind`: unmet (a text gives other ids for it), content (its id decodes to another text), text (the text
    around it comes back changed), ids (its neighbours get other ids than beside a plain word), offsets (they
    go back, or leave a letter out). `seen` is what came out, `wanted` what should have.
    """

    kind: str
    token: str
    id: int
    place: str
    text: str
    seen: str
    wanted: str

    special: bool = False

    @property
    def sentence(self) -> str:
        """What was seen, on one line.

        >>> Harm("text", "foxy", 9, "between letters", "my foxys", " my foxy s", "my foxys").sentence
        "'my foxys' comes back as ' my foxy s'"
        """
        said = {
            UNMET: "is encoded as",
            CONTENT: "decodes as",
            TEXT: "comes back as",
            IDS: "is encoded as",
            OFFSETS: "has the offsets",
        }
        seen = self.seen if self.kind in (UNMET, IDS, OFFSETS) else repr(self.seen)
        return f"{self.text!r} {said[self.kind]} {seen}"


def harms(tokenizer: Tokenizer, tokens: Mapping[int, AddedToken] | None = None) -> tuple[Harm, ...]:
    """What goes wrong around these added tokens, id → token (all by default): one place of each kind.

    Special tokens come last; they are markup, so their neighbours are looked at between spaces only: inside a
    word markup ends the word. Tokens whose neighbours come out alike in one text of all places are probed
    once: 6,000 take a third of a second.
    """
    every = tokenizer.get_added_tokens_decoder()  # 30 ms for 6,000
    probed = every if tokens is None else dict(tokens)
    names = {number: token.content for number, token in every.items()}
    groups = _alike(tokenizer, probed)
    firsts = {group[0]: probed[group[0]] for group in groups}
    around = list(_around(tokenizer, firsts, names))
    harmed = {harm.id for harm in around}
    others = {number: probed[number] for group in groups if group[0] in harmed for number in group[1:]}
    around += _around(tokenizer, others, names)
    found: dict[tuple[int, str], Harm] = {}
    for harm in (*_foreign_contents(tokenizer, probed), *around):
        if (harm.id, harm.kind) not in found or (harm.place == HANGUL.name and _is_korean(harm.token)):
            found[harm.id, harm.kind] = harm
    return tuple(sorted(found.values(), key=lambda harm: (harm.special, harm.id)))


def _alike(tokenizer: Tokenizer, tokens: Mapping[int, AddedToken]) -> list[list[int]]:
    """The tokens in groups of equal flags, whose neighbours have the same ids and come back the same way."""
    texts = ["".join(_everywhere(token)) for token in tokens.values()]
    encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
    ids = [encoding.ids for encoding in encodings]
    backs = tokenizer.decode_batch(ids, skip_special_tokens=False)
    groups: dict[tuple[object, ...], list[int]] = {}
    for (number, token), text, encoding, each, back in zip(
        tokens.items(), texts, encodings, ids, backs, strict=True
    ):
        flags = token.special, token.single_word, token.lstrip, token.rstrip, token.normalized
        pattern = tuple(-1 if other == number else other for other in each)
        wrong = _offsets_wrong(encoding, text)
        groups.setdefault((flags, pattern, back.replace(token.content, "\0"), wrong), []).append(number)
    return list(groups.values())


def _everywhere(token: AddedToken) -> Iterator[str]:
    """The token in all places, first and last in the text as well."""
    yield token.content
    for place in PLACES:
        if _must_be_met(token, place):
            yield f" {place.left}{token.content}{place.right}"
    yield f" {token.content}"


def _is_korean(token: str) -> bool:
    return any("\uac00" <= letter <= "\ud7a3" for letter in token)


PREPENDING = (
    "take Prepend and its Replace out of normalizer in tokenizer.json, and make the pre_tokenizer "
    '{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false}; '
    "only texts that begin with a space get other ids"
)
FIRST_ONLY = 'write "prepend_scheme": "first" into the Metaspace of pre_tokenizer in tokenizer.json'
NO_PREFIX = 'write "add_prefix_space": false into ByteLevel in tokenizer.json, and begin texts with a space'
ALONE_ONLY = 'write "single_word": true into their added_tokens in tokenizer.json'


def remedy(raw: Mapping[str, Any]) -> str:
    """What leaves the neighbours of added tokens alone: the block that marks every part, or their flags.

    `raw` is tokenizer.json. A Metaspace after a block that cuts at spaces must mark every part.
    """
    before = [block.get("type") for block in blocks_of(raw, "normalizer")]
    cutters = blocks_of(raw, "pre_tokenizer")
    if "Prepend" in before and not cutters:
        return PREPENDING
    if [block.get("type") for block in cutters] == ["Metaspace"] and _marks_all(cutters[0]):
        return FIRST_ONLY
    if any(block.get("type") == "ByteLevel" and block.get("add_prefix_space") for block in cutters):
        return NO_PREFIX
    return ALONE_ONLY


def _marks_all(metaspace: Mapping[str, Any]) -> bool:
    return bool(metaspace.get("prepend_scheme", "always") == "always")


def _foreign_contents(tokenizer: Tokenizer, tokens: Mapping[int, AddedToken]) -> Iterator[Harm]:
    """Tokens that decode to something else; a run of ▁ is a run of spaces, and may come back as one."""
    texts = tokenizer.decode_batch([[number] for number in tokens], skip_special_tokens=False)
    for (number, token), text in zip(tokens.items(), texts, strict=True):
        content = token.content
        same = text.strip().casefold() == content.strip().casefold()  # a lowercasing tokenizer has no case
        if not same and (text.strip() or content.replace("▁", "").strip()):
            yield Harm(CONTENT, content, number, ALONE.name, content, text, content, token.special)


def _around(
    tokenizer: Tokenizer, tokens: Mapping[int, AddedToken], every: Mapping[int, str]
) -> Iterator[Harm]:
    """What goes wrong with each in each place; `every` are all added tokens, id → content."""
    for place in PLACES:
        met = {number: token for number, token in tokens.items() if _must_be_met(token, place)}
        texts = [place.left + token.content + place.right for token in met.values()]
        if not texts:
            continue
        encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
        ids = [encoding.ids for encoding in encodings]
        backs = tokenizer.decode_batch(ids, skip_special_tokens=False)
        yardstick = _yardstick(tokenizer, place, set(every))
        for (number, token), text, encoding, back in zip(met.items(), texts, encodings, backs, strict=True):
            probe = _Probe(place, number, token, text, encoding, back)
            if number in probe.ids:
                yield from probe.harms(yardstick)
            elif _is_word_place(token, place) and not any(
                token.content in every.get(n, "") for n in probe.ids
            ):
                yield probe.harm(UNMET, _listed(encoding.tokens), token.content)


def _must_be_met(token: AddedToken, place: Place) -> bool:
    return place in AS_A_WORD or not token.single_word


def _is_word_place(token: AddedToken, place: Place) -> bool:
    """Whether the token must be met here: markup everywhere, a word where a word stands."""
    return place in AS_A_WORD or bool(token.special)


@dataclass(frozen=True)
class _Yardstick:
    """What a plain word's neighbours get in a place; None for what this tokenizer does not keep there."""

    left: tuple[int, ...] | None = None
    right: tuple[int, ...] | None = None
    comes_back: bool = False
    covers: bool = False


def _yardstick(tokenizer: Tokenizer, place: Place, added: set[int]) -> _Yardstick:
    for word in PLAIN:
        text = place.left + word + place.right
        encoding = tokenizer.encode(text, add_special_tokens=False)
        if added.isdisjoint(encoding.ids):
            start, end = len(place.left), len(place.left) + len(word)
            left, right = _sides(encoding, text, start, end)
            back = tokenizer.decode(encoding.ids, skip_special_tokens=False)
            return _Yardstick(left, right, _spaced(back) == _spaced(text), not _offsets_wrong(encoding, text))
    return _Yardstick()


@dataclass(frozen=True)
class _Probe:
    """One token in one place, and what the tokenizer made of it."""

    place: Place
    number: int
    token: AddedToken
    text: str
    encoding: Encoding = field(repr=False)
    back: str

    @cached_property
    def ids(self) -> list[int]:
        """The ids of the text."""
        return list(self.encoding.ids)

    @property
    def start(self) -> int:
        """Where the token begins in the text."""
        return len(self.place.left)

    @property
    def end(self) -> int:
        """Where what stands behind the token begins."""
        return self.start + len(self.token.content)

    def harm(self, kind: str, seen: str, wanted: str) -> Harm:
        """A harm of this probe."""
        where, special = self.place.name, self.token.special
        return Harm(kind, self.token.content, self.number, where, self.text, seen, wanted, special)

    def harms(self, yardstick: _Yardstick) -> Iterator[Harm]:
        """What goes wrong, the token being met."""
        if yardstick.covers and _offsets_wrong(self.encoding, self.text):
            yield self.harm(OFFSETS, _listed(self.encoding.offsets), "ascending, every letter covered")
        if self.place is ALONE or (self.token.special and self.place is not SPACES):
            return
        if yardstick.comes_back and not self._comes_back():
            if _letters(self.back) == _letters(self.text):  # else the token itself comes back as another
                yield self.harm(TEXT, self.back, self.text)
        elif not self._has_the_neighbours_of(yardstick):
            yield self.harm(IDS, _listed(self.encoding.tokens), "its neighbours as beside a plain word")

    def _comes_back(self) -> bool:
        """Whether decoding gives the text, or the text without the spaces that belong to the token."""
        left = self.place.left.rstrip() if self.token.lstrip else self.place.left
        right = self.place.right.lstrip() if self.token.rstrip else self.place.right
        stripped = left + self.token.content + right
        return _spaced(self.back) in (_spaced(self.text), _spaced(stripped))

    def _has_the_neighbours_of(self, yardstick: _Yardstick) -> bool:
        left, right = _sides(self.encoding, self.text, self.start, self.end)
        same_left = None in (left, yardstick.left) or left == yardstick.left
        return same_left and (
            self.token.rstrip or None in (right, yardstick.right) or right == yardstick.right
        )


def _sides(
    encoding: Encoding, text: str, start: int, end: int
) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
    """The ids before `start`, those of spaces left out, and behind `end`; None where a token lies across."""
    edge = len(text[:start].rstrip())
    tokens = list(zip(encoding.ids, encoding.offsets, strict=True))
    across = [[first < each < last for _, (first, last) in tokens] for each in (edge, end)]
    left = tuple(number for number, (first, last) in tokens if last <= edge and text[first:last].strip())
    right = tuple(number for number, (first, _) in tokens if first >= end)
    return None if any(across[0]) else left, None if any(across[1]) else right


def _offsets_wrong(encoding: Encoding, text: str) -> bool:
    """Whether offsets go back, leave the text, or leave one of its letters out."""
    covered, before = 0, 0
    for first, last in encoding.offsets:
        if not before <= first <= last <= len(text) or (first > covered and text[covered:first].strip()):
            return True
        before, covered = first, max(covered, last)
    return bool(text[covered:].strip())


def _spaced(text: str) -> str:
    return CLEANED.sub("", text.strip())


def _letters(text: str) -> str:
    return "".join(text.split())


def _listed(items: Sequence[object] | Iterable[object]) -> str:
    return " ".join(str(item) for item in items)
