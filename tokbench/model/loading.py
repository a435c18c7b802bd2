"""Models loaded from safetensors, quietly, and the size of models that are not loaded."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
import transformers
from safetensors import safe_open
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    GenerationConfig,
    PreTrainedModel,
)
from transformers.models.auto import modeling_auto

from tokbench.errors import FileError, plural
from tokbench.io.json_files import read_object
from tokbench.io.quiet import quiet
from tokbench.model.files import CONFIG, GENERATION, architecture, ensure_bounded, find_model, how_to_check
from tokbench.model.modeling_pooled import MODEL_TYPE, PooledClassifier, PooledConfig
from tokbench.model.readers import BROKEN, first_line
from tokbench.model.resize import grown_keys, head_kind, vocabulary_weights
from tokbench.model.sizes import ModelSize
from tokbench.model.vocabulary_tables import vocabulary_tables

if TYPE_CHECKING:
    pass


AutoConfig.register(MODEL_TYPE, PooledConfig, exist_ok=True)  # so that no code of a folder is run for it
AutoModelForSequenceClassification.register(PooledConfig, PooledClassifier, exist_ok=True)

SIZES = "ignore_mismatched_sizes"  # the library names it where a tensor has another shape


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A model in eval mode, and its folder; None for one that was made anew.

    `fresh` are the weights its file lacks, `dropped` those no class takes, `mismatched` those of another
    shape, which start anew as well. `notes` are what a reader should know of how the model came to be.
    """

    model: PreTrainedModel
    path: Path | None = None
    fresh: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    mismatched: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)

    @property
    def new(self) -> tuple[str, ...]:
        """The weights that did not come from the file."""
        return tuple(sorted({*self.fresh, *self.mismatched}))


def load_model(
    name: str | Path,
    *,
    kind: Any = None,  # noqa: ANN401  the classes of transformers are made on demand
    seed: int | None = 0,
    trust_remote_code: bool = False,
    **options: Any,  # noqa: ANN401
) -> LoadedModel:
    """The model of a folder or hub name, as `kind`, by default the class its config names.

    Weights that the file lacks are drawn by `seed`, or with None by torch's generator as it stands;
    `options` go to `from_pretrained`. Code in the model's folder runs only with `trust_remote_code`, which
    nobody sets but a person.
    """
    path = find_model(name)
    ensure_bounded(path)
    kind = kind or (remote_class(path) if trust_remote_code else class_of(path))
    try:
        with quiet(), nullcontext() if seed is None else torch.random.fork_rng(devices=[]):
            if seed is not None:
                torch.manual_seed(seed)
            model, info = kind.from_pretrained(
                path,
                trust_remote_code=trust_remote_code,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
                **{"dtype": "auto", **options},
            )
    except BROKEN as error:
        if SIZES in str(error):  # the library's report of them is a table that goes to the log
            refuse_other_sizes(name, path, hollow(path, trust_remote_code=trust_remote_code))
        raise FileError(f"{name} cannot be loaded: {first_line(error)}", fix=how_to_check(name)) from error
    missing = tuple(sorted(info["missing_keys"]))
    mismatched = tuple(
        sorted(key if isinstance(key, str) else key[0] for key in info.get("mismatched_keys", ()))
    )
    _refuse_hollow(name, model, missing, mismatched)
    dropped = tuple(sorted(info["unexpected_keys"]))
    return LoadedModel(model=model, path=path, fresh=missing, dropped=dropped, mismatched=mismatched)


@contextmanager
def told(name: str | Path, doing: str) -> Iterator[None]:
    """Inside, what the model's library raises becomes one sentence: `name` cannot be `doing`."""
    try:
        yield
    except BROKEN as error:
        raise FileError(
            f"{name} cannot be {doing}: {type(error).__name__}: {first_line(error)}",
            fix=how_to_check(name),
        ) from error


def class_of(folder: Path) -> Any:  # noqa: ANN401  the classes of transformers are made on demand
    """The class in config.json if transformers' own tables have it, so the head stays; else AutoModel."""
    name = architecture(folder)
    if name == PooledClassifier.__name__:
        return PooledClassifier
    tables = (table for key, table in vars(modeling_auto).items() if key.endswith("_MAPPING_NAMES"))
    known = {entry for table in tables for value in table.values() for entry in _names(value)}
    return getattr(transformers, name) if name in known else transformers.AutoModel


def remote_class(folder: Path) -> Any:  # noqa: ANN401
    """The Auto class for which the config names code of the folder; the known class when it names none."""
    named = read_object(folder / CONFIG).get("auto_map")
    autos = [name for name in (named if isinstance(named, dict) else {}) if name.startswith("AutoModel")]
    wanted = next((name for name in autos if name != "AutoModel"), autos[0] if autos else "")
    return getattr(transformers, wanted) if hasattr(transformers, wanted or "-") else class_of(folder)


def _names(value: object) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (str(value),)


def _refuse_hollow(
    name: str | Path, model: PreTrainedModel, missing: Sequence[str], mismatched: Sequence[str]
) -> None:
    """A head may be new, the body may not: it would be random numbers."""
    wrong = [key for key in mismatched if is_body(model, key)]
    if wrong:
        raise FileError(
            f"{wrong[0]} in {name} has not the shape config.json gives",
            fix=how_to_check(name),
        )
    body = [key for key in missing if is_body(model, key) and "pooler" not in key]
    if body:
        raise FileError(
            f"{name} lacks {plural(len(body), 'weight')} of its body, {body[0]} first: "
            "they would be random numbers",
            fix=how_to_check(name),
        )


def is_body(model: PreTrainedModel, key: str) -> bool:
    """Whether a weight is of the body, and not of a head."""
    return model.base_model is model or key.startswith(f"{model.base_model_prefix}.")


BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1}  # by safetensors' names


def model_size(
    model: PreTrainedModel, keys: Sequence[str] = (), *, item_bytes: int | None = None
) -> ModelSize:
    """The measures of a model in memory, or of one without storage whose numbers take `item_bytes` each.

    `keys` are those of the vocabulary that grows, by default the only one there is; UsageError where the
    class cannot grow.
    """
    keys = grown_keys(model, keys)
    weights = vocabulary_weights(model, keys).values()
    return ModelSize(
        rows=vocabulary_tables(model).values[keys[0]],
        head=head_kind(model),
        weight_bytes=sum(each.numel() * (item_bytes or each.element_size()) for each in model.parameters()),
        row_bytes=sum(each[0].numel() * (item_bytes or each.element_size()) for each in weights),
        ids=special_ids(model),
        writes_times=writes_times(model),
    )


def writes_times(model: PreTrainedModel) -> bool:
    """Whether its class writes times among the tokens."""
    written: Any = getattr(type(model), "generate", None)  # a class that only reads has none
    return written is not None and "return_timestamps" in inspect.signature(written).parameters


def meta_model(name: str | Path, keys: Sequence[str] = (), *, trust_remote_code: bool = False) -> ModelSize:
    """The measures from config.json and the weights' header alone; 7 billion weights take no longer.

    Of a model on the hub only the config is fetched.
    """
    path = find_model(name, weights=Path(name).expanduser().is_dir())
    with told(name, "planned for"), quiet():
        model = hollow(path, trust_remote_code=trust_remote_code)
        refuse_other_sizes(name, path, model)
        return model_size(model, keys, item_bytes=_item_bytes(path))


def refuse_other_sizes(name: str | Path, path: Path, model: PreTrainedModel) -> None:
    """FileError where the header of a weights file has another shape than config.json gives that tensor."""
    expected = {key: list(weight.shape) for key, weight in model.state_dict().items()}
    for key, shape in _shapes(path):
        if key in expected and expected[key] != shape:
            found, said = (" x ".join(map(str, each)) for each in (shape, expected[key]))
            raise FileError(
                f"{key} in {name} is {found}, and config.json makes it {said}",
                fix=how_to_check(name),
            )


def hollow(path: Path, *, trust_remote_code: bool = False) -> PreTrainedModel:
    """The model of a folder's config, head included, whose tensors have shapes and no storage."""
    ensure_bounded(path)
    kind: Any = remote_class(path) if trust_remote_code else class_of(path)
    config = AutoConfig.from_pretrained(path, trust_remote_code=trust_remote_code, local_files_only=True)
    with torch.device("meta"):
        if hasattr(kind, "_from_config"):
            return cast(PreTrainedModel, kind._from_config(config))
        return cast(PreTrainedModel, kind.from_config(config, trust_remote_code=trust_remote_code))


def hollow_with_generation(path: Path, *, trust_remote_code: bool = False) -> PreTrainedModel:
    """The same with the generation config of the folder, which loading would give it."""
    model = hollow(path, trust_remote_code=trust_remote_code)
    if (path / GENERATION).is_file():
        model.generation_config = GenerationConfig.from_pretrained(path, local_files_only=True)
    return model


def special_ids(model: PreTrainedModel) -> dict[str, int]:
    """The special ids of a model's configs, key → id."""
    configs = (model.config, model.config.get_text_config(), getattr(model, "generation_config", None))
    return {
        key: value
        for config in configs
        if config is not None
        for key, value in vars(config).items()
        if key.endswith("_token_id") and isinstance(value, int)
    }


def _shapes(path: Path) -> Iterator[tuple[str, list[int]]]:
    """Name and shape of every tensor, from the headers of the safetensors in a folder."""
    for file in sorted(path.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118  no mapping, though it looks like one
                yield name, list(tensors.get_slice(name).get_shape())


def _item_bytes(path: Path) -> int | None:
    """Bytes of one number, as the first weight of the first file has them; None without weights."""
    for file in sorted(path.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118  no mapping, though it looks like one
                return BYTES.get(tensors.get_slice(name).get_dtype())
    return None
