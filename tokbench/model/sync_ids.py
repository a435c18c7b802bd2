"""Config ids that follow a role, or all tokens to new ids: those of configs, modules and padding rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import PreTrainedConfig, PreTrainedModel

from tokbench.errors import UsageError
from tokbench.model.files import CONFIG, GENERATION
from tokbench.model.loading import hollow_with_generation
from tokbench.model.resize import embedding_rows
from tokbench.pretrained.special_tokens import GONE

if TYPE_CHECKING:
    from tokbench.pretrained.special_tokens import Move

Renumber = Callable[[int], int | None]  # old id → new id; None for one that is gone
ALWAYS = ("pad",)  # padded batches need it in the config, whether it was there or not
PADDING = "padding_idx"  # the row that an embedding never trains
START = "decoder_start_token_id"  # T5 starts with pad, BART with eos: it follows the one it was


def follow_roles(model: PreTrainedModel, moves: Sequence[Move]) -> dict[str, tuple[int, int]]:
    """Give the model's configs the ids of moved roles; `place.key` → old id and new id of what changed.

    All move at once: two roles may change places. A role that is GONE has no token any more, and its key says
    so. UsageError for a pad that cannot move: where positions are counted from the
    padding, old texts would get other positions.
    """
    followed: dict[str, tuple[int, int]] = {}
    for move in moves:
        if move.role == "pad":
            _refuse_counted_positions(model, move)
    for place, config, reads in _configs(model):
        for key, ids in _wanted(config, moves, reads=reads).items():
            setattr(config, key, _replaced(getattr(config, key, None), ids))
            followed[f"{place}.{key}"] = next(iter(ids.items()))
    for move in moves:
        if move.role == "pad":
            _pad_row(model, move.id)
    return followed


def stated(model: PreTrainedModel, places: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What stands at these places of a model's configs, `place.key` as follow_roles gives them: file → key.

    >>> from transformers import BertConfig, BertModel
    >>> model = BertModel(BertConfig(vocab_size=9, hidden_size=2, num_hidden_layers=0, num_attention_heads=1))
    >>> stated(model, ["config.pad_token_id"])
    {'config.json': {'pad_token_id': 0}, 'generation_config.json': {}}
    """
    found: dict[str, dict[str, Any]] = {CONFIG: {}, GENERATION: {}}
    for place in places:
        first, _, key = place.partition(".")
        value: Any = getattr(model, first)
        for part in key.split("."):
            value = getattr(value, part)
        found[CONFIG if first == "config" else GENERATION][key] = value
    return found


def _wanted(
    config: Any,  # noqa: ANN401  any family's config
    moves: Sequence[Move],
    *,
    reads: bool,
) -> dict[str, dict[int, int]]:
    """Key → old id → new id of what the moves change in this config."""
    wanted: dict[str, dict[int, int]] = {}
    for move in moves:
        for key, old in _keys(config, move, reads=reads):
            wanted.setdefault(key, {}).setdefault(old, move.id if move.token else GONE)
    return wanted


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


def _replaced(stated: Any, ids: Mapping[int, int]) -> Any:  # noqa: ANN401  an id, or a list of them
    if isinstance(stated, list):
        new = dict.fromkeys(ids.get(each, each) for each in stated)
        return [each for each in new if each != GONE] or None
    first = ids[next(iter(ids))]
    return None if first == GONE else first


def _refuse_counted_positions(model: PreTrainedModel, move: Move) -> None:
    if _counted_positions(model):
        raise UsageError(
            f"pad cannot move to {move.token}: this model counts positions from the padding's id "
            f"({move.before_id}), so old texts would get other positions",
            fix="leave pad where it is",
        )


def _counted_positions(model: PreTrainedModel) -> list[int]:
    """The padding's ids from which tables of positions count, as RoBERTa's does."""
    found = [
        getattr(module, "padding_idx", None)
        for name, module in model.named_modules()
        if name.endswith(("position_embeddings", "embed_positions"))
    ]
    return [number for number in found if number is not None]


def _pad_row(model: PreTrainedModel, row: int) -> None:
    embedding: Any = model.get_input_embeddings()
    if getattr(embedding, "padding_idx", None) is not None:
        embedding.padding_idx = row


# Keys of configs that hold ids of the vocabulary, in an entry, a list or (image_token_ids) lists of them.
IDS = re.compile(
    r"_?(\w+_)?token_(ids?|index)|(bos|eos|pad|unk|cls|sep|mask)_index|\w+_(start|end|newline|patch)_id|newline_id"
)
OF_OTHERS = re.compile(r"(\w+_)?(codebook|codec|t2u)_\w+")  # ids of sounds and units, which are no tokens
NESTED = ("force_words_ids", "forced_decoder_ids", "lang_to_id", "task_to_id")
BANNED = (
    "suppress_tokens",
    "begin_suppress_tokens",
    "bad_words_ids",
    "sequence_bias",
)  # what is gone stays out


def stated_in(path: Path, *, trust_remote_code: bool = False) -> dict[str, tuple[int, ...]]:
    """What stated_ids finds of a model's folder, whose weights are not read."""
    return stated_ids(hollow_with_generation(path, trust_remote_code=trust_remote_code))


def stated_ids(model: PreTrainedModel) -> dict[str, tuple[int, ...]]:
    """Every id that the model's configs need, by `place.key`; a token of it must stay.

    Lists of what is not to be written are no need.
    """
    found = {}
    for place, config in _own_configs(model):
        for key, value in vars(config).items():
            if _is_needed(key) and (ids := tuple(dict.fromkeys(_ids_in(key, value)))):
                found[f"{place}.{key}"] = ids
    return found


def move_ids(model: PreTrainedModel, moved: Mapping[int, int], rows: int) -> dict[str, tuple[Any, Any]]:
    """Give every id of the model's configs its new number; `place.key` → what stood there and what does now.

    `moved` is old id → new id of all tokens that are left, `rows` how many rows there were: a number beyond
    them was no token's, and stays. Modules that keep an id of their own follow, but for the padding of the
    input embedding, which moves with its rows. Lists of what is not to be written lose what is gone.

    UsageError for an id that is needed and gone, and for padding that moves where positions are counted from
    its id.
    """
    _refuse_moved_positions(model, moved)

    def to(number: int) -> int | None:
        return moved.get(number) if 0 <= number < rows else number

    changed: dict[str, tuple[Any, Any]] = {}
    for place, config in _own_configs(model):
        for key, value in list(vars(config).items()):
            known = value is not None and (key in BANNED or _is_needed(key))
            new = _moved(f"{place}.{key}", value, to) if known else value
            if known and new != value:
                setattr(config, key, new)
                changed[f"{place}.{key}"] = (value, new)
    _move_kept_numbers(model, moved, changed)
    return changed


def _own_configs(model: PreTrainedModel) -> Iterator[tuple[str, Any]]:
    """The configs whose ids are of the text's vocabulary: nested ones have one of the same size."""
    size = getattr(model.config.get_text_config(), "vocab_size", None)
    for place, config, reads in _configs(model):
        if reads or (size is not None and getattr(config, "vocab_size", None) == size):
            yield place, config


def _is_needed(key: str) -> bool:
    return bool(key in NESTED or (IDS.fullmatch(key) and not OF_OTHERS.fullmatch(key)))


def _ids_in(key: str, value: Any) -> Iterator[int]:  # noqa: ANN401  an id, or what holds some
    """The ids of an entry; in forced_decoder_ids each stands behind its place."""
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int):
        yield value
    elif isinstance(value, Mapping):
        yield from (each for inner in value.values() for each in _ids_in(key, inner))
    elif isinstance(value, list | tuple):
        placed = key == "forced_decoder_ids" and len(value) == 2 and isinstance(value[0], int)
        yield from (each for inner in value[int(placed) :] for each in _ids_in(key, inner))


def _moved(place: str, value: Any, to: Renumber) -> Any:  # noqa: ANN401  an id, or what holds some
    """The entry with its new ids; UsageError for one that is needed and gone."""
    key = place.rpartition(".")[2]
    if key in BANNED:
        return _without_gone(key, value, to)
    gone = [number for number in _ids_in(key, value) if to(number) is None]
    if gone:
        raise UsageError(f"{place} is {gone[0]:,}, and no token with that id is left")
    return _each_moved(key, value, to)


def _each_moved(key: str, value: Any, to: Renumber) -> Any:  # noqa: ANN401
    if isinstance(value, int) and not isinstance(value, bool):
        return to(value)
    if isinstance(value, Mapping):
        return {name: _each_moved(key, inner, to) for name, inner in value.items()}
    if not isinstance(value, list | tuple):
        return value
    places = int(_is_placed(key, value))
    return type(value)([*value[:places], *(_each_moved(key, inner, to) for inner in value[places:])])


def _is_placed(key: str, value: Sequence[Any]) -> bool:
    """Whether this is an id behind its place, [1, 50259] of forced_decoder_ids."""
    return key == "forced_decoder_ids" and len(value) == 2 and isinstance(value[0], int)


def _without_gone(key: str, value: Any, to: Renumber) -> Any:  # noqa: ANN401
    """A list of ids, of sequences of them, or of sequences with a bias, less what cannot be any more."""
    if key == "sequence_bias":
        pairs = value.items() if isinstance(value, Mapping) else value
        left = [([to(each) for each in ids], bias) for ids, bias in pairs]
        left = [(ids, bias) for ids, bias in left if None not in ids]
        if isinstance(value, Mapping):
            return {tuple(ids): bias for ids, bias in left}
        return [[ids, bias] for ids, bias in left]
    if key == "bad_words_ids":
        words = [[to(each) for each in ids] for ids in value]
        return [ids for ids in words if None not in ids] or None  # the library refuses an empty list
    return [new for each in value if (new := to(each)) is not None]


def _refuse_moved_positions(model: PreTrainedModel, moved: Mapping[int, int]) -> None:
    for number in _counted_positions(model):
        new = moved.get(number, number)
        if new != number:
            raise UsageError(
                f"pad would move from {number:,} to {new:,}, and this model counts positions from its id: "
                "keep the tokens before it, or texts get other positions"
            )


def _move_kept_numbers(
    model: PreTrainedModel, moved: Mapping[int, int], changed: Mapping[str, tuple[Any, Any]]
) -> None:
    """The numbers that modules took from the configs when they were made, and rows that are never trained."""
    rows = embedding_rows(model)
    for module in model.modules():
        kept = dict(vars(module))
        for place, (old, new) in changed.items():
            key = place.rpartition(".")[2]
            if key in kept and kept[key] == old:
                setattr(module, key, new)
        number = kept.get(PADDING)
        of_others = isinstance(module, torch.nn.Embedding) and module.num_embeddings != rows
        if isinstance(number, int) and not of_others and module is not model.get_input_embeddings():
            setattr(module, PADDING, moved.get(number, number))
