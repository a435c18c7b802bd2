"""A tokenizer and its model grown as one act, and saved together or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from tokbench.corpus.reading import open_corpus
from tokbench.errors import AnswerIsNo, AskedWrongly, MissingExtra
from tokbench.model.beyond import beyond
from tokbench.model.growth import Growth
from tokbench.model.rows import RowPlan, plan_added
from tokbench.model.saving import save_grown
from tokbench.model.starts import Start, start_of
from tokbench.pretrained.added_tokens import ANYHOW, Added, add_tokens, bare, unknown_id
from tokbench.pretrained.changed import changed_words
from tokbench.pretrained.folder import TokenizerFolder, ensure_free, load
from tokbench.pretrained.matching import Matching

__all__ = [
    "Growth",
    "RowChoices",
    "add_and_save",
    "ensure_torch",
    "grow",
    "planned",
    "resize_and_save",
    "save_grown",
]


if TYPE_CHECKING:
    from tokbench.model.measure import Measure  # with torch


class RowChoices(TypedDict, total=False):
    """How the new rows are made, as keyword arguments of grow, planned and add_and_save.

    `start` is the name of an initializer or copy=TOKEN; `descriptions` are token → words it is the mean
    of; `shrink` lets spare rows go; `trust_remote_code` runs code in the model's folder.
    """

    start: str
    descriptions: Mapping[str, str]
    pad_to_multiple_of: int | None
    shrink: bool
    seed: int
    trust_remote_code: bool


def grow(
    folder: TokenizerFolder, model: str | Path | None, added: Added, **choices: Unpack[RowChoices]
) -> Growth:
    """Give the model a row for every added token; nothing is written.

    The result carries the proof: old rows bit-identical, and old texts with the same hidden states.
    """
    if model is None:
        return Growth(added=added, tokenizer=folder)
    ensure_torch()
    from tokbench.model.following import follow_roles
    from tokbench.model.initializers import initializer
    from tokbench.model.loading import load_model
    from tokbench.model.measure import measured, memory
    from tokbench.model.proof import compare, hidden_states, old_inputs
    from tokbench.model.resize import apply

    start, seed = _start(folder, added, choices), choices.get("seed", 0)
    initializer(start.way)
    loaded = load_model(model, seed=seed, trust_remote_code=choices.get("trust_remote_code", False))
    measure = measured(loaded.model)
    plan = _plan(folder, model, measure, added, choices)
    inputs = [ids for ids in old_inputs(bare(folder), added.tokenizer) if max(ids) < measure.rows]
    before = hidden_states(loaded.model, inputs)
    followed = follow_roles(loaded.model, added.roles)
    resized = apply(
        loaded.model, plan, start=start.way, pieces=start.pieces, described=start.described, seed=seed
    )
    proof = compare(before, hidden_states(loaded.model, inputs))
    if not proof.holds:
        raise AnswerIsNo(
            f"old texts give other hidden states after the growth, by {proof.largest_difference:.1e}"
        )
    return Growth(
        added=added,
        tokenizer=folder,
        model=str(model),
        plan=plan,
        memory=memory(measure, plan),
        resized=replace(resized, initializer=start.label),
        proof=proof,
        fresh=loaded.fresh,
        dropped=loaded.dropped,
        followed=followed,
        grown=loaded.model,
        grown_from=loaded.path,
    )


def planned(
    folder: TokenizerFolder, model: str | Path | None, added: Added, **choices: Unpack[RowChoices]
) -> Growth:
    """What grow would do, from the model's config and the header of its weights; nothing is loaded."""
    if model is None:
        return Growth(added=added, tokenizer=folder, dry=True)
    ensure_torch()
    from tokbench.model.initializers import initializer
    from tokbench.model.measure import memory, outlined

    initializer(_start(folder, added, choices).way)
    measure = outlined(model, trust_remote_code=choices.get("trust_remote_code", False))
    plan = _plan(folder, model, measure, added, choices)
    return Growth(
        added=added, tokenizer=folder, model=str(model), plan=plan, memory=memory(measure, plan), dry=True
    )


def add_and_save(
    tokenizer: str | Path,
    out: Path | None,
    *,
    special: Sequence[str] = (),
    regular: Sequence[str] = (),
    matching: Mapping[str, Matching] | None = None,
    otherwise: Matching = ANYHOW,
    roles: Mapping[str, str] | None = None,
    model: str | Path | None = None,
    sample: str | Path | None = None,
    force: bool = False,
    **choices: Unpack[RowChoices],
) -> Growth:
    """Add tokens, grow the model if one is named, and save both to `out`, whole or not at all.

    Without `out` it is a dry run: the plan, and nothing loaded or written. `sample` is a file of texts whose
    words that now split differently are listed.
    """
    if out is not None:
        ensure_free(out, force=force)
    if model is not None:
        ensure_torch()
    folder = load(tokenizer)
    added = add_tokens(
        folder, special=special, regular=regular, matching=matching, otherwise=otherwise, roles=roles
    )
    growth = (planned if out is None else grow)(folder, model, added, **choices)
    if sample is not None:
        texts = open_corpus([sample])
        growth = replace(growth, changed=changed_words(bare(folder), added.tokenizer, texts))
    return growth if out is None else saved(growth, out, force=force)


def resize_and_save(
    model: str | Path,
    tokenizer: str | Path,
    out: Path | None,
    *,
    force: bool = False,
    **choices: Unpack[RowChoices],
) -> Growth:
    """Give a model the rows for a tokenizer that is already right, and save both; a dry run without `out`."""
    if out is not None:
        ensure_free(out, force=force)
    ensure_torch()
    from tokbench.model.measure import outlined

    folder = load(tokenizer)
    rows = outlined(model, trust_remote_code=choices.get("trust_remote_code", False)).rows
    older, added = beyond(folder, rows)
    growth = (planned if out is None else grow)(older, model, added, **choices)
    growth = replace(growth, tokenizer=folder)
    return growth if out is None else saved(growth, out, force=force)


def saved(growth: Growth, out: Path, *, force: bool) -> Growth:
    """The same growth, written to `out`."""
    save_grown(growth, out, force=force)
    return replace(growth, path=Path(out))


def ensure_torch() -> None:
    """Say before any slow work that a model needs what is not installed."""
    if find_spec("torch") is None:
        raise MissingExtra("growing a model", "torch", extra="train")


def _start(folder: TokenizerFolder, added: Added, choices: RowChoices) -> Start:
    return start_of(
        choices.get("start", "pieces"),
        added,
        bare(folder),
        unknown=unknown_id(folder),
        descriptions=choices.get("descriptions", {}),
    )


def _plan(
    folder: TokenizerFolder, model: str | Path, measure: Measure, added: Added, choices: RowChoices
) -> RowPlan:
    _refuse_strangers(folder, model, measure.rows, added)
    plan = plan_added(
        measure.rows,
        added.before,
        {**added.special, **added.regular}.values(),
        choices.get("pad_to_multiple_of"),
        shrink=choices.get("shrink", False),
    )
    moved = {f"{move.role}_token_id" for move in added.roles}
    for key, row in measure.ids.items():
        if plan.size <= row < plan.rows_before and key not in moved:
            raise AskedWrongly(
                f"{key} of {model} is {row:,}, and with {plan.size:,} rows it would have none",
                fix=f"tokbench config set {model} {key}=ID --in-place, or leave --shrink out",
            )
    return plan


def _refuse_strangers(folder: TokenizerFolder, model: str | Path, rows: int, added: Added) -> None:
    if added.before > rows:
        raise AskedWrongly(
            f"{model} has {rows:,} rows, but the ids of {folder.name} go up to {added.before - 1:,}: "
            "they do not belong together",
            fix=f"tokbench check {folder.name} {model}",
        )
