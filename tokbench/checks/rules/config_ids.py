"""Rules about the ids that config.json and generation_config.json give special tokens."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tokbench.checks import fixes
from tokbench.checks.findings import Finding, Rule, first_few, quoted
from tokbench.checks.model_files import CONFIG, GENERATION, ROLES, START, ModelFiles, whole_or_none
from tokbench.errors import plural

if TYPE_CHECKING:
    from tokbench.checks.context import CheckContext

SILENT = "the model's default"
GENERATING = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")


def padding_ids_agree(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """The tokenizer's padding id is the model's pad_token_id.

    Cause: special tokens in another order than the config class expects: [UNK] 0, [PAD] 1 and BertConfig's 0.
    Example: the model keeps row 0 at zero and untrained: that is [UNK] now, gradient 0.0 for ever. RoBERTa
    counts positions from the padding: [2,3,4,1,5,6] numbers the padding and restarts. A decoder classifies by
    the wrong token. Trainer corrects config.pad_token_id, but not the embedding's padding_idx.
    Source: transformers #19265, #34528, #9116, #15292, trl #422
    """
    padding, stated = context.id_of("pad"), _stated(model, "pad")
    if padding is None or padding == stated:
        return
    severity, harm = _harm(model, stated)
    if severity:
        yield Finding(
            f"the model takes another token for padding: {harm}" if stated is not None else harm,
            f"tokenizer: {quoted(context.roles['pad'])} = {padding}, {CONFIG}: {_shown(context, stated)}",
            _set(model, "pad_token_id", padding),
            severity=severity,
        )


def special_ids_agree(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """The special ids of config.json and generation_config.json are those of the tokenizer.

    Cause: a config class's defaults beside a tokenizer of another order (Llama: bos 1, eos 2; GPT-2: 50256).
    Example: generate() starts with one wrong token, or stops at a wrong one or never.
    Source: lo-fit #1
    """
    for role in ROLES:
        own = context.id_of(role)
        for place, values in _named_ids(model, f"{role}_token_id"):
            if own is not None and values and own not in values:
                yield Finding(
                    f"{place} has another {role} token than the tokenizer",
                    f"{quoted(context.roles[role])} = {own}, {role}_token_id: "
                    + first_few([_shown(context, value) for value in values]),
                    f'write "{role}_token_id": {own} into {place} of {model.name}'
                    if place == GENERATION
                    else _set(model, f"{role}_token_id", own),
                    severity="warning" if _generates(model) else "note",
                )


def special_ids_exist(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """Every special id in config.json and generation_config.json is below the model's rows.

    Cause: a config class's defaults on a small vocabulary: GPT-2's eos is 50256, ModernBERT's padding 50283.
    Example: a padding id beyond the rows is an AssertionError when the model is made; an end id beyond them
    is never generated, so generation never stops.
    Source: transformers warns of it since 5.23, at load time only
    """
    rows = model.rows
    keys = {f"{role}_token_id" for role in ("pad", *ROLES)} | {START}
    keys |= {key for key in (*model.text, *model.generation) if key.endswith("_token_id")}
    wrong = [
        f"{place}: {key} {value}"
        for key in sorted(keys)
        for place, values in _named_ids(model, key)
        for value in values
        if rows is not None and not 0 <= value < rows
    ]
    if wrong:
        yield Finding(
            f"{plural(len(wrong), 'special id has', 'special ids have')} no row",
            f"{first_few(wrong)}; rows: {rows:,}",
            f"write the tokenizer's ids into {CONFIG} of {model.name}",
        )


def decoders_know_their_start(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """A model with encoder and decoder says which token its decoder starts with.

    Cause: T5's config class has no default for it.
    Example: training with labels raises AttributeError or ValueError in the first step.
    Source: transformers 5.23, T5Config
    """
    starts = [value for _, values in _named_ids(model, START) for value in values]
    if model.model_type == "t5" and model.architecture.endswith(GENERATING) and not starts:
        padding = context.id_of("pad")
        yield Finding(
            f"no {START} is given",
            f"{CONFIG} of a {model.model_type} model",
            _set(model, START, 0 if padding is None else padding),
        )


def _set(model: ModelFiles, key: str, value: int) -> str:
    """The command that writes an id into config.json."""
    return f"tokbench config set {shlex.quote(model.name)} {key}={value} --in-place"


def _stated(model: ModelFiles, role: str) -> int | None:
    """The id that config.json gives a role, or its class where the file has no such key."""
    key = f"{role}_token_id"
    if key in model.text or key in model.config or model.family is None:
        return model.number(key)
    return model.family.default(role)


def _harm(model: ModelFiles, stated: int | None) -> tuple[str, str]:
    """How bad another padding id is for this model, and in which way; "" when it does not matter."""
    family, classifies = model.family, model.architecture.endswith("ForSequenceClassification")
    if family is not None and family.decoder:
        return "error" if classifies else "warning", "a decoder finds the last word by the padding id"
    if stated is None:
        return "", ""
    if model.counted_positions:
        return "error", "positions are counted from the padding id"
    if family is not None and not family.padding_row:
        return "warning", "labels and generation are padded with it"
    return "error", "that token's row stays zero and untrained"


def _named_ids(model: ModelFiles, key: str) -> Iterator[tuple[str, list[int]]]:
    """Where an id is given under this key, and which: one, or several."""
    if key in model.text or key in model.config:
        yield CONFIG, _ids(model.text.get(key, model.config.get(key)))
    elif model.family is not None:
        yield SILENT, _ids(model.family.default(key.removesuffix("_token_id")))
    yield GENERATION, _ids(model.generation.get(key))


def _ids(value: object) -> list[int]:
    found = [whole_or_none(each) for each in (value if isinstance(value, list) else [value])]
    return [each for each in found if each is not None]


def _generates(model: ModelFiles) -> bool:
    decodes = model.family is not None and model.family.decoder
    return decodes or model.architecture.endswith(GENERATING) or bool(model.config.get("is_encoder_decoder"))


def _shown(context: CheckContext, number: int | None) -> str:
    """An id with the token that the tokenizer has for it."""
    if number is None:
        return "none"
    token = context.tokenizer.id_to_token(number) if 0 <= number < 2**32 else None
    return f"{number}, {quoted(token)} in the tokenizer" if token else f"{number}"


RULES = (
    Rule("TB411", "padding-ids-agree", "error", "model", padding_ids_agree,
         fixes.padding_id_is_the_tokenizers),
    Rule("TB412", "special-ids-agree", "warning", "model", special_ids_agree,
         fixes.special_ids_are_the_tokenizers),
    Rule("TB413", "special-ids-exist", "error", "model", special_ids_exist,
         fixes.special_ids_are_the_tokenizers),
    Rule("TB414", "decoders-know-their-start", "error", "model", decoders_know_their_start,
         fixes.decoder_starts_with_padding),
)  # fmt: skip
