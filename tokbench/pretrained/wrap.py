"""A Tokenizer as transformers takes it: roles, lengths and input names, the same in versions 4 and 5."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from tokenizers import Tokenizer

from tokbench.errors import AskedWrongly, did_you_mean
from tokbench.pretrained.special_tokens import ROLES, special_tokens_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# TokenizersBackend, the name that transformers 5 writes, does not exist in 4; Bert…, GPT2… and their like
# rebuild the normalizer and the pre-tokenizer in 5. This one takes tokenizer.json as it is in both.
CLASS = "PreTrainedTokenizerFast"
SIDES = ("right", "left")


class Choices(TypedDict, total=False):
    """The keyword arguments of wrapper_config."""

    extra: Sequence[str]
    model_max_length: int | None
    padding_side: str
    truncation_side: str
    model_input_names: Sequence[str] | None


def wrapper_config(
    tokenizer: Tokenizer,
    special_tokens: Mapping[str, str],
    *,
    extra: Sequence[str] = (),
    model_max_length: int | None = None,
    padding_side: str = "right",
    truncation_side: str = "right",
    model_input_names: Sequence[str] | None = None,
) -> dict[str, Any]:
    """The content of tokenizer_config.json: role → token, further special tokens, and how inputs are made.

    Every token must be special in the tokenizer already: the wrapper would make it so, and the raw
    library would then give other ids than transformers.
    """
    _refuse_unknown_roles(special_tokens)
    _refuse_plain_tokens(tokenizer, {**special_tokens, **{token: token for token in extra}})
    _refuse_unknown_sides(padding_side, truncation_side)
    config: dict[str, Any] = {f"{role}_token": token for role, token in special_tokens.items()}
    if extra:
        config["additional_special_tokens"] = list(
            extra
        )  # version 5 reads it too; 4 cannot read 5's name for it
    if model_max_length is not None:
        config["model_max_length"] = model_max_length
    return config | {
        "clean_up_tokenization_spaces": False,
        "model_input_names": list(model_input_names or input_names(tokenizer)),
        "padding_side": padding_side,
        "tokenizer_class": CLASS,
        "truncation_side": truncation_side,
    }


def wrap(
    tokenizer: Tokenizer, special_tokens: Mapping[str, str], **choices: Unpack[Choices]
) -> PreTrainedTokenizerFast:
    """The same as an object of transformers; the choices are those of wrapper_config."""
    from transformers import PreTrainedTokenizerFast

    config = wrapper_config(tokenizer, special_tokens, **choices)
    del config["tokenizer_class"]
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **config)  # type: ignore[no-untyped-call]


def input_names(tokenizer: Tokenizer) -> list[str]:
    """What a model of this tokenizer is given; token_type_ids only where a template tells segments apart."""
    processor = json.loads(tokenizer.post_processor.__getstate__()) if tokenizer.post_processor else {}
    segments = ["token_type_ids"] if any(type_ids(processor)) else []
    return ["input_ids", *segments, "attention_mask"]


def type_ids(processor: Mapping[str, Any]) -> Iterator[int]:
    """All segment numbers that a post-processor, as tokenizer.json writes it, can give."""
    if processor.get("type") == "BertProcessing":
        yield 1
    for piece in (*(processor.get("single") or ()), *(processor.get("pair") or ())):
        for part in piece.values():
            yield part["type_id"]
    for inner in processor.get("processors") or ():
        yield from type_ids(inner)


def _refuse_unknown_roles(special_tokens: Mapping[str, str]) -> None:
    for role in special_tokens:
        if role not in ROLES:
            raise AskedWrongly(f"there is no role {role}", fix=did_you_mean(role, ROLES))


def _refuse_plain_tokens(tokenizer: Tokenizer, named: Mapping[str, str]) -> None:
    special = special_tokens_of(tokenizer)
    for role, token in named.items():
        if token not in special:
            what = (
                "is not special in the tokenizer" if tokenizer.token_to_id(token) is not None else "has no id"
            )
            raise AskedWrongly(
                f"the {role} token {token} {what}" if role in ROLES else f"the special token {token} {what}",
                fix="make it one of the tokenizer's special tokens first",
            )


def _refuse_unknown_sides(*sides: str) -> None:
    for side in sides:
        if side not in SIDES:
            raise AskedWrongly(f"there is no side {side}", fix="right or left")
