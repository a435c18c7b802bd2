"""Whether two tokenizers do the same: by what they are made of, by their vocabularies, by what they give."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from tokbench.checks.context import SAMPLES
from tokbench.errors import FileError
from tokbench.io.library_errors import wrap_library_errors
from tokbench.pretrained.folder import TokenizerSource, load
from tokbench.pretrained.special_tokens import roles_of
from tokbench.progress import Progress, silent
from tokbench.results import Result
from tokbench.tracing.spelling import blocks_of

if TYPE_CHECKING:
    from tokbench.corpus.reading import CorpusSource

PLACES = ("normalizer", "pre_tokenizer", "post_processor", "decoder")
# How fast it is, and what training asked for, change no id.
BESIDE = ("cache_capacity",)


def canonical_parts(tokenizer: Tokenizer) -> dict[str, Any]:
    """The part's name → its content: vocabulary, model, added tokens and the four places of blocks.

    Truncation and padding, which belong to a call, are no part; a Sequence of one block is that block; the
    library writes the defaults of its blocks, so a file that leaves them out is the same.
    """
    raw = json.loads(tokenizer.to_str())
    model = dict(raw["model"])
    vocabulary = model.pop("vocab", {})
    if "merges" in model:  # older files write "a b", newer ones ["a", "b"]
        model["merges"] = [each.split(" ", 1) if isinstance(each, str) else each for each in model["merges"]]
    parts = {"vocabulary": vocabulary, "model": {k: v for k, v in model.items() if k not in BESIDE}}
    parts["added_tokens"] = sorted(raw.get("added_tokens") or (), key=lambda entry: int(entry["id"]))
    return parts | {place: _plain(raw, place) for place in PLACES}


def part_fingerprint(part: object) -> str:
    """SHA-256 of a part, or of all parts together.

    >>> part_fingerprint({"a": 1, "b": 2}) == part_fingerprint({"b": 2, "a": 1})
    True
    """
    text = json.dumps(part, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(raw: Mapping[str, Any], place: str) -> object:
    """The blocks at a place with their Sequences opened: nothing, one block, or a flat list."""
    flat = blocks_of(raw, place)
    return flat[0] if len(flat) == 1 else flat or None


MORE: dict[str, str] = {
    "capitals": "HELLO World iPhone McDonald’s NASA's İstanbul ﬁne",
    "quotes": "“Yes,” she said—‘no’… don't it's we'll",
    "Hindi": "हिन्दी में लिखा हुआ वाक्य।",
    "Thai": "ภาษาไทยไม่มีช่องว่าง",
    "Hebrew": "שָׁלוֹם עולם",
    "Greek": "Η γρήγορη αλεπού",
    "Vietnamese": "Tiếng Việt có nhiều dấu.",
    "Korean letters": "ㅋㅋㅋ ㅠㅠ 안녕하세요!!",
    "Chinese numbers": "二〇二四年，共計１２３個。",
    "mathematics": "∑ x² ≤ ½·√π → ∞ 𝐱 ℝ",
    "emoji families": "👨‍👩‍👧‍👦 👍🏽 ❤️ 🏳️‍🌈 ☕",
    "Python": "class A(B):\n\tdef f(self, *args):\n\t\treturn {k: v for k, v in args}\n",
    "web page": '<a href="https://example.org/?q=1&amp;r=2#top">x</a>',
    "numbers of all kinds": "0 00 007 1,234,567.89 3.14e-10 0xFF 2024-01-31 12:59",
    "spaces of all kinds": "a  b   c\u00a0d\u3000e\u2009f\u200bg\n\n\nh\r\ni\t\tj ",
    "a leading space": " lead",
    "control characters": "a\x00b\x07c\x1b[31md\x7fe\ufefff\u202eg",
    "marks": "▁the Ġthe ##the @@the the</w> [UNK] <unk>",
    "a long word": "pneumono" + "ultramicroscopic" * 8,
    "repetition": "aaaaaaaaaaaaaaaa " + "=" * 40,
    "rare characters": "\U0001f9ec\U00013000\U000e0041\ue000\ufffd",
}


def probes() -> Iterator[tuple[str, str]]:
    """What a text is → the text; those of two forms come in both."""
    for name, text in {**SAMPLES, **MORE}.items():
        yield name, text
        for form in ("NFC", "NFD"):
            other = unicodedata.normalize(form, text)
            if other != text:
                yield f"{name} in {form}", other


MOST_TRIES = 2_000  # each is one or two calls of a tokenizer, about 20 µs


def shrunk(text: str, shows: Callable[[str], bool]) -> str:
    """A text of which no single character can be left out; `text` itself must show it.

    Halves, quarters and so on are left out as long as the rest shows it (delta debugging; Zeller and
    Hildebrandt 2002), then single characters; after MOST_TRIES the shortest so far is taken.

    >>> shrunk("the quick brown fox", lambda text: "q" in text and "x" in text)
    'qx'
    """
    tries, size = 0, max(1, len(text) // 2)
    while size:
        at, before = 0, text
        while at < len(text):
            shorter = text[:at] + text[at + size :]
            tries += 1
            if tries > MOST_TRIES:
                return text
            if shorter and shows(shorter):
                text = shorter
            else:
                at += size
        if size == 1 and text != before:
            continue  # leaving one out may make another needless
        size //= 2
    return text


def simplest(texts: list[str], shows: Callable[[str], bool]) -> str:
    """The shortest of several texts, each shrunk first."""
    return min((shrunk(text, shows) for text in texts), key=lambda text: (len(text), text))


MOST_KEPT = 64  # differing texts, the shortest of them, among which the plainest difference is sought
MOST_SHRUNK = 8  # of these, made shorter; the shortest is shown
MOST_TOKENS = 256  # tokens of one vocabulary only that are tried as texts


@dataclass(frozen=True)
class Difference:
    """A text that comes out differently, made as short as it goes, and what both sides make of it.

    `what` is ids, pair (given twice, as a pair) or decoded; a side that fails has its error as its one token.
    """

    what: str
    text: str
    ids: tuple[tuple[int, ...], tuple[int, ...]]
    tokens: tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, kw_only=True, repr=False)
class Sameness(Result, kind="sameness"):
    """What holds of two tokenizers; `verdict` is identical, alike or different.

    identical: nothing that matters is written differently. alike: it is, and no text shows it. `sizes` are
    highest id + 1; `moved` counts tokens of both under different ids, `only` those that one side has alone.
    """

    names: tuple[str, str]
    verdict: str
    reason: str
    sha256: tuple[str, str]
    sizes: tuple[int, int]
    moved: int
    only: tuple[int, int]
    parts: tuple[str, ...]
    roles: tuple[str, ...]
    texts: int
    differing: int
    example: Difference | None

    @property
    def passed(self) -> bool:
        """Whether nothing shows that they are two."""
        return self.verdict != "different"


def same(
    one: TokenizerSource,
    other: TokenizerSource,
    data: CorpusSource | None = None,
    *,
    progress: Progress = silent,
) -> Sameness:
    """Compare two tokenizers on the probes, on tokens that only one has, and on the texts of `data`.

    >>> import tokbench as tb
    >>> one, other = (tb.train(["a cat", "a hat"] * 9, "bpe", vocab_size=size) for size in (258, 259))
    >>> tb.same(one, one).verdict, tb.same(one, other).only
    ('identical', (0, 1))
    """
    sides = load(one), load(other)
    pair = [side.untruncated for side in sides]
    roles = [roles_of(side.config) for side in sides]
    named = [f"{role}: {roles[0].get(role)} | {roles[1].get(role)}" for role in roles[0] | roles[1]]
    both = all(side.config for side in sides)  # a bare tokenizer.json gives no roles
    unlike = [line for line in named if both and len(set(line.partition(": ")[2].split(" | "))) > 1]
    return compared((pair[0], pair[1]), (sides[0].name, sides[1].name), _texts(data, progress), tuple(unlike))


def compared(
    pair: tuple[Tokenizer, Tokenizer],
    names: tuple[str, str],
    texts: Iterable[list[str]] = (),
    roles: tuple[str, ...] = (),
) -> Sameness:
    """The same for two loaded tokenizers that neither cut nor pad; `roles` are lines on roles that differ."""
    parts = [canonical_parts(tokenizer) for tokenizer in pair]
    unlike = tuple(name for name in parts[0] if parts[0][name] != parts[1][name])
    vocabularies = [tokenizer.get_vocab(with_added_tokens=True) for tokenizer in pair]
    moved = sum(vocabularies[1].get(token, number) != number for token, number in vocabularies[0].items())
    alone = [sorted(mine.keys() - his.keys()) for mine, his in (vocabularies, vocabularies[::-1])]
    # what is made of the same parts needs no trying
    tried, differing, found = (0, 0, []) if not unlike else _tried(pair, texts, [*alone[0], *alone[1]])
    example = _example(pair, found) if found else None
    different = bool(found or moved or alone[0] or alone[1] or roles)
    sizes = [max(each.values(), default=-1) + 1 for each in vocabularies]
    return Sameness(
        names=names,
        verdict="different" if different else "alike" if unlike else "identical",
        reason=_reason(sizes, moved, alone, found, roles=roles, unlike=unlike),
        sha256=(part_fingerprint(parts[0]), part_fingerprint(parts[1])),
        sizes=(sizes[0], sizes[1]),
        moved=moved,
        only=(len(alone[0]), len(alone[1])),
        parts=unlike,
        roles=roles,
        texts=tried,
        differing=differing,
        example=example,
    )


def _tried(
    pair: tuple[Tokenizer, Tokenizer], texts: Iterable[list[str]], alone: list[str]
) -> tuple[int, int, list[str]]:
    """How many texts were tried, how many differ, and the shortest of these."""
    tried, differing, found = 0, 0, list[str]()
    for batch in _batches(texts, alone):
        unlike = _unlike(pair, batch)
        tried, differing = tried + len(batch), differing + len(unlike)
        found = sorted([*found, *unlike], key=len)[:MOST_KEPT]
    return tried, differing, found


def _batches(texts: Iterable[list[str]], alone: list[str]) -> Iterator[list[str]]:
    yield [text for _, text in probes()] + alone[:MOST_TOKENS]
    yield from texts


def _unlike(pair: tuple[Tokenizer, Tokenizer], batch: Sequence[str]) -> list[str]:
    """The texts of a batch whose ids differ; the probes are also decoded and given as pairs."""
    try:
        with wrap_library_errors("a tokenizer"):
            sides = [tokenizer.encode_batch_fast(batch) for tokenizer in pair]
    except FileError:  # one text at a time, to see which
        return [text for text in batch if _what(pair, text)]
    known = {text for _, text in probes()}
    return [
        text
        for text, one, other in zip(batch, *sides, strict=True)
        if one.ids != other.ids or (text in known and _what(pair, text))
    ]


def _what(pair: tuple[Tokenizer, Tokenizer], text: str) -> str:
    """In which way a text differs: ids, pair or decoded; "" when it does not."""
    return next((what for what, made in _WAYS.items() if made(pair[0], text) != made(pair[1], text)), "")


def _example(pair: tuple[Tokenizer, Tokenizer], found: list[str]) -> Difference:
    """The shortest text for the plainest difference there is."""
    ways = {text: _what(pair, text) for text in found}
    what = min(ways.values(), key=list(_WAYS).index)
    some = sorted((text for text, way in ways.items() if way == what), key=len)[:MOST_SHRUNK]
    text = simplest(some, lambda each: _WAYS[what](pair[0], each) != _WAYS[what](pair[1], each))
    made = [_WAYS[what](tokenizer, text) for tokenizer in pair]
    ids, tokens = [each[0] for each in made], [each[1] for each in made]
    return Difference(what, text, (ids[0], ids[1]), (tokens[0], tokens[1]))


Made = tuple[tuple[int, ...], tuple[str, ...]]


def _ids(tokenizer: Tokenizer, text: str) -> Made:
    return _made(tokenizer, text, None)


def _pair(tokenizer: Tokenizer, text: str) -> Made:
    return _made(tokenizer, text, text)


def _made(tokenizer: Tokenizer, text: str, second: str | None) -> Made:
    try:
        with wrap_library_errors("a tokenizer"):
            encoding = tokenizer.encode(text, second)
    except FileError as error:
        return (), (error.message,)
    if second is None:
        return tuple(encoding.ids), tuple(encoding.tokens)
    marked = zip(encoding.tokens, encoding.type_ids, strict=True)
    return tuple(encoding.ids), tuple(f"{token} in {segment}" for token, segment in marked)


def _decoded(tokenizer: Tokenizer, text: str) -> Made:
    try:
        with wrap_library_errors("a tokenizer"):
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            return tuple(ids), (tokenizer.decode(ids, skip_special_tokens=False),)
    except FileError as error:
        return (), (error.message,)


_WAYS: dict[str, Callable[[Tokenizer, str], Made]] = {"ids": _ids, "pair": _pair, "decoded": _decoded}


def _reason(
    sizes: list[int],
    moved: int,
    alone: list[list[str]],
    found: list[str],
    *,
    roles: tuple[str, ...],
    unlike: tuple[str, ...],
) -> str:
    """The verdict in one sentence."""
    if moved or alone[0] or alone[1]:
        if not moved and not alone[0]:
            return f"the second has all tokens of the first, under the same ids, and {len(alone[1]):,} more"
        if not moved and not alone[1]:
            return f"the first has all tokens of the second, under the same ids, and {len(alone[0]):,} more"
        if sizes[0] == sizes[1]:
            return f"same size, different vocabulary: {moved + len(alone[0]):,} of {sizes[0]:,} ids differ"
        return "the vocabularies differ in size, tokens or ids"
    if found:
        return f"one vocabulary, but texts come out differently: {', '.join(unlike)} differ"
    if roles:
        return "the same ids for every text, but other roles for its special tokens"
    if unlike:
        return f"written differently ({', '.join(unlike)}), and no text that was tried shows it"
    return "the same in everything that matters"


def _texts(data: CorpusSource | None, progress: Progress) -> Iterable[list[str]]:
    if data is None:
        return ()
    from tokbench.corpus.reading import as_corpus

    return as_corpus(data, progress=progress)
