"""What a grown model owes to old texts and new tokens, by what its class returns; measured before and after.

Old texts: every tensor that the class returns is the same bit by bit (hidden states, pooled vectors, scores
of starts and ends), and of the logits the columns of old tokens; a product with more columns may be summed in
another order, so those may differ in the last bits where the weights that make them do not. New tokens take
a part of the next token's probability: it is measured, and more than half is refused. Where tokens moved to
other ids, old texts are asked by their new ids, and columns are held against those of the same tokens. New
tokens are read as
any other: put in the place of an old token, and given that token's rows for the time of the test, a new id
must give what the old one gave. That fails where a class reads an order into ids, as CLIP does when it pools
at the highest one. Last, models that write take one step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel

from tokbench.errors import NegativeResultError, UsageError
from tokbench.io.quiet import quiet
from tokbench.model.readers import BROKEN, SEED, Reader
from tokbench.model.resize import moved_row, vocabulary_weights
from tokbench.model.row_plan import WITHOUT_MODEL

if TYPE_CHECKING:
    from tokbench.model.row_plan import RowPlan

MOST_TAKEN = 0.5  # of the next token's probability, or twice the share of new rows where that is more
LAST_BITS = 16  # units in the last place that another order of summing is allowed


@dataclass(frozen=True, kw_only=True)
class GrowthProof:
    """What was measured of a grown model against the old one.

    `part` is what answered to ids: "" for the whole class. `outputs` are the names of what it returned, and
    `largest_difference` the largest on the old texts over all but the logits; `old_columns` is that of the
    logits of old tokens, None without logits. `taken` is the largest share of a next token's probability
    that new rows took on an old text, and `taken_mean` the mean. `new_texts` with new tokens gave finite
    numbers; `as_old` of new ids gave bit by bit what an old id gives with the same rows. `generated` is
    whether a step was written as before; None where the class writes nothing by itself.
    """

    texts: int
    largest_difference: float
    part: str = ""
    outputs: tuple[str, ...] = ()
    old_columns: float | None = None
    taken: float | None = None
    taken_mean: float | None = None
    new_texts: int = 0
    as_old: int = 0
    generated: bool | None = None

    @property
    def holds(self) -> bool:
        """Whether old texts give the same bit by bit."""
        return self.largest_difference == 0.0


@dataclass(frozen=True)
class Answers:
    """What a model answered to old texts: one mapping a text, and the next token that it wrote."""

    reader: Reader
    inputs: tuple[tuple[int, ...], ...]
    found: tuple[Mapping[str, Tensor], ...]
    written: int | None
    rows: int


def answers(model: PreTrainedModel, reader: Reader, inputs: Sequence[Sequence[int]], rows: int) -> Answers:
    """What the model answers now."""
    return Answers(
        reader,
        tuple(map(tuple, inputs)),
        tuple(reader.answers(ids) for ids in inputs),
        _next_token(model, inputs[0]) if reader.whole else None,
        rows,
    )


def prove_growth(
    model: PreTrainedModel,
    before: Answers,
    plan: RowPlan,
    *,
    keys: Sequence[str],
    new: Sequence[int],
    moved: bool = False,
) -> GrowthProof:
    """The proof of a model that has grown as planned; `new` are some of the new ids, of every kind.

    Where a role has `moved` to another token, what is written is not held against what was.

    NegativeResultError says which part of the contract does not hold.
    """
    after = answers(model, before.reader, renumbered(before.inputs, plan), plan.size)
    written = before.written
    if moved or (written is not None and moved_row(plan, written) is None):
        written = after.written
    elif written is not None:
        written = moved_row(plan, written)
    before = replace(before, written=written)
    compared = _compared(before, after, plan)
    texts = [_with(after.inputs[0], number) for number in new]
    for number, ids in zip(new, texts, strict=True):
        _refuse_infinite(after, before.reader.answers(ids), number)
    as_old = sum(_reads_as_old(model, after, number, keys, plan) for number in new)
    return GrowthProof(
        part=before.reader.part,
        new_texts=len(texts),
        as_old=as_old,
        generated=_generated(model, before, after, plan, texts),
        **compared,
    )


def renumbered(inputs: Sequence[Sequence[int]], plan: RowPlan) -> list[list[int]]:
    """The same texts by their ids afterwards; every id must have a row that is kept."""
    if plan.moved is None:
        return [list(ids) for ids in inputs]
    places = {old: new for new, old in reversed(list(plan.moved.items()))}
    return [[places[row] for row in ids] for ids in inputs]


def _compared(before: Answers, after: Answers, plan: RowPlan) -> dict[str, Any]:
    """The figures of old texts; NegativeResultError where they are not what they were."""
    worst, columns, shares = 0.0, None, []
    kept, origin = _kept_columns(plan)
    for old, new in zip(before.found, after.found, strict=True):
        if old.keys() != new.keys():
            raise NegativeResultError(f"the class returns {', '.join(new)} and no longer {', '.join(old)}")
        for name, one in old.items():
            other = new[name]
            if _over_tokens(one, plan.rows_before) and _over_tokens(other, plan.size):
                columns = max(columns or 0.0, _columns(name, one[..., origin], other[..., kept]))
                shares.append(_taken(one, other, plan))
            else:
                worst = max(worst, _same(name, one, other))
    taken = float(torch.cat(shares).max()) if shares else None
    if taken is not None and taken > max(MOST_TAKEN, 2 * len(plan.started) / plan.size):
        raise NegativeResultError(
            f"new tokens would take {taken:.0%} of the next token's probability of an old text",
            fix="start them as the mean of all: --start mean",
        )
    return {
        "texts": len(before.found),
        "largest_difference": worst,
        "outputs": tuple(dict.fromkeys(name.partition(".")[0] for each in before.found for name in each)),
        "old_columns": columns,
        "taken": taken,
        "taken_mean": float(torch.cat(shares).mean()) if shares else None,
    }


def _kept_columns(plan: RowPlan) -> tuple[Tensor, Tensor]:
    """The columns of tokens that were there before, and where they were."""
    if plan.moved is not None:
        pairs = torch.tensor([*plan.moved.items()], dtype=torch.long).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]
    kept = torch.ones(min(plan.rows_before, plan.size), dtype=torch.bool)
    kept[[row for row in plan.started if row < len(kept)]] = False
    return (same := kept.nonzero()[:, 0]), same


def _over_tokens(found: Tensor, rows: int) -> bool:
    return found.dim() > 0 and found.shape[-1] == rows


def _same(name: str, old: Tensor, new: Tensor) -> float:
    """0.0; NegativeResultError where a tensor has another shape or other bits."""
    if old.shape != new.shape:
        raise NegativeResultError(
            f"{name} of an old text has another shape: {tuple(old.shape)} and {tuple(new.shape)}"
        )
    if torch.equal(old, new) or bool(((old == new) | (old.isnan() & new.isnan())).all()):
        return 0.0
    raise NegativeResultError(f"{name} of an old text is another one, by {_difference(old, new):.1e}")


def _columns(name: str, old: Tensor, new: Tensor) -> float:
    """The largest difference of old columns, which another order of summing may leave in the last bits."""
    if torch.equal(old, new):
        return 0.0
    found = _difference(old, new)
    largest = float(old.abs().nan_to_num(posinf=0.0).max())
    if not found <= LAST_BITS * torch.finfo(old.dtype).eps * max(largest, 1e-6):
        raise NegativeResultError(f"{name} of old tokens are others for an old text, by {found:.1e}")
    return found


def _difference(old: Tensor, new: Tensor) -> float:
    apart = (old.double() - new.double()).abs()
    return float(apart[apart.isfinite()].max()) if bool(apart.isfinite().any()) else 0.0


def _taken(old: Tensor, new: Tensor, plan: RowPlan) -> Tensor:
    """Of each position, how much more probability the started rows have than they had."""
    started = torch.tensor([row for row in plan.started if row < new.shape[-1]], dtype=torch.long)
    after = new.float().softmax(-1)[..., started].sum(-1)
    spare = torch.tensor(plan.spare_used, dtype=torch.long)
    spare = spare[spare < old.shape[-1]]
    before = old.float().softmax(-1)[..., spare].sum(-1) if len(spare) else torch.zeros_like(after)
    return (after - before).clamp(min=0).nan_to_num().flatten()


def _with(ids: Sequence[int], number: int) -> list[int]:
    """A text with a new id in its middle, in the place of another: it gets no longer."""
    half = len(ids) // 2
    return [*ids[:half], number, *ids[half + 1 :]]


def _refuse_infinite(after: Answers, found: Mapping[str, Tensor], number: int) -> None:
    before = after.found[0] if after.found else {}
    for name, each in found.items():
        was = name in before and bool(before[name].isfinite().all())
        if was and not bool(each.isfinite().all()):
            raise NegativeResultError(f"{name} of a text with the new id {number:,} are not finite")


def _reads_as_old(
    model: PreTrainedModel, after: Answers, number: int, keys: Sequence[str], plan: RowPlan
) -> bool:
    """Whether a new id, with the rows of an old one, gives what the old one gives; False if none is plain."""
    for ids in after.inputs:
        special = _special(model.config)
        plain = [at for at, each in enumerate(ids) if each not in special and 0 < at < len(ids) - 1]
        if plain:
            break
    else:
        return False
    at = plain[len(plain) // 2]
    own = ids[at]
    changed = [number if each == own else each for each in ids]
    with _rows_of(model, own, number, keys):
        one, other = after.reader.answers(ids), after.reader.answers(changed)
    kept, _ = _kept_columns(plan)
    for name, each in one.items():
        cut = _over_tokens(each, plan.size)
        pair = (each[..., kept], other[name][..., kept]) if cut else (each, other[name])
        if pair[0].shape != pair[1].shape or not torch.equal(*(each.nan_to_num() for each in pair)):
            raise UsageError(
                f"{type(model).__name__} reads an order into ids: its {name} change with a new token's "
                f"number, {number:,}, and not with its rows",
                fix=_order_fix(model.config),
            )
    return True


@contextmanager
def _rows_of(model: PreTrainedModel, own: int, number: int, keys: Sequence[str]) -> Iterator[None]:
    """Inside, the new id has the rows of an old one in every table."""
    tables = vocabulary_weights(model, keys).values()
    held = [(table, table[number].detach().clone()) for table in tables if number < len(table)]
    with torch.no_grad():
        for table, _ in held:
            table[number] = table[own]
    try:
        yield
    finally:
        with torch.no_grad():
            for table, row in held:
                table[number] = row


def _special(config: PreTrainedConfig) -> set[int]:
    """Every id that a config names for a purpose."""
    found: set[int] = set()
    for key, value in vars(config).items():
        if isinstance(value, PreTrainedConfig):
            found |= _special(value)
        elif "token" in key and isinstance(value, int | list):
            found |= {
                each for each in (value if isinstance(value, list) else [value]) if isinstance(each, int)
            }
    return found


def _order_fix(config: PreTrainedConfig) -> str:
    """CLIP pools at the highest id while eos_token_id is 2, the value that its first release wrote."""
    text = config.get_text_config()
    if getattr(text, "eos_token_id", None) == 2 and text is not config:
        return (
            "write the tokenizer's own end id into text_config.eos_token_id of config.json: "
            "with 2 there, the class pools at the highest id"
        )
    return WITHOUT_MODEL


def _next_token(model: PreTrainedModel, ids: Sequence[int]) -> int | None:
    """The token that the model writes behind a text; None where it writes none by itself."""
    if not model.can_generate():
        return None
    generate: Any = model.generate
    try:
        with torch.inference_mode(), quiet(stdout=False), torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            rows = torch.tensor([list(ids)])
            out = generate(
                input_ids=rows, attention_mask=torch.ones_like(rows), max_new_tokens=1, do_sample=False
            )
        return int(out[0, -1])
    except BROKEN:
        return None


def _generated(
    model: PreTrainedModel, before: Answers, after: Answers, plan: RowPlan, texts: Sequence[Sequence[int]]
) -> bool | None:
    """Whether a step behind an old text is as before, or a new token; and behind new ones there is a step."""
    if before.written is None:
        return None
    if after.written is None or (after.written != before.written and after.written not in plan.started):
        raise NegativeResultError(
            f"{type(model).__name__} wrote {before.written} behind an old text and writes {after.written}"
        )
    for ids in texts:
        if _next_token(model, ids) is None:
            raise NegativeResultError(f"{type(model).__name__} writes nothing behind a text with a new token")
    return True
