"""Tokens added to a tokenizer, in one go however many they are; every one is proved to be met in texts."""

from __future__ import annotations

import json
import shlex
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import AddedToken, Tokenizer

from tokbench.errors import DataError, FileError, UsageError, did_you_mean
from tokbench.io.json_files import MIB, read_text, uncollected
from tokbench.io.library_errors import wrap_library_errors
from tokbench.pretrained.folder import tokenizer_text
from tokbench.pretrained.neighbours import CONTENT, Harm, harms, remedy
from tokbench.pretrained.special_tokens import (
    Move,
    moved_roles,
    refuse_unknown_roles,
    special_tokens_of,
    with_moves,
)
from tokbench.pretrained.unused_tokens import take_unused
from tokbench.pretrained.wrap import portable_config
from tokbench.recipes.validate import empty_tokens, equal_tokens

if TYPE_CHECKING:
    from tokbench.pretrained.folder import TokenizerFolder

LARGEST = 64 * MIB


@dataclass(frozen=True, kw_only=True)
class MatchFlags:
    """How a token is looked for.

    `single_word`: never inside a longer word; None decides by its look (a word of spaced text: yes).
    `lstrip` and `rstrip`: the spaces before or behind it belong to it. `normalized`: looked for in the text
    as the normalizer leaves it, so that case follows the tokenizer, or in the raw text; None does the latter
    for markup, and the first for words where that works.
    """

    single_word: bool | None = None
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool | None = None


@dataclass(frozen=True, kw_only=True)
class TokenList:
    """Tokens of a file: special ones, regular ones, and how those are met that the file tells it of."""

    special: tuple[str, ...] = ()
    regular: tuple[str, ...] = ()
    matching: Mapping[str, MatchFlags] = field(default_factory=dict)


KEYS = ("content", "special", *(each.name for each in fields(MatchFlags)))
EXAMPLE = '[{"content": "COVID", "single_word": true}, {"content": "[E1]", "special": true}]'


def read_token_list(path: Path, *, special: bool) -> TokenList:
    """The tokens of a text file, one a line, or of a JSON list of strings and objects.

    `special` says what a token is that does not say so itself. FileError for a file without tokens,
    DataError for an entry that is none.
    """
    text = read_text(Path(path), limit=LARGEST)
    if Path(path).suffix.lower() != ".json":
        tokens = tuple(line.strip() for line in text.splitlines() if line.strip())
        found = TokenList(special=tokens) if special else TokenList(regular=tokens)
    else:
        found = _from_json(text, str(path), special=special)
    if not (found.special or found.regular):
        raise FileError(f"{path} has no tokens", fix="write one token a line, or a JSON list of them")
    return found


def token_list(
    special: Sequence[str], regular: Sequence[str], special_file: Path | None, token_file: Path | None
) -> TokenList:
    """Tokens by name and those of two files as one list, in this order."""
    lists = [TokenList(special=tuple(special), regular=tuple(regular))]
    lists += [read_token_list(special_file, special=True)] if special_file else []
    lists += [read_token_list(token_file, special=False)] if token_file else []
    return TokenList(
        special=tuple(token for each in lists for token in each.special),
        regular=tuple(token for each in lists for token in each.regular),
        matching={token: how for each in lists for token, how in each.matching.items()},
    )


def _from_json(text: str, name: str, *, special: bool) -> TokenList:
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise FileError(f"{name} is not JSON: {error}", fix=f"write a list: {EXAMPLE}") from error
    if isinstance(entries, Mapping):  # added_tokens of a tokenizer.json, or a vocabulary
        entries = entries.get("added_tokens", list(entries))
    if not isinstance(entries, list):
        raise FileError(f"{name} holds no list", fix=f"write a list: {EXAMPLE}")
    sorts: dict[bool, list[str]] = {True: [], False: []}
    matching = {}
    for place, entry in enumerate(entries):
        content, is_special, how = _entry(entry, f"{name}, entry {place}", special=special)
        sorts[is_special].append(content)
        if how is not None:
            matching[content] = how
    return TokenList(special=tuple(sorts[True]), regular=tuple(sorts[False]), matching=matching)


def _entry(entry: object, where: str, *, special: bool) -> tuple[str, bool, MatchFlags | None]:
    if isinstance(entry, str):
        return entry, special, None
    if not isinstance(entry, Mapping) or not isinstance(entry.get("content"), str):
        raise DataError(f"{where} is neither a string nor an object with content", fix=f"such as {EXAMPLE}")
    for key, value in entry.items():
        _refuse_oddities(str(key), value, where)
    chosen: dict[str, Any] = {
        each.name: entry[each.name] for each in fields(MatchFlags) if each.name in entry
    }
    return entry["content"], entry.get("special", special), MatchFlags(**chosen) if chosen else None


def _refuse_oddities(key: str, value: object, where: str) -> None:
    if key not in (*KEYS, "id"):  # an id is given by the tokenizer; a copied one is passed over
        raise DataError(f"{where} has an unknown key {key}", fix=did_you_mean(key, KEYS))
    if key not in ("content", "id") and not isinstance(value, bool):
        raise DataError(f"{where}: {key} is {value!r}, not true or false", fix=f"such as {EXAMPLE}")


# Scripts that write words without spaces between them, or (Hangul) particles right behind them.
UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "BOPOMOFO")
PLACES_OF_WORDS = ("{}", "see {} here", "({})")
PLACES_OF_MARKUP = ("{}", "see {} here", "x{}x")  # markup stands inside words as well
DEFAULT_MATCH = MatchFlags()
MANY_HOLES = 10_000
FILLER = "<no token {}>"  # spaces inside: no word of a text is equal to it


@dataclass(frozen=True)
class AddTokensPlan:
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


def plan_added_tokens(
    old: Tokenizer,
    special: Sequence[str],
    regular: Sequence[str],
    *,
    unknown: int | None,
    raw: Collection[str] = (),
) -> AddTokensPlan:
    """Sort the tokens asked for; UsageError for empty, repeated, malformed and equal ones.

    Tokens in `raw` are looked for before the normalizer, so it makes none of them equal to another.
    """
    _refuse_malformed([*special, *regular])
    known = {token: old.token_to_id(token) for token in (*special, *regular)}
    exist = {token: number for token, number in known.items() if number is not None}
    whole = _already_whole(old, [token for token in regular if token not in raw], unknown)
    already_special = special_tokens_of(old)
    new = [token for token in regular if token not in exist and token not in whole]
    _refuse_equals(old, [token for token in new if token not in raw])
    return AddTokensPlan(
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


def _refuse_malformed(tokens: Sequence[str]) -> None:
    if not tokens:
        raise UsageError("no tokens were given", fix="name one: --special '[E1]' or --token COVID")
    seen = set()
    for token in tokens:
        if not token.strip():
            raise UsageError(f"a token is empty: {token!r}", fix="leave it out")
        if token in seen:
            raise UsageError(f"{token} is named twice", fix="name it once, as special or as regular")
        if any("\ud800" <= letter <= "\udfff" for letter in token):
            raise UsageError(f"a token is not text: {token!a}", fix="write it in UTF-8")
        seen.add(token)


def _refuse_equals(old: Tokenizer, tokens: Sequence[str]) -> None:
    """Of two tokens that the normalizer makes equal, the second would never be met."""
    if old.normalizer is None:
        return
    seen: dict[str, str] = {}
    for token in tokens:
        form = old.normalizer.normalize_str(token)
        if form in seen:
            raise UsageError(
                f"{seen[form]} and {token} are one token here: the normalizer makes both {form!r}",
                fix=f"leave one of them out; {seen[form]} is met in both spellings",
            )
        seen[form] = token


def _refuse_equal_to_others(new: Tokenizer, plan: AddTokensPlan) -> None:
    """Of two tokens that the normalizer makes equal a text gets one, and another one after a reload."""
    asked = {*plan.all_special, *plan.all_regular}
    for token in empty_tokens(new.normalizer, new.get_added_tokens_decoder().values()):
        if token in asked:
            raise UsageError(
                f"the normalizer leaves nothing of {token!r}, and texts would be searched for that",
                fix="leave it out",
            )
    for form, tokens in equal_tokens(new.normalizer, new.get_added_tokens_decoder().values()).items():
        if mine := [token for token in tokens if token in asked]:
            [other, *_] = [token for token in tokens if token != mine[0]]
            raise UsageError(
                f"{other} and {mine[0]} are one token here: the normalizer makes both {form!r}",
                fix=f"leave {mine[0]} out, or have it met only as it is written: "
                f'{{"content": {json.dumps(mine[0], ensure_ascii=False)}, "normalized": false}}',
            )


def unreached(tokenizer: Tokenizer, plan: AddTokensPlan, alone: Collection[str] = ()) -> list[str]:
    """The tokens whose id some place does not give; markup in `alone` is not looked for inside words."""
    missed = [
        *_missed(tokenizer, [token for token in plan.all_special if token not in alone], PLACES_OF_MARKUP),
        *_missed(tokenizer, [token for token in plan.all_special if token in alone], PLACES_OF_WORDS),
        *_missed(tokenizer, plan.all_regular, PLACES_OF_WORDS),
    ]
    return list(dict.fromkeys(missed))


def why_unreached(tokenizer: Tokenizer, missed: Sequence[str]) -> str:
    """One sentence on the first of them, with what a text gives in its place."""
    first = missed[0]
    pieces = " ".join(tokenizer.encode(first, add_special_tokens=False).tokens)
    others = f" (and {len(missed) - 1:,} more)" if len(missed) > 1 else ""
    return f"{first} would never be met{others}: a text that holds it encodes as {pieces}"


def _missed(tokenizer: Tokenizer, tokens: Sequence[str], places: Sequence[str]) -> list[str]:
    texts = [place.replace("{}", token) for token in tokens for place in places]
    encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    added = {number: token.content for number, token in tokenizer.get_added_tokens_decoder().items()}
    found = zip((token for token in tokens for _ in places), encodings, strict=True)
    return [token for token, encoding in found if not _is_met(tokenizer, token, encoding.ids, added)]


def _is_met(tokenizer: Tokenizer, token: str, ids: Sequence[int], added: Mapping[int, str]) -> bool:
    """Whether the token is there, or a longer added one that holds it: `(COVID)` goes before `COVID`."""
    return tokenizer.token_to_id(token) in ids or any(token in added.get(number, "") for number in ids)


@dataclass(frozen=True, kw_only=True)
class Added:
    """A tokenizer with more tokens, and its config.

    `special` and `regular` are what is new, token → id; `existing` was asked for and had an id already, and
    `declared` are those of them that texts could not reach whole before and now can. `before` and `after`
    are the highest id + 1; holes among the old ids get filler tokens. `pieces` are each new token's ids
    under the OLD tokenizer, without the unknown token's. `roles` are those that moved to another token;
    `taken` is new token → the unused one whose id it has.
    `harms` are what goes wrong around new tokens, and `remedy` says what helps, "" where nothing does wrong.
    `text` is the tokenizer.json that the tokenizer was read back from, "" where it was made in another way.
    """

    tokenizer: Tokenizer = field(repr=False, metadata={"json": False})
    config: dict[str, Any] = field(repr=False)
    special: dict[str, int]
    regular: dict[str, int]
    existing: dict[str, int]
    declared: tuple[str, ...]
    before: int
    after: int
    holes_filled: int
    pieces: dict[str, tuple[int, ...]]
    roles: tuple[Move, ...] = ()
    taken: dict[str, str] = field(default_factory=dict)
    harms: tuple[Harm, ...] = ()
    remedy: str = ""
    text: str = field(default="", repr=False, metadata={"json": False})

    @cached_property
    def written(self) -> str:
        """What is written into tokenizer.json."""
        return self.text or tokenizer_text(self.tokenizer)


def with_tokens(
    folder: TokenizerFolder,
    *,
    special: Sequence[str] = (),
    regular: Sequence[str] = (),
    matching: Mapping[str, MatchFlags] | None = None,
    otherwise: MatchFlags = DEFAULT_MATCH,
    roles: Mapping[str, str] | None = None,
    use_unused: bool = False,
) -> Added:
    """Add special tokens (markup: never split, skipped by decode) and regular ones (words kept whole).

    A regular token that is a word matches only as a whole word; `matching` says for single tokens, and
    `otherwise` for all the rest, what differs from that. `roles` are role → token, added as special where it
    is new. Ids go on after the highest id; with `use_unused` those of [unused1] and its like go first.
    UsageError names a token that no text could reach.
    """
    refuse_unknown_roles(roles or {})
    old = without_truncation(folder)
    before = highest_id(old) + 1
    whole = _without_holes(old, before, name=folder.name)
    special = [*special, *(token for token in dict.fromkeys((roles or {}).values()) if token not in special)]
    with wrap_library_errors(folder.name, fix=f"tokbench check {shlex.quote(folder.name)}"):
        options = AddTokensOptions(matching or {}, otherwise)
        raw = {token for token in regular if options.of(token).normalized is False}
        plan = plan_added_tokens(old, special, regular, unknown=unknown_id(folder), raw=raw)
        whole, taken = _taken(whole, plan, options) if use_unused else (whole, {})
        ids = _ids(whole, plan.new, before)
        pieces = _pieces(old, plan.new, unknown_id(folder))
        filled = whole.get_vocab_size() - old.get_vocab_size()
        again = partial(_whole_again, folder, before, plan, options if use_unused else None)
        own = folder.own_tokenizer if whole is old else _in_turn(whole, again)
        del old, whole  # the folder's own may be changed now
        read, text = _grown(own, plan, ids, options)
        new, moves = moved_roles(read, folder.roles, roles or {})
    found = _harms_of(new, plan.new)
    extra = [*plan.special, *plan.declared_special]
    config = portable_config(folder, new, extra=extra, gone=taken.values())
    return Added(
        tokenizer=new,
        config=with_moves(config, moves) if moves else config,
        special={token: ids[token] for token in plan.special},
        regular={token: ids[token] for token in plan.regular},
        existing=plan.existing,
        declared=(*plan.declared_special, *plan.declared_regular),
        before=before,
        after=before + len(ids) - len(taken),
        holes_filled=filled,
        pieces=pieces,
        roles=moves,
        taken=taken,
        harms=found,
        remedy=_remedy(own(), new, found) if found else "",
        text=text if new is read else "",
    )


def _in_turn(first: Tokenizer, again: Callable[[], Tokenizer]) -> Callable[[], Tokenizer]:
    """What gives tokenizers to be changed: the one at hand, and after that others made anew."""
    made = [first]
    return lambda: made.pop() if made else again()


def _whole_again(
    folder: TokenizerFolder, before: int, plan: AddTokensPlan, unused: AddTokensOptions | None
) -> Tokenizer:
    """The tokenizer with its holes filled, and with the unused tokens taken where that was asked for."""
    whole = _without_holes(folder.own_tokenizer(), before, name=folder.name)
    return _taken(whole, plan, unused)[0] if unused else whole


def _taken(
    old: Tokenizer, plan: AddTokensPlan, options: AddTokensOptions
) -> tuple[Tokenizer, dict[str, str]]:
    """The tokenizer whose unused tokens bear the new names, and new token → the one it replaces."""
    special = set(plan.special)
    return take_unused(
        old, plan.new, lambda token: options.made(token, special=token in special, raw=token in special)
    )


def _ids(tokenizer: Tokenizer, tokens: Sequence[str], before: int) -> dict[str, int]:
    """The id that each new token gets: that of the name it has taken, else the next one."""
    found: dict[str, int] = {}
    for token in tokens:
        known = tokenizer.token_to_id(token)
        found[token] = before if known is None else known
        before += known is None
    return found


def highest_id(tokenizer: Tokenizer) -> int:
    """The highest id in use; -1 for an empty vocabulary. Never the count: there may be holes."""
    return max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)


def unknown_id(folder: TokenizerFolder) -> int | None:
    """The id that the model gives to what it does not know."""
    model: Mapping[str, Any] = folder.blocks["model"]
    if isinstance(model.get("unk_id"), int):
        return int(model["unk_id"])
    token = model.get("unk_token")
    return folder.tokenizer.token_to_id(token) if isinstance(token, str) else None


def without_truncation(folder: TokenizerFolder) -> Tokenizer:
    """The tokenizer without truncation and padding; FileError where its ids are not those of the file."""
    for entry in folder.blocks.get("added_tokens") or ():
        loaded = folder.tokenizer.token_to_id(entry["content"])
        if loaded != entry["id"]:
            raise FileError(
                f"{folder.name}: {entry['content']} has id {entry['id']}, but the library makes it {loaded}",
                fix=f"tokbench check {shlex.quote(folder.name)}",
            )
    return folder.untruncated


@dataclass(frozen=True)
class AddTokensOptions:
    """How each token shall be met: `own` by token, `otherwise` for those not named there."""

    own: Mapping[str, MatchFlags]
    otherwise: MatchFlags

    def of(self, token: str) -> MatchFlags:
        """The flags of a token."""
        return self.own.get(token, self.otherwise)

    def made(self, token: str, *, special: bool, raw: bool) -> AddedToken:
        """The library's token; `raw` is to look for it in the text as it is written."""
        flags = self.of(token)
        alone = is_whole_word(token) and not special
        return AddedToken(
            token,
            single_word=alone if flags.single_word is None else flags.single_word,
            lstrip=flags.lstrip,
            rstrip=flags.rstrip,
            normalized=not (special or raw) if flags.normalized is None else flags.normalized,
            special=special,
        )

    def alone(self, tokens: Sequence[str]) -> set[str]:
        """Those that were asked to be met only as words of their own."""
        return {token for token in tokens if self.of(token).single_word}


def _grown(
    own: Callable[[], Tokenizer], plan: AddTokensPlan, ids: Mapping[str, int], options: AddTokensOptions
) -> tuple[Tokenizer, str]:
    """Matched after the normalizer where that works, so that case follows the tokenizer; else as written.

    `own` gives the old tokenizer, to be changed. With the new one comes the text that it was read from.
    """
    raw_only: set[str] | None = None
    for _ in range(2):
        old = own()
        if raw_only is None:
            raw_only = {*empty_tokens(old.normalizer, map(AddedToken, plan.all_regular))}
        new, text = _added(old, plan, ids, raw_only, options)
        del old
        missed = [*unreached(new, plan, options.alone(plan.all_special)), *_taken_apart(new, plan, options)]
        if not missed:
            return new, text
        raw_only |= set(missed)
    raise UsageError(why_unreached(new, missed), fix="leave it out, or write it as texts have it")


def _taken_apart(tokenizer: Tokenizer, plan: AddTokensPlan, options: AddTokensOptions) -> list[str]:
    """Words whose letters the normalizer takes apart (accents, Hangul), so that they decode decomposed."""
    free = [token for token in plan.all_regular if options.of(token).normalized is None]
    forms = {harm.token: harm.seen for harm in _harms_of(tokenizer, free) if harm.kind == CONTENT}
    nfc = unicodedata.normalize
    return [token for token, seen in forms.items() if nfc("NFC", seen.strip()) == nfc("NFC", token)]


def _harms_of(tokenizer: Tokenizer, tokens: Sequence[str]) -> tuple[Harm, ...]:
    """What goes wrong around these tokens."""
    every, wanted = tokenizer.get_added_tokens_decoder(), set(tokens)
    return harms(tokenizer, {number: each for number, each in every.items() if each.content in wanted})


# Options of add-tokens, and the flags they set, in the order in which they are tried.
CURES: Mapping[str, Mapping[str, bool]] = {
    "--raw": {"normalized": False},
    "--rstrip": {"rstrip": True},
    "--single-word": {"single_word": True},
    "--single-word --rstrip": {"single_word": True, "rstrip": True},
}


def _remedy(old: Tokenizer, new: Tokenizer, found: Sequence[Harm]) -> str:
    """The option with which these tokens do no harm, each tried; else what the tokenizer's blocks need."""
    tokens = dict.fromkeys(harm.token for harm in found)
    made = [each for each in new.get_added_tokens_decoder().values() if each.content in tokens]
    for words, flags in CURES.items():
        tried = Tokenizer.from_str(old.to_str())
        tried.add_tokens([_flagged(each, flags) for each in made])
        if not _harms_of(Tokenizer.from_str(tried.to_str()), list(tokens)):
            return f"add {'it' if len(tokens) == 1 else 'them'} with {words}"
    if all(harm.kind == CONTENT for harm in found):
        return "spell it without ▁ and in ASCII, for its letters are written as the tokenizer's own marks"
    return remedy(json.loads(old.to_str()))


def _flagged(token: AddedToken, flags: Mapping[str, bool]) -> AddedToken:
    """The token with other flags."""
    own = {
        each: getattr(token, each) for each in ("single_word", "lstrip", "rstrip", "normalized", "special")
    }
    return AddedToken(token.content, **{**own, **flags})


def _added(
    new: Tokenizer, plan: AddTokensPlan, ids: Mapping[str, int], raw_only: set[str], options: AddTokensOptions
) -> tuple[Tokenizer, str]:
    """The tokens added to this one, read back from its text, and that: what a file keeps is what counts."""
    new.add_special_tokens([options.made(token, special=True, raw=True) for token in plan.all_special])
    new.add_tokens([options.made(token, special=False, raw=token in raw_only) for token in plan.all_regular])
    _refuse_equal_to_others(new, plan)
    text = tokenizer_text(new)
    again = Tokenizer.from_buffer(text.encode())
    for token, number in ids.items():
        if again.token_to_id(token) != number:
            raise UsageError(f"{token} would not get the id {number}", fix="leave it out")
    return again, text


def _without_holes(old: Tokenizer, before: int, *, name: str) -> Tokenizer:
    """The tokenizer, or where its ids have holes, a copy with fillers in them.

    The library counts on from the number of tokens, and that is an id in use when there are holes.
    """
    if before == old.get_vocab_size():
        return old
    holes = sorted(set(range(before)) - set(old.get_vocab().values()))
    if len(holes) > MANY_HOLES:
        raise FileError(
            f"the ids of {name} have {len(holes):,} holes", fix=f"tokbench check {shlex.quote(name)}"
        )
    with uncollected():
        raw = json.loads(old.to_str())
    raw["model"]["vocab"] |= {FILLER.format(hole): hole for hole in holes}  # Unigram's list has no holes
    return Tokenizer.from_str(json.dumps(raw))


def _pieces(old: Tokenizer, tokens: Sequence[str], unknown: int | None) -> dict[str, tuple[int, ...]]:
    encodings = old.encode_batch(list(tokens), add_special_tokens=False)
    return {
        token: tuple(number for number in encoding.ids if number != unknown)
        for token, encoding in zip(tokens, encodings, strict=True)
    }
