"""Rules about how long a text may be: what the tokenizer cuts to and what the model has positions for."""

from __future__ import annotations

from collections.abc import Iterator

from tokbench.checks.context import CheckContext
from tokbench.checks.findings import Finding
from tokbench.checks.model_files import ModelFiles, whole_or_none

NO_LIMIT = 10**9  # transformers writes 10**30 for "none"


def longest_is_a_length(subject: CheckContext) -> Iterator[Finding]:
    """model_max_length is a length: a whole number above 0.

    Cause: a slip in tokenizer_config.json.
    Example: -1 is taken without a word and cuts every text wrongly; a string is a TypeError on load.
    Source: transformers #1363
    """
    if "model_max_length" not in subject.config:
        return
    value = subject.config["model_max_length"]
    number = int(value) if isinstance(value, float) and value > NO_LIMIT else whole_or_none(value)
    if value is not None and (number is None or number < 1):
        yield Finding(
            "TB421",
            "error",
            "model_max_length is no length",
            f"model_max_length: {value!r}",
            'write the model\'s longest input, such as "model_max_length": 512, into tokenizer_config.json',
        )


def longest_fits_the_positions(subject: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """A text cut to model_max_length fits the positions of the model.

    Cause: no model_max_length (then truncation=True cuts nothing), or one that forgets what RoBERTa keeps:
    its positions start behind the padding id, so 514 rows take 512 tokens.
    Example: a model with 34 positions takes 32 tokens; 33 are an IndexError.
    Source: transformers #1363, #11242, rinna #3
    """
    usable, longest = (
        usable_positions(model),
        whole_or_none(subject.config.get("model_max_length")) or NO_LIMIT,
    )
    family = model.family
    breaks = family is not None and family.positions != ""
    unlimited = longest >= NO_LIMIT
    if (
        usable is None or longest <= usable or (unlimited and not breaks)
    ):  # a slip below 1 has a rule of its own
        return
    yield Finding(
        "TB422",
        "note" if not breaks else "warning" if unlimited else "error",
        "long texts are not cut" if unlimited else "texts may be longer than the model has positions for",
        f"model_max_length {'none' if unlimited else f'{longest:,}'}, usable positions {usable:,}",
        f'write "model_max_length": {usable} into tokenizer_config.json',
    )


def usable_positions(model: ModelFiles) -> int | None:
    """How many tokens a text may have; None when the config does not limit it."""
    rows = model.number("max_position_embeddings") or model.number("n_positions")
    family = model.family
    if rows is None or model.model_type in ("t5", "mt5"):  # theirs are relative: the number is not a limit
        return None
    if family is not None and family.positions == "after pad":
        padding = model.number("pad_token_id")
        return rows - 1 - (1 if padding is None else padding)
    return rows
