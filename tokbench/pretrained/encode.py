"""A text through a tokenizer, and ids back to text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from tokbench.errors import AskedWrongly
from tokbench.pretrained.folder import TokenizerFolder


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """Tokens of a text in order; every sequence has the same length T.

    `pieces` are the parts of the text that the tokens stand for ("" for special tokens), by `offsets`,
    which count characters of the text (of the pair where `type_ids` says so).
    """

    tokens: tuple[str, ...]
    ids: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]
    pieces: tuple[str, ...]
    type_ids: tuple[int, ...]
    attention_mask: tuple[int, ...]
    special_tokens_mask: tuple[int, ...]
    unknown: tuple[bool, ...]


@dataclass(frozen=True)
class Decoded:
    """The text that ids stand for, and their tokens."""

    text: str
    tokens: tuple[str, ...]


def encode(folder: TokenizerFolder, text: str, pair: str | None = None, *, special: bool = True) -> Encoded:
    """Encode one text, or a text and its pair, without padding or truncation.

    Raises AskedWrongly where the library cannot encode, for example a model whose unknown token is missing.
    """
    tokenizer = Tokenizer.from_str(folder.tokenizer.to_str())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    try:
        encoding = tokenizer.encode(text, pair, add_special_tokens=special)
    except Exception as error:  # the library's errors have no class of their own
        raise AskedWrongly(
            f"{folder.name} cannot encode this text: {error}", fix=f"tokbench check {folder.name}"
        ) from error
    sources = (text, pair or "")
    which = (sequence or 0 for sequence in encoding.sequence_ids)
    unknown = folder.raw.get("model", {}).get("unk_token") or folder.config.get("unk_token")
    return Encoded(
        tokens=tuple(encoding.tokens),
        ids=tuple(encoding.ids),
        offsets=tuple(encoding.offsets),
        pieces=tuple(
            sources[at][start:end] for at, (start, end) in zip(which, encoding.offsets, strict=True)
        ),
        type_ids=tuple(encoding.type_ids),
        attention_mask=tuple(encoding.attention_mask),
        special_tokens_mask=tuple(encoding.special_tokens_mask),
        unknown=tuple(token == unknown for token in encoding.tokens),
    )


def decode(folder: TokenizerFolder, ids: Sequence[int], *, skip_special_tokens: bool = False) -> Decoded:
    """Decode ids; raises AskedWrongly naming the first id that no token has."""
    tokens = [folder.tokenizer.id_to_token(each) if 0 <= each < 2**32 else None for each in ids]
    if None in tokens:
        wrong = ids[tokens.index(None)]
        raise AskedWrongly(
            f"{folder.name} has no token with the id {wrong}", fix=f"tokbench info {folder.name}"
        )
    text = folder.tokenizer.decode(list(ids), skip_special_tokens=skip_special_tokens)
    return Decoded(text, tuple(token for token in tokens if token is not None))
