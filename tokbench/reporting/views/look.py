"""Views of what a tokenizer is and does: info, encoded texts, decoded ids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tokbench.errors import plural
from tokbench.pretrained.token_facts import flag_words
from tokbench.reporting.elements import (
    Chips,
    Facts,
    Grid,
    Headline,
    Paragraph,
    Part,
    chip_kinds,
    seen,
    visible,
)

if TYPE_CHECKING:
    from tokbench.encoding.decode_corpus import DecodedCorpus
    from tokbench.encoding.encode import Decoded, Encoded, EncodedBatch
    from tokbench.finetuning.aligned import AlignedRow
    from tokbench.pretrained.chat_facts import ChatFacts
    from tokbench.pretrained.info import TokenizerInfo


def info(result: TokenizerInfo) -> Iterator[Part]:
    """Sizes, blocks in the order a text meets them, special tokens."""
    yield Facts(
        [
            ("tokenizer", result.name),
            ("model", result.model),
            ("tokens", _tokens(result)),
            ("rows needed", f"{result.rows_needed:,}"),
            ("longest input", f"{result.model_max_length:,}" if result.model_max_length else "not set"),
            ("padding side", result.padding_side),
            ("inputs", ", ".join(result.model_input_names)),
            *([("saved", result.saved_lengths)] if result.saved_lengths else []),
            ("class", result.tokenizer_class or "not set: transformers will not know the special tokens"),
        ]
    )
    yield Grid(("block", "what"), list(_blocks(result)))
    if result.special_tokens:
        rows = [
            (role, token, "not in the vocabulary" if at is None else at)
            for role, (token, at) in result.special_tokens.items()
        ]
        yield Grid(("role", "special token", "id"), rows, right=("id",))
    if result.loaded_as:
        yield Facts([("loads as", ", ".join(flag_words(result.loaded_as)))])
    if result.chat is not None:
        yield Facts(list(_chat(result.chat)))


def _chat(chat: ChatFacts) -> Iterator[tuple[str, object]]:
    """The template's own facts: where from, whom it takes, what it writes around an answer."""
    others = [name for name in chat.names if name != "default"]
    yield "chat template", chat.source + (f"; also {', '.join(others)}" if others else "")
    if chat.problem:
        yield "chat", f"takes no conversation of two turns: {chat.problem}"
        return
    yield "chat roles", ", ".join(chat.roles) + (", in turns" if chat.alternates else "")
    yield "chat tools", "yes" if chat.tools else "no: they are left out"
    yield "answer begins", visible(chat.prompt) or "at once: add_generation_prompt adds nothing"
    token = "no token" if chat.ends_with is None else f"{chat.ends_with} = {chat.ends_with_id}"
    yield "answer ends", f"{visible(chat.ending) or 'with nothing'} ({token})"


def _tokens(result: TokenizerInfo) -> str:
    model, whole = result.vocab_size, result.added_tokens
    return f"{result.tokens:,} ({model:,} of the model; {whole:,} are matched whole before it)"


def _blocks(result: TokenizerInfo) -> Iterator[tuple[str, str]]:
    for name, blocks in (
        ("normalizer", result.normalizers),
        ("pre_tokenizer", result.pre_tokenizers),
        ("model", (result.model,)),
        ("post_processor", result.post_processor),
        ("decoder", result.decoders),
    ):
        for block in blocks or ("none",):
            yield name, block


def encoded(result: Encoded) -> Iterator[Part]:
    """The text as coloured chips, then a row a token."""
    kinds = chip_kinds(result.special or result.special_tokens_mask, result.partial, result.unknown)
    details = [
        f"{token} · id {number} · characters {_span(offsets)}"
        for token, number, offsets in zip(result.tokens, result.ids, result.offsets, strict=True)
    ]
    yield Chips(list(zip(map(seen, result.shown), kinds, strict=True)), ids=result.ids, details=details)
    rows = zip(
        result.ids,
        result.tokens,
        map(visible, result.shown),
        map(_span, result.offsets),
        result.type_ids,
        strict=True,
    )
    yield Grid(("id", "token", "text", "characters", "type"), list(rows), right=("id", "characters", "type"))


def encoded_batch(result: EncodedBatch) -> Iterator[Part]:
    """Each row as coloured chips, under the number of its text where there are several."""
    for at, (number, row) in enumerate(zip(result.texts, result.rows, strict=True)):
        kinds = chip_kinds(row.special or row.special_tokens_mask, row.partial, row.unknown)
        windows = result.texts.count(number)
        window = f", window {at - result.texts.index(number) + 1} of {windows}" if windows > 1 else ""
        yield Paragraph(f"text {number + 1}{window}: {plural(len(row.ids), 'token')}")
        yield Chips(list(zip(map(seen, row.shown), kinds, strict=True)), ids=row.ids)


def aligned(result: AlignedRow) -> Iterator[Part]:
    """The tokens as chips, then what each is told: its word, its label, the number that the loss gets."""
    said = f"{result.file}, row {result.row:,} of {result.rows:,}; tags read as {result.scheme}"
    yield Paragraph(said)
    kinds = chip_kinds(result.special, [False] * len(result.ids))
    yield Chips(list(zip(map(seen, result.shown), kinds, strict=True)), ids=result.ids)
    rows = zip(
        result.ids,
        result.tokens,
        map(visible, result.units),
        result.labels,
        result.label_ids,
        strict=True,
    )
    yield Grid(("id", "token", "word", "label", "label id"), list(rows), right=("id", "label id"))
    if result.lost:
        yield Paragraph(f"no token speaks for: {', '.join(map(visible, result.lost))}")


def decoded_corpus(result: DecodedCorpus) -> Iterator[Part]:
    """How much there is, and where."""
    where = result.output or "decoded"
    yield Headline(f"{where}: {plural(result.texts, 'text')} of {plural(result.tokens, 'token')}", "good")


def _span(offsets: tuple[int, int]) -> str:
    return f"{offsets[0]}–{offsets[1]}"


def decoded(result: Decoded) -> Iterator[Part]:
    """The text alone, so that it can be piped on."""
    yield Paragraph(result.text, verbatim=True)


def decoded_chips(result: Decoded) -> Iterator[Part]:
    """For eyes: the tokens as chips above the text."""
    kinds = chip_kinds(result.special, result.partial)
    yield Chips(list(zip(map(seen, result.shown), kinds, strict=True)))
    yield Paragraph(result.text, verbatim=True)
