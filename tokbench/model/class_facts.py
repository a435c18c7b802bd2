"""What the class that config.json names says of the weights: which it takes, and which its vocabulary sizes.

Nothing is loaded: transformers' own loading is run on tensors that have a shape and nothing in them, so its
renaming of old checkpoints and its ties hold here as they do there. Importing it and asking takes some CPU
seconds, so the answers are kept in the cache, by everything that they hang on: config.json, the headers of
the weights, and the versions that were asked.
"""

from __future__ import annotations

import copy
import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokbench import __version__
from tokbench.errors import FileError
from tokbench.io.cache import put_in_cache, read_cached
from tokbench.io.extras import has
from tokbench.io.json_files import read_object
from tokbench.model.files import CONFIG, ensure_bounded
from tokbench.model.vocabulary_tensors import VocabularyTables, VocabularyTensor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from transformers import PreTrainedConfig, PreTrainedModel

    from tokbench.model.safetensors_files import Tensor

FURTHER = 777  # rows more, at which a class must have what its answer at one row more says


@dataclass(frozen=True)
class LoadOutcome:
    """What loading does: `missing` starts at random, so does `other` (of another size); `unexpected` is lost.

    `expected` counts the tensors that the class has; `shapes` are those that the file has for `other`.
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    other: tuple[str, ...]
    expected: int
    shapes: Mapping[str, tuple[int, ...]]

    @property
    def lost(self) -> tuple[str, ...]:
        """The weights of the class that would be random numbers."""
        return self.missing + self.other


@dataclass(frozen=True, kw_only=True)
class GrowthFacts:
    """What a class says of its growth: its `name`, its kind of head, and the row that it never trains.

    `prefix` stands before the names of its body where there is a head. `body` are the tensors of the body
    that the file lacks; `ids` the special ids of its config, key → id. `writes_times`: among the tokens, as
    Whisper's does. `moves` is key → others that change with it when the config is read again. `places` is
    key → where config.json states it and what follows it, dotted; a key is not there where writing it would
    not do.
    """

    name: str
    prefix: str
    head: str
    padding: int | None
    body: tuple[str, ...]
    ids: Mapping[str, int]
    writes_times: bool
    moves: Mapping[str, Sequence[str]]
    places: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class ClassFacts:
    """The tables of the vocabulary as the class has them, the outcome of loading the file, and its growth."""

    tables: VocabularyTables
    outcome: LoadOutcome
    growth: GrowthFacts

    def rows(self, key: str) -> dict[str, int]:
        """Name → rows that the file has of every tensor which this key sizes; reserved ones do not count.

        The tensors of the class that the file lacks are left out.
        """
        found: dict[str, int] = {}
        for each in self.tables.tensors.get(key, ()):
            shape = self.outcome.shapes.get(each.name, each.shape)
            if each.name not in self.outcome.missing and len(shape) == len(each.shape):
                found[each.name] = (shape[each.dimension] - each.offset) // each.step
        return found

    @property
    def embedding(self) -> dict[str, int]:
        """The same of the matrices that turn ids into vectors."""
        return {
            name: rows
            for key in self.tables.text
            for name, rows in self.rows(key).items()
            if name in self.tables.inputs
        }


def class_facts(folder: Path, tensors: Mapping[str, Tensor], architecture: str) -> ClassFacts | None:
    """The facts of a folder's class, from the cache or asked; None where it cannot be asked.

    That is without torch, for code of the folder's own, for quantised weights, which have other tensors than
    their class, and for a config of which no model can be made.
    """
    if not has("torch"):
        return None
    name = _cache_name(folder, tensors, architecture)
    found = read_cached(name)
    if found is not None:
        return _from_json(found)
    made = _asked(folder, tensors, architecture)
    if made is not None:
        put_in_cache(name, _to_json(made))
    return made


def _cache_name(folder: Path, tensors: Mapping[str, Tensor], architecture: str) -> str:
    """The name of all that the answers hang on."""
    versions = [version(package) for package in ("transformers", "torch", "huggingface-hub")]
    shapes = sorted((name, each.dtype, each.shape) for name, each in tensors.items())
    asked = [__version__, _source(), *versions, architecture, (folder / CONFIG).read_text("utf-8"), shapes]
    return f"class-facts-{sha256(json.dumps(asked).encode()).hexdigest()[:32]}"


def _source() -> str:
    """The hash of the code that asks: another version of it may ask for more."""
    places = (Path(__file__), Path(__file__).with_name("vocabulary_tables.py"))
    return sha256(b"".join(each.read_bytes() for each in places)).hexdigest()


def _to_json(facts: ClassFacts) -> bytes:
    return json.dumps(asdict(facts)).encode()


def _from_json(text: bytes) -> ClassFacts:
    raw = _tupled(json.loads(text))
    tables = raw["tables"]
    tables["tensors"] = {
        key: tuple(VocabularyTensor(**each) for each in found) for key, found in tables["tensors"].items()
    }
    return ClassFacts(VocabularyTables(**tables), LoadOutcome(**raw["outcome"]), GrowthFacts(**raw["growth"]))


def _tupled(value: Any) -> Any:  # noqa: ANN401
    """Any JSON value with tuples for lists."""
    if isinstance(value, dict):
        return {key: _tupled(each) for key, each in value.items()}
    return tuple(map(_tupled, value)) if isinstance(value, list) else value


def _asked(folder: Path, tensors: Mapping[str, Tensor], architecture: str) -> ClassFacts | None:
    from tokbench.model.loading import class_of, hollow
    from tokbench.model.readers import BROKEN
    from tokbench.model.vocabulary_tables import vocabulary_tables

    try:
        ensure_bounded(folder)
        if class_of(folder).__name__ != (architecture or "AutoModel"):
            return None
        raw = read_object(folder / CONFIG)
        quantised = bool(raw.get("quantization_config"))  # its tensors are others than the class has
        outcome = LoadOutcome((), (), (), 0, {}) if quantised else load_outcome(folder, tensors)
        model = hollow(folder)
        tables = vocabulary_tables(model)
        return ClassFacts(tables, outcome, _growth(raw, model, tables, outcome))
    except (FileError, *BROKEN):
        return None


def _growth(
    raw: Mapping[str, Any], model: PreTrainedModel, tables: VocabularyTables, outcome: LoadOutcome
) -> GrowthFacts:
    from tokbench.model.loading import is_body, special_ids, writes_times
    from tokbench.model.resize import head_kind, padding_row
    from tokbench.model.vocabulary_tables import moving_keys

    places = {key: _places(raw, model.config, key, tables) for key in tables.tensors}
    return GrowthFacts(
        name=type(model).__name__,
        prefix=model.base_model_prefix,
        head=head_kind(model),
        padding=padding_row(model),
        body=tuple(each for each in outcome.missing if is_body(model, each)),
        ids=special_ids(model),
        writes_times=writes_times(model),
        moves=moving_keys(model.config, tables),
        places={key: found for key, found in places.items() if found and _is_linear(model, key, tables)},
    )


def _places(
    raw: Mapping[str, Any], config: PreTrainedConfig, key: str, tables: VocabularyTables
) -> tuple[str, ...]:
    """Where config.json states a key and those that follow it; () where writing there does not change them.

    A config is read from what was written: other keys must not change with it.
    """
    from tokbench.model.vocabulary_tables import vocabulary_keys

    keys = (key, *tables.silent(key))
    places = tuple(_place(raw, config, each) for each in keys)
    value = tables.values[key] + 1
    again = type(config).from_dict(copy.deepcopy(with_values(raw, dict.fromkeys(places, value))))
    wanted = {**tables.values, **dict.fromkeys(keys, value)}
    return places if dict(vocabulary_keys(again)) == wanted else ()


def _place(raw: Mapping[str, Any], config: PreTrainedConfig, key: str) -> str:
    """The dotted name of a key in the file: the class may have another name for it."""
    *outer, last = key.split(".")
    inner: Any = config
    for part in outer:
        inner, raw = getattr(inner, part), raw.get(part) or {}
    own = type(inner).attribute_map.get(last, last)
    return ".".join([*outer, last if last in raw else own])


def with_values(raw: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object with other values at dotted places; objects on the way are made where they lack.

    >>> with_values({"a": 1, "b": {"c": 2, "d": 3}}, {"a": 5, "b.c": 6, "e.f": 7})
    {'a': 5, 'b': {'c': 6, 'd': 3}, 'e': {'f': 7}}
    """
    made = dict(raw)
    for place, value in values.items():
        first, _, rest = place.partition(".")
        made[first] = with_values(made.get(first) or {}, {rest: value}) if rest else value
    return made


def _is_linear(model: PreTrainedModel, key: str, tables: VocabularyTables) -> bool:
    """Whether the class has as many rows more as the key says, far from where it was asked, and no others."""
    from tokbench.model.vocabulary_tables import config_with, hollow_model

    other = hollow_model(type(model), config_with(model.config, {key: tables.values[key] + FURTHER}))
    wanted = {name: tuple(weight.shape) for name, weight in _all_tensors(model)}
    for each in tables.tensors[key]:
        for name in each.names:
            shape = list(each.shape)
            shape[each.dimension] += FURTHER
            wanted[name] = tuple(shape)
    return wanted == {name: tuple(weight.shape) for name, weight in _all_tensors(other)}


def _all_tensors(model: PreTrainedModel) -> Iterator[tuple[str, Any]]:
    yield from model.named_parameters(remove_duplicate=False)
    yield from model.named_buffers(remove_duplicate=False)


def load_outcome(folder: Path, tensors: Mapping[str, Tensor]) -> LoadOutcome:
    """What from_pretrained would find, tried with tensors that have a shape and nothing in it.

    A FileError when the library cannot make a model of the config.
    """
    import torch
    from transformers import AutoConfig

    from tokbench.io.quiet import quiet
    from tokbench.model.loading import class_of
    from tokbench.model.readers import BROKEN, first_line

    hollow = {name: torch.empty(tensor.shape, device="meta") for name, tensor in tensors.items()}
    try:
        with quiet(), torch.device("meta"):  # position ids too: a damaged config may ask for a billion
            config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            built, info = class_of(folder).from_pretrained(
                None,
                config=config,
                state_dict=hollow,
                device_map="meta",
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
    except BROKEN as error:
        raise FileError(
            f"transformers makes no model of {CONFIG}: {first_line(error)}", fix=f"correct {CONFIG}"
        ) from error
    return LoadOutcome(
        missing=_sorted(info["missing_keys"]),
        unexpected=_sorted(info["unexpected_keys"]),
        other=_sorted(each[0] for each in info["mismatched_keys"]),
        expected=len({id(each) for each in built.parameters()}),
        shapes={str(name): tuple(shape) for name, shape, _ in info["mismatched_keys"]},
    )


def _sorted(names: Any) -> tuple[str, ...]:  # noqa: ANN401
    return tuple(sorted(map(str, names)))
