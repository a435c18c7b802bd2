"""Rules about how long a text may be: what the tokenizer cuts to and what the model has positions for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tokbench.checks import fixes
from tokbench.checks.findings import Finding, Rule
from tokbench.checks.model_files import NO_LIMIT, ModelFiles, whole_or_none

if TYPE_CHECKING:
    from tokbench.checks.context import CheckContext


def longest_is_a_length(context: CheckContext) -> Iterator[Finding]:
    """model_max_length is a length: a whole number above 0.

    Cause: a slip in tokenizer_config.json.
    Example: -1 is taken without a word and cuts every text wrongly; a string is a TypeError on load.
    Source: transformers #1363
    """
    if "model_max_length" not in context.config:
        return
    value = context.config["model_max_length"]
    number = int(value) if isinstance(value, float) and value > NO_LIMIT else whole_or_none(value)
    if value is not None and (number is None or number < 1):
        yield Finding(
            "model_max_length is no length",
            f"model_max_length: {value!r}",
            'write the model\'s longest input, such as "model_max_length": 512, into tokenizer_config.json',
        )


def longest_fits_the_positions(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """A text cut to model_max_length fits the positions of the model.

    Cause: no model_max_length (then truncation=True cuts nothing), or one that forgets what RoBERTa keeps:
    its positions start behind the padding id, so 514 rows take 512 tokens.
    Example: a model with 34 positions takes 32 tokens; 33 are an IndexError.
    Source: transformers #1363, #11242, rinna #3
    """
    usable, family = model.usable_positions, model.family
    longest = whole_or_none(context.config.get("model_max_length")) or NO_LIMIT
    breaks = family is not None and family.positions != ""
    unlimited = longest >= NO_LIMIT
    if usable is None or longest <= usable or (unlimited and not breaks):  # TB421 looks at what is below 1
        return
    yield Finding(
        "long texts are not cut" if unlimited else "texts may be longer than the model has positions for",
        f"model_max_length {'none' if unlimited else f'{longest:,}'}, usable positions {usable:,}",
        f'write "model_max_length": {usable} into tokenizer_config.json',
        severity="note" if not breaks else "warning" if unlimited else "error",
    )


RULES = (
    Rule("TB421", "longest-is-a-length", "error", "", longest_is_a_length, fixes.longest_is_what_fits),
    Rule("TB422", "longest-fits-the-positions", "error", "model", longest_fits_the_positions,
         fixes.longest_is_what_fits),
)  # fmt: skip
