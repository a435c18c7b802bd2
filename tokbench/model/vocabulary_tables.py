"""Which tensors of a model each vocabulary key of its config sizes, asked of the class itself.

The class is built on the meta device, where tensors have a shape and no storage, once as its config has it
and once for every key that contains `vocab_size` (nested configs too) with one added to that key. Tensors
that change their shape hang on the key: BERT's `vocab_size` sizes the embedding, the head tied to it and the
head's bias; MobileBERT's also the second dimension of a matrix; Gemma 3n's `vocab_size_per_layer_input` a
second table. What no family's name tells is told here: a size that is the key's value and something more,
matrices that share one storage, and the whole numbers (`num_embeddings`) that modules keep beside them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import torch
from transformers import PreTrainedConfig, PreTrainedModel

from tokbench.io.quiet import quiet
from tokbench.model.readers import BROKEN, first_line
from tokbench.model.vocabulary_tensors import KEY, VocabularyTables, VocabularyTensor

_KNOWN: dict[tuple[type, str], VocabularyTables] = {}


def vocabulary_tables(model: PreTrainedModel) -> VocabularyTables:
    """The tables of a model's class and config, with or without storage; asked once a run."""
    place = (type(model), model.config.to_json_string(use_diff=False))
    if place not in _KNOWN:
        _KNOWN[place] = _asked(model)
    return _KNOWN[place]


def config_with(config: PreTrainedConfig, changes: Mapping[str, int]) -> PreTrainedConfig:
    """A copy of a config with these dotted keys set."""
    made = copy.deepcopy(config)
    for key, value in changes.items():
        set_key(made, key, value)
    return made


def set_key(config: PreTrainedConfig, key: str, value: int) -> None:
    """Set a dotted key of a config in place."""
    *outer, last = key.split(".")
    inner: Any = config
    for part in outer:
        inner = getattr(inner, part)
    setattr(inner, last, value)


def moving_keys(config: PreTrainedConfig, tables: VocabularyTables) -> dict[str, tuple[str, ...]]:
    """Key → the other keys with tables that a config changes with it when it is written and read again."""
    found: dict[str, tuple[str, ...]] = {}
    for key in tables.tensors:
        written = config_with(config, {key: tables.values[key] + 1})
        try:
            with quiet():
                again = dict(vocabulary_keys(type(written).from_dict(written.to_dict())))
        except BROKEN:  # what it cannot read is found where it is read from its file
            continue
        found[key] = tuple(
            other
            for other, value in vocabulary_keys(written)
            if other in tables.tensors and other != key and again.get(other, value) != value
        )
    return {key: others for key, others in found.items() if others}


def hollow_model(kind: type[PreTrainedModel], config: PreTrainedConfig) -> PreTrainedModel:
    """A model of the class whose tensors have shapes and no storage; raises what the class raises."""
    made: Any = kind  # transformers gives no types here
    with quiet(), torch.device("meta"):
        return cast(PreTrainedModel, made._from_config(config))


def vocabulary_keys(config: PreTrainedConfig, prefix: str = "") -> Iterator[tuple[str, int]]:
    """Every key that contains vocab_size with its value, of this config and of the configs in it."""
    for key, value in vars(config).items():
        if isinstance(value, PreTrainedConfig):
            yield from vocabulary_keys(value, f"{prefix}{key}.")
        elif KEY in key and isinstance(value, int) and not isinstance(value, bool):
            yield prefix + key, value
    for alias, own in type(config).attribute_map.items():
        if KEY in alias and KEY not in own and isinstance(getattr(config, own, None), int):
            yield prefix + alias, getattr(config, own)


def _asked(model: PreTrainedModel) -> VocabularyTables:
    base = hollow_model(type(model), copy.deepcopy(model.config))
    names = _names(base)
    values = dict(vocabulary_keys(model.config))
    tensors: dict[str, tuple[VocabularyTensor, ...]] = {}
    numbers: dict[str, tuple[tuple[str, str, int], ...]] = {}
    untried: dict[str, str] = {}
    for key, value in values.items():
        try:
            other = hollow_model(type(model), config_with(model.config, {key: value + 1}))
        except BROKEN as error:
            untried[key] = first_line(error)
            continue
        found = tuple(_changed(base, other, value, names))
        if found:
            tensors[key] = found
            numbers[key] = tuple(_followers(base, other, value))
    inputs, heads = _readers(base, names), _heads(base, names)
    found_tables = VocabularyTables(
        values=values, tensors=tensors, text=(), inputs=inputs, heads=heads, numbers=numbers, untried=untried
    )
    return _with_text(found_tables)


def _with_text(tables: VocabularyTables) -> VocabularyTables:
    """The same with `text`: keys of what reads and writes tokens, else of the only embedding there is."""
    keys = [tables.key_of(name) for name in (*tables.inputs, *tables.heads)]
    if not any(keys):
        keys = [
            key
            for key, found in tables.tensors.items()
            if key.rpartition(".")[2] == KEY and any(each.embeds for each in found)
        ]
    text = tuple(dict.fromkeys(key for key in keys if key))
    inputs = tables.inputs or tuple(each.name for key in text for each in tables.tensors[key] if each.embeds)
    return VocabularyTables(**{**vars(tables), "text": text, "inputs": inputs})


def _names(model: PreTrainedModel) -> dict[int, tuple[str, ...]]:
    """The identity of a tensor → all its names, parameters and buffers."""
    found: dict[int, list[str]] = {}
    for name, tensor, _ in _tensors(model):
        found.setdefault(id(tensor), []).append(name)
    return {key: tuple(names) for key, names in found.items()}


def _tensors(model: PreTrainedModel) -> Iterator[tuple[str, torch.Tensor, bool]]:
    """Name, tensor, whether it is a buffer; a tensor with several names comes with each of them."""
    for name, weight in model.named_parameters(remove_duplicate=False):
        yield name, weight, False
    for name, buffer in model.named_buffers(remove_duplicate=False):
        yield name, buffer, True


def _changed(
    base: PreTrainedModel, other: PreTrainedModel, value: int, names: Mapping[int, tuple[str, ...]]
) -> Iterator[VocabularyTensor]:
    """The tensors whose shape differs between the two, each storage once and dimension by dimension."""
    shapes = {name: tuple(tensor.shape) for name, tensor, _ in _tensors(other)}
    seen: set[int] = set()
    for name, tensor, buffer in _tensors(base):
        before, after = tuple(tensor.shape), shapes.get(name, tuple(tensor.shape))
        if before == after or id(tensor) in seen or len(before) != len(after):
            continue
        seen.add(id(tensor))
        own = names[id(tensor)]
        for dimension, (old, new) in enumerate(zip(before, after, strict=True)):
            if old != new:
                yield VocabularyTensor(
                    name=own[0],
                    shape=before,
                    dimension=dimension,
                    offset=old - value,
                    step=new - old,
                    aliases=own[1:],
                    buffer=buffer,
                    embeds=any(_embeds(base, each) for each in own),
                )


def _embeds(model: PreTrainedModel, name: str) -> bool:
    """Whether the module of a tensor looks rows up by ids."""
    module = model.get_submodule(name.rpartition(".")[0])
    return isinstance(module, torch.nn.Embedding) or "Embedding" in type(module).__name__


def _followers(base: PreTrainedModel, other: PreTrainedModel, value: int) -> Iterator[tuple[str, str, int]]:
    """Module, attribute and offset of every whole number that went up by one with the key."""
    modules = dict(other.named_modules())
    for name, module in base.named_modules():
        if name in modules:
            after = dict(_integers(modules[name]))
            for attribute, number in _integers(module):
                if after.get(attribute) == number + 1:
                    yield name, attribute, number - value


def _integers(module: torch.nn.Module) -> Iterator[tuple[str, int]]:
    """The whole numbers among a module's attributes, and the vocabulary keys of a config of its own."""
    for attribute, number in vars(module).items():
        if isinstance(number, int) and not isinstance(number, bool):
            yield attribute, number
        elif isinstance(number, PreTrainedConfig):
            yield from ((f"{attribute}.{key}", held) for key, held in vocabulary_keys(number))


def _readers(model: PreTrainedModel, names: Mapping[int, tuple[str, ...]]) -> tuple[str, ...]:
    """The first names of the matrices that turn ids into vectors: the model's, and its decoder's."""
    parts: list[Any] = [model]
    if getattr(model.config, "is_encoder_decoder", False):
        for stack in ("get_encoder", "get_decoder"):
            try:
                parts.append(getattr(model, stack)())
            except BROKEN:
                continue
    found = [_weight(part, "get_input_embeddings") for part in parts]
    return _first_names(found, names)


def _heads(model: PreTrainedModel, names: Mapping[int, tuple[str, ...]]) -> tuple[str, ...]:
    return _first_names([_weight(model, "get_output_embeddings")], names)


def _weight(part: Any, getter: str) -> Any:  # noqa: ANN401
    try:
        return getattr(getattr(part, getter)(), "weight", None)
    except BROKEN:  # NotImplementedError of models with several stacks
        return None


def _first_names(found: Sequence[Any], names: Mapping[int, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names[id(each)][0] for each in found if id(each) in names))
