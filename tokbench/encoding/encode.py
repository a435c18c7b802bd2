"""A text through a tokenizer, and ids back to text."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, overload

from tokbench.encoding.lengths import RowLengths, is_left, pad_of, windows
from tokbench.errors import UsageError, plural
from tokbench.io.library_errors import cannot_encode, library_errors_as
from tokbench.pretrained.chat_template import chat_text, chat_tokenizer
from tokbench.pretrained.folder import InMemoryFolder, TokenizerFolder, TokenizerSource, load
from tokbench.pretrained.token_facts import changed_flags, flag_words
from tokbench.results import Result
from tokbench.tracing.side_by_side import SideBySide, side_by_side
from tokbench.tracing.spelling import Speller, shown_tokens
from tokbench.tracing.trace import follow, follow_pair

if TYPE_CHECKING:
    from tokenizers import Encoding

    from tokbench.encoding.lengths import Pad
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


@dataclass(frozen=True, repr=False)
class EncodedBatch(Result, kind="encoded-batch", table="rows"):
    """Rows of several texts in order, or of what one text was cut into; a sequence of Encoded.

    texts: for each row the number of its text, from 0: the rows of a text stand together.
    """

    rows: tuple[Encoded, ...]
    texts: tuple[int, ...]

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    def __iter__(self) -> Iterator[Encoded]:
        """The rows in order."""
        return iter(self.rows)

    def __getitem__(self, row: int) -> Encoded:
        """The row of this number."""
        return self.rows[row]


class LengthOptions(TypedDict, total=False):
    """What encode takes besides of the lengths of rows."""

    max_length: int | None
    truncation: str
    truncation_side: str
    stride: int
    padding: str
    padding_side: str
    pad_to_multiple_of: int | None


@overload
def encode(  # type: ignore[overload-overlap]  # a str is an iterable of str, and is one text
    tokenizer: TokenizerSource,
    text: str,
    *,
    pair: str | None = None,
    overflow: Literal[False] = False,
    special: bool = True,
    **lengths: Unpack[LengthOptions],
) -> Encoded: ...


@overload
def encode(
    tokenizer: TokenizerSource,
    *,
    chat: Chat,
    overflow: Literal[False] = False,
    **lengths: Unpack[LengthOptions],
) -> Encoded: ...


@overload
def encode(
    tokenizer: TokenizerSource,
    text: Iterable[str],
    *,
    pair: Iterable[str] | None = None,
    overflow: bool = False,
    special: bool = True,
    **lengths: Unpack[LengthOptions],
) -> EncodedBatch: ...


@overload
def encode(
    tokenizer: TokenizerSource,
    text: str | None = None,
    *,
    pair: str | None = None,
    chat: Chat | None = None,
    overflow: Literal[True],
    special: bool = True,
    **lengths: Unpack[LengthOptions],
) -> EncodedBatch: ...


def encode(
    tokenizer: TokenizerSource,
    text: str | Iterable[str] | None = None,
    *,
    pair: str | Iterable[str] | None = None,
    chat: Chat | None = None,
    special: bool = True,
    max_length: int | None = None,
    truncation: str = "longest_first",
    truncation_side: str = "",
    overflow: bool = False,
    stride: int = 0,
    padding: str = "",
    padding_side: str = "",
    pad_to_multiple_of: int | None = None,
) -> Encoded | EncodedBatch:
    """Encode one text, a text and its pair, or several texts, each with a pair if `pair` is as many.

    `chat` is a conversation in the place of a text: messages, an object of messages and tools, or a JSON
    file of either, put through the chat template and encoded as apply_chat_template of transformers does,
    without the post_processor; the start of the next answer is added where the last message is not one.

    `max_length` tokens are kept, special ones included, as the library's truncation does: of a pair the
    longer gives up first (`truncation`: longest_first, only_first, only_second or none), at its right end or
    where tokenizer_config.json says (`truncation_side`). With `overflow` what is cut off makes rows of its
    own, each of which begins with the last `stride` tokens of the one before. `padding` fills rows up with
    the pad token, to the `longest` or to `max_length` (that of tokenizer_config.json where none is given), up
    to a multiple of `pad_to_multiple_of`, on `padding_side`. What tokenizer.json holds of truncation and
    padding is of no effect. `special` applies the post_processor.

    Gives Encoded for one text, EncodedBatch, a sequence of them, for several and with `overflow`.

    Raises UsageError where the library cannot encode, for example a model whose unknown token is missing,
    for lengths that cannot be met, and for padding without a pad token.

    >>> from tokenizers import Tokenizer, models, pre_tokenizers
    >>> tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "the": 1, "cat": 2}, "[UNK]"))
    >>> tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    >>> _ = tokenizer.add_special_tokens(["[PAD]"])
    >>> encode(tokenizer, "the cat sat").ids, encode(tokenizer, "the cat sat", max_length=2).pieces
    ((1, 2, 0), ('the', 'cat'))
    >>> [each.ids for each in encode(tokenizer, ["the cat", "cat"], padding="longest")]
    [(1, 2), (2, 3)]
    >>> [each.ids for each in encode(tokenizer, "the cat sat", max_length=2, overflow=True, stride=1)]
    [(1, 2), (2, 0)]
    """
    lengths = RowLengths(
        max_length,
        truncation,
        truncation_side,
        overflow,
        stride,
        padding,
        padding_side,
        pad_to_multiple_of,
    )
    folder = load(tokenizer)
    if chat is not None:
        _refuse_beside_a_chat(text=text, pair=pair)
        text, as_loaded, special = chat_text(folder, chat), chat_tokenizer(folder), False
        if as_loaded is not folder.untruncated:
            folder = InMemoryFolder(folder.name, as_loaded, folder.config)
    if text is None:
        raise UsageError("there is no text to encode", fix="give a text, texts, or chat=messages")
    asked = _texts_and_pairs(text, pair)
    rows = [_rows(folder, *each, lengths, special=special) for each in asked]
    numbers = tuple(number for number, several in enumerate(rows) for _ in several)
    padded = _padded([row for several in rows for row in several], pad_of(folder, lengths))
    return padded[0] if isinstance(text, str) and not overflow else EncodedBatch(tuple(padded), numbers)


def _texts_and_pairs(
    text: str | Iterable[str], pair: str | Iterable[str] | None
) -> list[tuple[str, str | None]]:
    """Each text with its pair; UsageError unless there are as many."""
    texts = [text] if isinstance(text, str) else list(text)
    if pair is None:
        return [(each, None) for each in texts]
    pairs = [pair] if isinstance(pair, str) else list(pair)
    if len(pairs) != len(texts):
        raise UsageError(
            f"{plural(len(texts), 'text')} and {plural(len(pairs), 'second text')} make no pairs",
            fix="give each text its pair, in the same order",
        )
    return list(zip(texts, pairs, strict=True))


def _refuse_beside_a_chat(**given: object) -> None:
    """UsageError for what says in another way than a chat what is to be read."""
    for name, value in given.items():
        if value is not None:
            raise UsageError(f"a chat is read alone, and there is a {name}", fix=f"leave out {name} or chat")


def _rows(
    folder: TokenizerFolder, text: str, pair: str | None, lengths: RowLengths, *, special: bool
) -> list[Encoded]:
    """The row of a text and its pair, and those of what was cut off."""
    with library_errors_as(lambda error: cannot_encode(folder.name, error), also=(Exception,)):
        encoding = folder.untruncated.encode(text, pair, add_special_tokens=special)
    whole = _whole(folder, (text, pair or ""), encoding)
    if lengths.max_length is None:
        return [whole]
    chosen = windows(encoding.sequence_ids, lengths, left=is_left(folder, lengths))
    return [_chosen(whole, places) for places in chosen]


def _whole(folder: TokenizerFolder, sources: tuple[str, str], encoding: Encoding) -> Encoded:
    outline = folder.outline
    which = (sequence or 0 for sequence in encoding.sequence_ids)
    unknown = _unknown_id(folder, outline)
    pieces = tuple(sources[at][start:end] for at, (start, end) in zip(which, encoding.offsets, strict=True))
    shown = list(shown_tokens(encoding.tokens, pieces, encoding.offsets, Speller(outline)))
    return Encoded(
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


def _chosen(row: Encoded, places: Sequence[int]) -> Encoded:
    """The tokens at these places."""
    columns = {each.name: getattr(row, each.name) for each in fields(row)}
    return Encoded(**{name: tuple(column[at] for at in places) for name, column in columns.items()})


def _padded(rows: list[Encoded], pad: Pad | None) -> list[Encoded]:
    """The rows, filled up to one length."""
    if pad is None:
        return rows
    width = pad.width([len(row.ids) for row in rows])
    filling = Encoded(
        tokens=(pad.token,),
        ids=(pad.id,),
        offsets=((0, 0),),
        pieces=("",),
        shown=(pad.token,),
        partial=(False,),
        type_ids=(pad.type_id,),
        attention_mask=(0,),
        special_tokens_mask=(1,),
        unknown=(False,),
        special=(True,),
    )
    return [_joined(row, _chosen(filling, [0] * (width - len(row.ids))), left=pad.left) for row in rows]


def _joined(row: Encoded, filling: Encoded, *, left: bool) -> Encoded:
    first, second = (filling, row) if left else (row, filling)
    return Encoded(
        **{each.name: getattr(first, each.name) + getattr(second, each.name) for each in fields(row)}
    )


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
