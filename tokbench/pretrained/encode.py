"""A text through a tokenizer, and ids back to text."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import compress
from typing import TYPE_CHECKING, Any, overload

from tokbench.errors import UsageError
from tokbench.io.library_errors import cannot_encode, library_errors_as
from tokbench.pretrained.chat_template import chat_text, chat_tokenizer
from tokbench.pretrained.folder import InMemoryFolder, TokenizerFolder, TokenizerSource, load
from tokbench.pretrained.token_facts import changed_flags, flag_words
from tokbench.results import Result
from tokbench.tracing.side_by_side import SideBySide, side_by_side
from tokbench.tracing.spelling import Speller, shown_tokens
from tokbench.tracing.trace import follow, follow_pair

if TYPE_CHECKING:
    from tokbench.pretrained.chat_template import Chat
    from tokbench.tracing.post_model import PairTrace
    from tokbench.tracing.steps import Trace


@dataclass(frozen=True, kw_only=True, repr=False)
class Encoded(
    Result,
    kind="encoded",
    table=(
        "tokens",
        "ids",
        "offsets",
        "pieces",
        "partial",
        "type_ids",
        "attention_mask",
        "special_tokens_mask",
        "unknown",
        "special",
    ),
):
    """Tokens of a text in order; every sequence has the same length T.

    `pieces` are the parts of the text that the tokens stand for ("" for special tokens), by `offsets`,
    which count characters of the text (of the pair where `type_ids` says so). `shown` is what a person typed,
    with bytes that are no whole character as ‹EAB0› and special tokens by name; `partial` marks parts of a
    character. `special` marks special tokens, those written in the text too, and `special_tokens_mask` those
    that the post_processor put in.
    """

    tokens: tuple[str, ...]
    ids: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]
    pieces: tuple[str, ...]
    shown: tuple[str, ...]
    partial: tuple[bool, ...]
    type_ids: tuple[int, ...]
    attention_mask: tuple[int, ...]
    special_tokens_mask: tuple[int, ...]
    unknown: tuple[bool, ...]
    special: tuple[bool, ...] = ()


@dataclass(frozen=True, repr=False)
class Decoded(Result, kind="decoded", table=("tokens", "shown", "partial", "special")):
    """The text that ids stand for, and their tokens; `shown` and `partial` as in Encoded."""

    text: str
    tokens: tuple[str, ...]
    shown: tuple[str, ...]
    partial: tuple[bool, ...]
    special: tuple[bool, ...]


@overload
def encode(  # type: ignore[overload-overlap]  # a str is an iterable of str, and is one text
    tokenizer: TokenizerSource,
    text: str,
    *,
    pair: str | None = None,
    max_length: int | None = None,
    special: bool = True,
) -> Encoded: ...


@overload
def encode(tokenizer: TokenizerSource, *, chat: Chat, max_length: int | None = None) -> Encoded: ...


@overload
def encode(
    tokenizer: TokenizerSource,
    text: Iterable[str],
    *,
    pair: None = None,
    max_length: int | None = None,
    special: bool = True,
) -> list[Encoded]: ...


def encode(
    tokenizer: TokenizerSource,
    text: str | Iterable[str] | None = None,
    *,
    pair: str | None = None,
    chat: Chat | None = None,
    max_length: int | None = None,
    special: bool = True,
) -> Encoded | list[Encoded]:
    """Encode one text, a text and its pair, each of several texts, or a chat, without padding.

    `chat` is a conversation in the place of a text: messages, an object of messages and tools, or a JSON
    file of either, put through the chat template and encoded as apply_chat_template of transformers does,
    without the post_processor; the start of the next answer is added where the last message is not one.

    `max_length` tokens are kept, special ones included, as the library's truncation does: of a pair the
    longer is cut first; the left end goes where tokenizer_config.json says so. What tokenizer.json holds of
    truncation and padding is of no effect. `special` applies the post_processor.

    Raises UsageError where the library cannot encode, for example a model whose unknown token is missing,
    and for a `max_length` in which the special tokens do not fit.

    >>> from tokenizers import Tokenizer, models, pre_tokenizers
    >>> tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "the": 1, "cat": 2}, "[UNK]"))
    >>> tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    >>> encode(tokenizer, "the cat sat").ids, encode(tokenizer, "the cat sat", max_length=2).pieces
    ((1, 2, 0), ('the', 'cat'))
    >>> [each.ids for each in encode(tokenizer, ["the cat", "cat"])]
    [(1, 2), (2,)]
    """
    folder, how = load(tokenizer), _How(max_length, special)
    if chat is not None:
        _refuse_beside_a_chat(text=text, pair=pair)
        text, as_loaded = chat_text(folder, chat), chat_tokenizer(folder)
        if as_loaded is not folder.untruncated:
            folder = InMemoryFolder(folder.name, as_loaded, folder.config)
        return _encoded(folder, text, None, _How(max_length, special=False))
    if text is None:
        raise UsageError("there is no text to encode", fix="give a text, texts, or chat=messages")
    if isinstance(text, str):
        return _encoded(folder, text, pair, how)
    if pair is not None:
        raise UsageError("a pair belongs to one text", fix="encode the pairs one by one")
    return [_encoded(folder, each, None, how) for each in text]


def _refuse_beside_a_chat(**given: object) -> None:
    """UsageError for what says in another way than a chat what is to be read."""
    for name, value in given.items():
        if value is not None:
            raise UsageError(f"a chat is read alone, and there is a {name}", fix=f"leave out {name} or chat")


@dataclass(frozen=True)
class _How:
    """How many tokens are kept, and whether the post_processor is applied."""

    max_length: int | None
    special: bool


def _encoded(folder: TokenizerFolder, text: str, pair: str | None, how: _How) -> Encoded:
    with library_errors_as(lambda error: cannot_encode(folder.name, error), also=(Exception,)):
        encoding = folder.untruncated.encode(text, pair, add_special_tokens=how.special)
    sources, outline = (text, pair or ""), folder.outline
    which = (sequence or 0 for sequence in encoding.sequence_ids)
    unknown = _unknown_id(folder, outline)
    pieces = tuple(sources[at][start:end] for at, (start, end) in zip(which, encoding.offsets, strict=True))
    shown = list(shown_tokens(encoding.tokens, pieces, encoding.offsets, Speller(outline)))
    whole = Encoded(
        tokens=tuple(encoding.tokens),
        ids=tuple(encoding.ids),
        offsets=tuple(encoding.offsets),
        pieces=pieces,
        shown=tuple(words for words, _ in shown),
        partial=tuple(partial for _, partial in shown),
        type_ids=tuple(encoding.type_ids),
        attention_mask=tuple(encoding.attention_mask),
        special_tokens_mask=tuple(encoding.special_tokens_mask),
        unknown=tuple(each == unknown for each in encoding.ids),
        special=tuple(
            bool(masked) or token in folder.special_contents
            for token, masked in zip(encoding.tokens, encoding.special_tokens_mask, strict=True)
        ),
    )
    if how.max_length is None:
        return whole
    kept = _kept(encoding.sequence_ids, how.max_length, left=folder.config.get("truncation_side") == "left")
    return Encoded(**{each.name: tuple(compress(getattr(whole, each.name), kept)) for each in fields(whole)})


def _kept(sequences: Sequence[int | None], max_length: int, *, left: bool) -> list[bool]:
    """Which tokens truncation keeps, by the text that each is of; None, a special token, always stays.

    >>> _kept([None, 0, 0, 0, None, 1, None], 6, left=False)
    [True, True, True, False, True, True, True]
    """
    around = sequences.count(None)
    if max_length < around:
        raise UsageError(
            f"max_length {max_length} has no room for the {around} special tokens",
            fix=f"max_length={around + 1} or more, or special=False",
        )
    sizes = _truncated_sizes(sequences.count(0), sequences.count(1), max_length - around)
    order = range(len(sequences))
    kept = [each is None for each in sequences]
    for at in reversed(order) if left else order:
        sequence = sequences[at]
        if sequence is not None and sizes[sequence] > 0:
            kept[at], sizes[sequence] = True, sizes[sequence] - 1
    return kept


def _truncated_sizes(first: int, second: int, room: int) -> list[int]:
    """Tokens of a text and its pair that stay: truncate_encodings, LongestFirst, in the library.

    >>> _truncated_sizes(9, 2, 6), _truncated_sizes(9, 8, 7), _truncated_sizes(8, 9, 7)
    ([4, 2], [4, 3], [3, 4])
    """
    if first + second <= room:
        return [first, second]
    if not second:
        return [room, 0]
    low, high = sorted((first, second))
    high = low if low > room else max(low, room - low)
    if low + high > room:
        low, high = room // 2, room // 2 + room % 2
    return [high, low] if first > second else [low, high]


def _unknown_id(folder: TokenizerFolder, outline: Mapping[str, Any]) -> int | None:
    """The id of the unknown token; Unigram names it by id, and gives the text itself as the token."""
    model = outline["model"]
    if model.get("unk_id") is not None:
        return int(model["unk_id"])
    token = model.get("unk_token") or folder.config.get("unk_token")
    return folder.tokenizer.token_to_id(token) if isinstance(token, str) else None


def decode(tokenizer: TokenizerSource, ids: Sequence[int], *, skip_special_tokens: bool = False) -> Decoded:
    """The text that ids stand for, and their tokens; UsageError for the first id that no token has.

    >>> from tokenizers import Tokenizer, models
    >>> tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "the": 1, "cat": 2}, "[UNK]"))
    >>> decode(tokenizer, [1, 2]).text
    'the cat'
    """
    folder = load(tokenizer)
    tokens = [folder.tokenizer.id_to_token(each) if 0 <= each < 2**32 else None for each in ids]
    if None in tokens:
        wrong = ids[tokens.index(None)]
        raise UsageError(
            f"{folder.name} has no token with the id {wrong}", fix=f"tokbench info {shlex.quote(folder.name)}"
        )
    text = folder.tokenizer.decode(list(ids), skip_special_tokens=skip_special_tokens)
    named = tuple(token for token in tokens if token is not None)
    speller = Speller(folder.outline)
    spelled = [speller.spell(token) for token in named]
    return Decoded(
        text=text,
        tokens=named,
        shown=tuple(words for words, _ in spelled),
        partial=tuple(partial for _, partial in spelled),
        special=tuple(token in folder.special_contents for token in named),
    )


def trace(
    tokenizer: TokenizerSource,
    text: str | None = None,
    *,
    pair: str | None = None,
    chat: Chat | None = None,
    against: TokenizerSource | None = None,
    span: tuple[int, int] | None = None,
) -> Trace | PairTrace | SideBySide:
    """Every step of a text through a tokenizer: of it and its pair, or beside the steps of a second one.

    `chat` is a conversation in the place of a text, as encode takes it.
    `span`, the first character and the one behind the last, asks why those are not one token. UsageError for
    what is asked of one text, and a pair was given, and where the library cannot encode.

    >>> from tokenizers import Tokenizer, models, pre_tokenizers
    >>> tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0, "cat": 1, "##s": 2}, unk_token="[UNK]"))
    >>> tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    >>> followed = trace(tokenizer, "cats")
    >>> [step.name for step in followed.steps], followed.ids
    (['text', 'Whitespace', 'WordPiece', 'none'], (1, 2))
    """
    folder = load(tokenizer)
    if chat is not None:
        _refuse_beside_a_chat(text=text, pair=pair, against=against)
        return follow(chat_tokenizer(folder, bare=True), chat_text(folder, chat), name=folder.name, span=span)
    if text is None:
        raise UsageError("there is no text to trace", fix="give a text, or chat=messages")
    if pair is not None:
        for option, value in (("--against", against), ("--why", span)):
            if value is not None:
                raise UsageError(f"{option} is asked of one text, and --pair of two", fix="ask one at a time")
        paired = follow_pair(folder.untruncated, text, pair, name=folder.name)
        return replace(paired, notes=(*paired.notes, *_saved(folder)))
    traced = follow(folder.untruncated, text, name=folder.name, span=span)
    traced = replace(traced, notes=(*traced.notes, *_saved(folder)))
    if against is None:
        return traced
    second = load(against)
    return side_by_side(traced, follow(second.untruncated, text, name=second.name, span=span))


def _saved(folder: TokenizerFolder) -> list[str]:
    """What a trace says of lengths that are saved and not applied, and of flags that transformers changes."""
    lengths = [f"saved in it: {folder.saved_lengths}"] if folder.saved_lengths else []
    changed = flag_words(changed_flags(folder.tokenizer, folder.config))
    return [*lengths, f"transformers loads it with {'; '.join(changed)}"] if changed else lengths
