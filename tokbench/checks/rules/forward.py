"""Rules about what a model makes of the tokenizer's ids: it is loaded, and texts are put through it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from tokbench.checks.findings import Finding, Rule, first_few, quoted
from tokbench.checks.model_files import CONFIG, ModelFiles, whole_or_none

if TYPE_CHECKING:
    from tokbench.checks.context import CheckContext
    from tokbench.checks.running_model import Running

SHORT, LONG = "The dog", "The quick brown fox jumps over the lazy dog, twice."
NEAR = 1e-3  # of the largest number: float32 in another order of adding gives 1e-6
LONGEST = 4_096  # tokens: longer texts are not tried


def model_can_be_loaded(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """from_pretrained loads the model.

    Cause: values of config.json that no model can have, such as a width that its heads do not divide.
    Example: ValueError: the hidden size (17) is not a multiple of the number of attention heads (2).
    Source: measured with transformers 5.23
    """
    if context.running.problem:
        yield Finding(
            "the model cannot be loaded",
            context.running.problem,
            f"fix first what else is found, or take a whole copy of {model.name}",
        )


def inputs_are_taken(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """The model takes what the tokenizer gives: every input by name, every segment, the longest text.

    Cause: token_type_ids before a model without segments; model_max_length beyond the positions.
    Example: a pair of texts with segment 1 for a RoBERTa, which has one: IndexError: index out of range in
    self. A text of 33 tokens for 32 positions: the same, at the first long text.
    Source: transformers #1538, #1363
    """
    if context.running.problem:
        return
    for what, ids, types, fix in _trials(context):
        if problem := context.running.said([ids], types):
            mend = fix if context.size <= (model.rows or 0) else "give every id a row first: TB401"
            yield Finding(f"the model fails on {what}", problem, mend)
            return


def numbers_come_out(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """What comes out of the model is numbers.

    Cause: weights that are finite and too large for their own number type, or a damaged layer norm.
    Example: float16 overflows at 65,504: the logits are NaN, argmax gives class 0 for every text.
    Source: measured with transformers 5.23
    """
    if context.running.problem or said_alone(context):
        return
    for text in (SHORT, LONG):
        ids = _ids(context, text)
        if context.running.said([ids]):
            return  # TB462 says so
        [found] = context.running.numbers([ids])
        if not bool(found.isfinite().all()):
            share = 1 - float(found.isfinite().float().mean())
            yield Finding(
                "the model gives NaN or infinity",
                f"{quoted(text)}: {share:.0%} of the numbers, {str(found.dtype).removeprefix('torch.')}",
                "load it in float32 or bfloat16; if that gives the same, take an earlier checkpoint",
            )
            return


def padding_changes_nothing(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """A text gives the same numbers alone and in a batch, where it is padded.

    Cause: the model finds the last word of a text by a padding id that is not the tokenizer's; or it takes
    the last token for it, as XLNet does, and the tokenizer fills on the right.
    Example: a Llama that classifies: padded with id 0, asked to look for 3, it answers by the padding; the
    accuracy depends on the batch size, and nothing is said. Without any id it raises at the second text.
    Source: transformers #9785, trl #422, babylm #5
    """
    running = context.running
    left = running.side == "left" and not running.classifies  # generate() sets the positions there
    if running.problem or running.pad is None or left or said_alone(context):
        return
    rows = [_ids(context, text) for text in (SHORT, LONG)]
    stated = model.number("pad_token_id")
    ids = f"padding id {running.pad}, {CONFIG}: {'none' if stated is None else stated}"
    if problem := running.said(rows):
        words, evidence = "the model fails on two texts of different length", f"{ids}; {problem}"
    elif (difference := _difference(running, rows)) > NEAR:
        words = "a text gives other numbers when it is padded"
        evidence = f"{quoted(SHORT)} beside a longer text: off by {difference:.2g} of the largest; {ids}"
    else:
        return
    if not problem and _by_design(context, model, rows):
        yield Finding(
            "this class lets padding into a text, whatever it is padded with",
            evidence,
            "put texts of one length into a batch, or one text at a time",
            severity="note",
        )
        return
    yield Finding(words, evidence, _remedy(running, model))


def _by_design(context: CheckContext, model: ModelFiles, rows: list[list[int]]) -> bool:
    """Whether no other side helps, and the model has the padding id that the tokenizer fills with.

    FNet has no attention mask, and ConvBERT's convolutions reach over the end of a text.
    """
    running = context.running
    if model.number("pad_token_id") not in (running.pad, None):
        return False
    other = replace(running, side="left" if running.side == "right" else "right")
    return other.said(rows) != "" or _difference(other, rows) > NEAR


def said_alone(context: CheckContext) -> str:
    """What the library says against one short text by itself; "" when it takes it."""
    return context.running.said([_ids(context, SHORT)])


def _ids(context: CheckContext, text: str, pair: str | None = None) -> list[int]:
    """The ids of a text, or of two, cut where model_max_length cuts them."""
    longest = whole_or_none(context.config.get("model_max_length")) or LONGEST
    return context.tokenizer.encode(text, pair).ids[:longest]


def _trials(context: CheckContext) -> Iterator[tuple[str, list[int], list[int], str]]:
    """What is tried: its name, ids, segments, and what to do when it fails."""
    one, pair = context.tokenizer.encode(LONG), context.tokenizer.encode(SHORT, LONG)
    names = f"the inputs {first_few(context.running.names)}"
    yield (
        names,
        _ids(context, LONG),
        [],
        "fix first what else is found; then load it in float32, and see whether it stays",
    )
    highest = max(pair.type_ids, default=0)
    yield (
        f"a pair of texts, with segments up to {highest}",
        _ids(context, SHORT, LONG),
        pair.type_ids[: len(_ids(context, SHORT, LONG))],
        'take "token_type_ids" out of model_input_names in tokenizer_config.json',
    )
    longest = whole_or_none(context.config.get("model_max_length")) or 0
    if len(one.ids) < longest <= LONGEST:
        plain = context.tokenizer.encode("a", add_special_tokens=False).ids or one.ids
        yield (
            f"a text of model_max_length, {longest:,} tokens",
            (one.ids + plain * longest)[:longest],
            [],
            "lower model_max_length in tokenizer_config.json to what the model has positions for",
        )


def _remedy(running: Running, model: ModelFiles) -> str:
    if model.number("pad_token_id") != running.pad:
        return f"tokbench config set {shlex.quote(model.name)} pad_token_id={running.pad} --in-place"
    other = "left" if running.side == "right" else "right"
    return f'write "padding_side": "{other}" into tokenizer_config.json'


def _difference(running: Running, rows: list[list[int]]) -> float:
    """How far the first row is off in a batch, as a share of its largest number; 0 if chance is at work."""
    running.model.float()  # half of the digits would hide the difference
    [alone], [again] = running.numbers(rows[:1]), running.numbers(rows[:1])
    beside = running.numbers(rows)[0]
    if beside.shape != alone.shape:  # a class that answers in other units than tokens
        return 0.0
    if not bool((alone == again).all()) or not bool(beside.isfinite().all()):
        return 0.0
    return float((beside - alone).abs().max()) / max(float(alone.abs().max()), 1e-9)


RULES = (
    Rule("TB461", "model-can-be-loaded", "error", "loaded", model_can_be_loaded),
    Rule("TB462", "inputs-are-taken", "error", "forward", inputs_are_taken),
    Rule("TB463", "numbers-come-out", "error", "forward", numbers_come_out),
    Rule("TB464", "padding-changes-nothing", "error", "forward", padding_changes_nothing),
)
