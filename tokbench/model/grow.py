"""A tokenizer and its model grown as one act, and saved together or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from tokbench.errors import AnswerIsNo, AskedWrongly, MissingExtra
from tokbench.model.growth import Growth
from tokbench.model.rows import plan_added
from tokbench.model.saving import save_grown
from tokbench.pretrained.added_tokens import Added, add_tokens, bare
from tokbench.pretrained.folder import TokenizerFolder, ensure_free, load

__all__ = ["Growth", "add_and_save", "ensure_torch", "grow", "save_grown"]


def grow(
    folder: TokenizerFolder,
    model: str | Path | None,
    added: Added,
    *,
    start: str = "pieces",
    pad_to_multiple_of: int | None = None,
    seed: int = 0,
) -> Growth:
    """Give the model a row for every added token; nothing is written.

    The result carries the proof: old rows bit-identical, and old texts with the same hidden states.
    """
    if model is None:
        return Growth(added=added, tokenizer=folder)
    ensure_torch()
    from tokbench.model.initializers import initializer
    from tokbench.model.loading import load_model
    from tokbench.model.proof import compare, hidden_states, old_inputs
    from tokbench.model.resize import apply, rows_of

    initializer(start)
    loaded = load_model(model, seed=seed)
    rows = rows_of(loaded.model)
    _refuse_strangers(folder, model, rows, added)
    new = {**added.special, **added.regular}
    plan = plan_added(rows, added.before, new.values(), pad_to_multiple_of)
    inputs = old_inputs(bare(folder), added.tokenizer)
    before = hidden_states(loaded.model, inputs)
    pieces = {new[token]: ids for token, ids in added.pieces.items()}
    resized = apply(loaded.model, plan, start=start, pieces=pieces, seed=seed)
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
        resized=resized,
        proof=proof,
        fresh=loaded.fresh,
        dropped=loaded.dropped,
        grown=loaded.model,
    )


def add_and_save(
    tokenizer: str | Path,
    out: Path,
    *,
    special: Sequence[str] = (),
    regular: Sequence[str] = (),
    model: str | Path | None = None,
    start: str = "pieces",
    pad_to_multiple_of: int | None = None,
    seed: int = 0,
    force: bool = False,
) -> Growth:
    """Add tokens, grow the model if one is named, and save both to `out`, whole or not at all."""
    ensure_free(out, force=force)
    if model is not None:
        ensure_torch()
    folder = load(tokenizer)
    added = add_tokens(folder, special=special, regular=regular)
    growth = grow(folder, model, added, start=start, pad_to_multiple_of=pad_to_multiple_of, seed=seed)
    save_grown(growth, out, force=force)
    return replace(growth, path=Path(out))


def ensure_torch() -> None:
    """Say before any slow work that a model needs what is not installed."""
    if find_spec("torch") is None:
        raise MissingExtra("growing a model", "torch", extra="train")


def _refuse_strangers(folder: TokenizerFolder, model: str | Path, rows: int, added: Added) -> None:
    if added.before > rows:
        raise AskedWrongly(
            f"{model} has {rows:,} rows, but the ids of {folder.name} go up to {added.before - 1:,}: "
            "they do not belong together",
            fix=f"tokbench check {folder.name} {model}",
        )
