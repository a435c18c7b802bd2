"""Post-processors by name: they put special tokens around the pieces. Their ids are the vocabulary's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import processors as library
from tokenizers.processors import PostProcessor

from tokbench.blocks.kinds import Kind, make
from tokbench.blocks.options import blocks, flag, template, text
from tokbench.blocks.recipe import Block, read_blocks
from tokbench.blocks.templates import check_template, parts, pieces
from tokbench.errors import RecipeProblem, did_you_mean

Ids = Mapping[str, int]
Template = str | list[str]


def post_processor(chosen: Block | None, ids: Ids) -> PostProcessor | None:
    """The post-processor with the ids of these tokens; RecipeProblem for a token that is not among them."""
    return None if chosen is None else make(chosen, post_processors(ids), "post_processor")


def post_processors(ids: Ids) -> dict[str, Kind[PostProcessor]]:
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

    return {
        "BertProcessing": Kind(
            "[CLS] A [SEP] B [SEP], the second text with type id 1.",
            bert,
            {"sep": text(), "cls": text()},
        ),
        "ByteLevel": Kind(
            "Trim the offsets of byte-level pieces.",
            library.ByteLevel,
            {"add_prefix_space": flag(True), "trim_offsets": flag(True), "use_regex": flag(True)},
        ),
        "RobertaProcessing": Kind(
            "<s> A </s> </s> B </s>, and trim the offsets of byte-level pieces.",
            roberta,
            {"sep": text(), "cls": text(), "trim_offsets": flag(True), "add_prefix_space": flag(True)},
        ),
        "Sequence": Kind("Do several in order.", sequence, {"blocks": blocks()}),
        "TemplateProcessing": Kind(
            "Put each text and each special token where the template says; $B:1 has type id 1.",
            template_processing,
            {"single": template(), "pair": template()},
        ),
    }


def _found(token: str, ids: Ids) -> tuple[str, int]:
    """The token with its id."""
    if token not in ids:
        raise RecipeProblem(
            f"the post_processor names {token}, which is no special token of the recipe",
            fix=did_you_mean(token, ids) if ids else "add it to special_tokens",
        )
    return token, ids[token]
