"""Config ids that follow a role: config.json, generation_config.json and the embedding's padding row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from transformers import PreTrainedConfig, PreTrainedModel

from tokbench.errors import UsageError

if TYPE_CHECKING:
    from tokbench.pretrained.special_tokens import Move

ALWAYS = ("pad",)  # padded batches need it in the config, whether it was there or not
START = "decoder_start_token_id"  # T5 starts with pad, BART with eos: it follows the one it was


def follow_roles(model: PreTrainedModel, moves: Sequence[Move]) -> dict[str, tuple[int, int]]:
    """Give the model's configs the ids of moved roles; `place.key` → old id and new id of what changed.

    UsageError for a pad that cannot move: where positions are counted from the padding, old texts would
    get other positions.
    """
    followed: dict[str, tuple[int, int]] = {}
    for move in moves:
        if move.role == "pad":
            _refuse_counted_positions(model, move)
        for place, config, reads in _configs(model):
            for key, old in _keys(config, move, reads=reads):
                setattr(config, key, _replaced(getattr(config, key, None), old, move.id))
                followed[f"{place}.{key}"] = (old, move.id)
        if move.role == "pad":
            _pad_row(model, move.id)
    return followed


def _configs(model: PreTrainedModel) -> Iterator[tuple[str, Any, bool]]:
    """Every config of the model by its place, and whether it is one that texts go by: nested ones too."""
    text = model.config.get_text_config()
    for place, config in _nested(model.config, "config"):
        yield place, config, config in (model.config, text)
    if getattr(model, "generation_config", None) is not None:
        yield "generation_config", model.generation_config, True


def _nested(config: PreTrainedConfig, place: str) -> Iterator[tuple[str, Any]]:
    yield place, config
    for key, inner in vars(config).items():
        if isinstance(inner, PreTrainedConfig):
            yield from _nested(inner, f"{place}.{key}")


def _keys(
    config: Any,  # noqa: ANN401  any family's config
    move: Move,
    *,
    reads: bool,
) -> Iterator[tuple[str, int]]:
    """The keys of the role in this config, with their old ids: eos_token_id, and forced_eos_token_id."""
    key = f"{move.role}_token_id"
    stated = getattr(config, key, None)
    if stated is not None or (move.role in ALWAYS and reads):
        yield key, -1 if stated is None else _first(stated, move)
    if move.before_id is None:
        return
    for other, number in list(vars(config).items()):
        named = other == START or other.endswith(f"_{key}")
        if named and number == move.before_id and isinstance(number, int):
            yield other, move.before_id


def _first(stated: Any, move: Move) -> int:  # noqa: ANN401  an id, or a list of them
    ids = stated if isinstance(stated, list) else [stated]
    return move.before_id if move.before_id is not None and move.before_id in ids else int(ids[0])


def _replaced(stated: Any, old: int, new: int) -> Any:  # noqa: ANN401  an id, or a list of them
    if isinstance(stated, list):
        return [new if each == old else each for each in stated]
    return new


def _refuse_counted_positions(model: PreTrainedModel, move: Move) -> None:
    counted = [
        name
        for name, module in model.named_modules()
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None
    ]
    if counted:
        raise UsageError(
            f"pad cannot move to {move.token}: this model counts positions from the padding's id "
            f"({move.before_id}), so old texts would get other positions",
            fix="leave pad where it is",
        )


def _pad_row(model: PreTrainedModel, row: int) -> None:
    embedding: Any = model.get_input_embeddings()
    if getattr(embedding, "padding_idx", None) is not None:
        embedding.padding_idx = row
