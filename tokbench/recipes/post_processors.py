"""Post-processors by name: they put special tokens around the pieces. Their ids are the vocabulary's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import processors as library
from tokenizers.processors import PostProcessor

from tokbench.errors import RecipeError, did_you_mean
from tokbench.recipes.options import blocks, flag, template, text_option
from tokbench.recipes.recipe import Block, read_blocks
from tokbench.recipes.registry import BlockSpec, make

PAIR_HINT = 'pair = "[CLS] $A [SEP] $B:1 [SEP]:1"'


@dataclass(frozen=True)
class TemplatePiece:
    """One place of a template: a text ("A" or "B") or a special token, and its type id."""

    text: str = ""
    token: str = ""
    type_id: int = 0


def pieces(places: str | Sequence[str]) -> tuple[TemplatePiece, ...]:
    """The places of a template, in order.

    >>> pieces("[CLS] $B:1")
    (TemplatePiece(text='', token='[CLS]', type_id=0), TemplatePiece(text='B', token='', type_id=1))
    """
    return tuple(_piece(part) for part in parts(places))


def parts(places: str | Sequence[str]) -> list[str]:
    """The places as they are written, however many spaces are between them."""
    return places.split() if isinstance(places, str) else list(places)


def _piece(part: str) -> TemplatePiece:
    """One place; `$1` is text A with type id 1, as in the library."""
    body, sign, number = part.rpartition(":")
    if not (sign and body and number.isdecimal()):
        body, number = part, "0"
    if not body.startswith("$"):
        return TemplatePiece(token=body, type_id=int(number))
    name = body[1:].upper()
    if name.isdecimal():
        return TemplatePiece(text="A", type_id=int(name))
    return TemplatePiece(text=name or "A", type_id=int(number))


def check_template(single: str | Sequence[str], pair: str | Sequence[str]) -> None:
    """RecipeError when a text has no place: the library would drop it without a word."""
    for name, given, needed in (("single", single, ["A"]), ("pair", pair, ["A", "B"])):
        if sorted(each.text for each in pieces(given) if each.text) != needed:
            places = " and ".join(f"${text}" for text in needed)
            raise RecipeError(
                f"post_processor TemplateProcessing: {name} must hold {places}, each once, not {given!r}",
                fix=PAIR_HINT if name == "pair" else 'single = "[CLS] $A [SEP]"',
            )


Ids = Mapping[str, int]
Template = str | list[str]


def post_processor(chosen: Block | None, ids: Ids) -> PostProcessor | None:
    """The post-processor with the ids of these tokens; RecipeError for a token that is not among them."""
    return None if chosen is None else make(chosen, post_processors(ids), "post_processor")


def post_processors(ids: Ids) -> dict[str, BlockSpec[PostProcessor]]:
    """The table, for a vocabulary with these special tokens."""

    def bert(sep: str, cls: str) -> PostProcessor:
        return library.BertProcessing(_found(sep, ids), _found(cls, ids))

    def roberta(sep: str, cls: str, *, trim_offsets: bool, add_prefix_space: bool) -> PostProcessor:
        return library.RobertaProcessing(_found(sep, ids), _found(cls, ids), trim_offsets, add_prefix_space)

    def template_processing(single: Template, pair: Template) -> PostProcessor:
        check_template(single, pair)
        named = dict.fromkeys(each.token for each in (*pieces(single), *pieces(pair)) if each.token)
        return library.TemplateProcessing(parts(single), parts(pair), [_found(token, ids) for token in named])

    def sequence(blocks: Sequence[Any]) -> PostProcessor:
        inner = read_blocks(blocks, "post_processor Sequence: blocks")
        return library.Sequence([make(each, post_processors(ids), "post_processor") for each in inner])

    ends = {"sep": text_option(), "cls": text_option()}
    return {
        "BertProcessing": BlockSpec(
            "[CLS] A [SEP] B [SEP], the second text with type id 1.",
            bert,
            ends,
        ),
        "ByteLevel": BlockSpec(
            "Trim the offsets of byte-level pieces.",
            library.ByteLevel,
            {"add_prefix_space": flag(True), "trim_offsets": flag(True), "use_regex": flag(True)},
        ),
        "RobertaProcessing": BlockSpec(
            "<s> A </s> </s> B </s>, and trim the offsets of byte-level pieces.",
            roberta,
            {**ends, "trim_offsets": flag(True), "add_prefix_space": flag(True)},
        ),
        "Sequence": BlockSpec("Do several in order.", sequence, {"blocks": blocks()}),
        "TemplateProcessing": BlockSpec(
            "Put each text and each special token where the template says; $B:1 has type id 1.",
            template_processing,
            {"single": template(), "pair": template()},
        ),
    }


def _found(token: str, ids: Ids) -> tuple[str, int]:
    """The token with its id."""
    if token not in ids:
        raise RecipeError(
            f"the post_processor names {token}, which is no special token of the recipe",
            fix=did_you_mean(token, ids) if ids else "add it to special_tokens",
        )
    return token, ids[token]
