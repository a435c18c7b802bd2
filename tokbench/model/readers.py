"""How token ids are put through a model that may want more than ids: whole, or the part that reads them.

A class is tried as it stands, then with blank pictures or sounds of the size its config gives, then by
`get_text_features`, then by the outermost part that holds the table of tokens and takes ids alone: what
answers first is the model's reader. Nothing here knows a family by its name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel

from tokbench.errors import NegativeResultError
from tokbench.io.quiet import quiet
from tokbench.model.row_plan import WITHOUT_MODEL

# What a damaged config or weight file, or an input of another kind was seen to raise inside transformers.
BROKEN = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, OSError, RuntimeError,
    SafetensorError, StrictDataclassError, TypeError, ValueError,
)  # fmt: skip
# What a class takes that is no id: pictures, sounds and places on a page.
PICTURES = ("pixel_values", "pixel_values_videos", "images", "image")
SOUNDS = ("input_features", "input_values", "flattened_patches", "speech_inputs")
OTHERS = (*PICTURES, *SOUNDS)
FRAMES = 64  # of a sound whose length no config gives
SEED = 7  # some classes draw numbers while they read
NOTHING: Mapping[str, Tensor] = MappingProxyType({})
NOT_ANSWERS = ("past_key_values", "cache", "attentions", "loss")


class UntriedError(NegativeResultError):
    """A model cannot be tried here: it takes more than ids, and no part of it takes ids alone."""


@dataclass(frozen=True)
class Reader:
    """What of a model answers to ids; `part` is "" for the whole class, or says which part and with what.

    `whole` says whether the class was called as a user of it calls it: with ids alone.
    """

    part: str
    call: Callable[..., Any]
    whole: bool = False

    def answers(
        self, ids: Sequence[int] | Tensor, mask: Tensor | None = None, more: Mapping[str, Tensor] = NOTHING
    ) -> dict[str, Tensor]:
        """What comes back for a row of ids, or for a batch (B, T): name → tensor of floating-point numbers.

        `more` are further inputs, such as segments. Raises what the library raises.
        """
        rows = ids if isinstance(ids, Tensor) else torch.tensor([list(ids)])
        mask = torch.ones_like(rows) if mask is None else mask
        with torch.inference_mode(), quiet(stdout=False), torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            return dict(_flat(self.call(rows, mask, **more)))


def reader_of(
    model: PreTrainedModel,
    ids: Sequence[int],
    tables: Sequence[str] = (),
    *,
    hidden: bool = False,
    blanks: bool = True,
) -> Reader:
    """The first reader that answers to these ids; UntriedError where none does.

    `tables` are the names of the matrices that a part must hold to be tried; `hidden` asks for the hidden
    states of all layers beside what the class returns; without `blanks` no blank pictures are shown.
    """
    said = ""
    wanted = [True, False] if hidden else [False]
    for reader in (each for also in wanted for each in _readers(model, tables, also, blanks)):
        try:
            if reader.answers(ids):
                return reader
        except BROKEN as error:
            said = said or first_line(error)
    raise UntriedError(
        f"{type(model).__name__} cannot be tried with texts alone{_wants(model)}: {said}",
        fix=WITHOUT_MODEL,
    )


def positions(model: PreTrainedModel) -> int | None:
    """How many positions the config of the text gives; None where it names none."""
    found = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return found if isinstance(found, int) and found > 0 else None


def whole_reader(model: PreTrainedModel) -> Reader:
    """The class as it stands, whether it answers to ids or not."""
    return Reader("", _caller(model, {}), whole=True)


def wants_more(model: PreTrainedModel) -> tuple[str, ...]:
    """The inputs of a class that are no ids: pixel_values, input_features."""
    return tuple(name for name in _parameters(model) if name in OTHERS)


def first_line(error: BaseException) -> str:
    """What the library said, without the pages that follow."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]


def _wants(model: PreTrainedModel) -> str:
    more = wants_more(model)
    return f", for it takes {', '.join(more)}" if more else ""


def _readers(model: PreTrainedModel, tables: Sequence[str], hidden: bool, showing: bool) -> Iterator[Reader]:
    named = _parameters(model)
    more: dict[str, Any] = {"output_hidden_states": True} if hidden else {}
    if "input_ids" in named:
        yield Reader("", _caller(model, more), whole=True)
    blanks = _blanks(model.config, [name for name in named if name in OTHERS and showing])
    if blanks:
        yield Reader(f"with blank {' and '.join(blanks)}", _caller(model, {**blanks, **more}))
    if hasattr(model, "get_text_features"):
        yield Reader("get_text_features", _caller(model, {}, method="get_text_features"))
    for name, part in model.named_modules():
        inside = not tables or any(each.startswith(f"{name}.") for each in tables)
        if name and inside and isinstance(part, PreTrainedModel) and "input_ids" in _parameters(part):
            yield Reader(name, _caller(part, more))


def _parameters(model: Any, method: str = "forward") -> Mapping[str, inspect.Parameter]:  # noqa: ANN401
    return inspect.signature(getattr(model, method)).parameters


def _caller(
    model: Any,  # noqa: ANN401
    more: Mapping[str, Any],
    *,
    method: str = "forward",
) -> Callable[..., Any]:
    """A call with ids and mask under the names that the class has for them; a decoder gets the same ids."""
    named = _parameters(model, method)
    stacks = bool(getattr(model.config, "is_encoder_decoder", False)) and "decoder_input_ids" in named

    def call(ids: Tensor, mask: Tensor, **segments: Tensor) -> Any:  # noqa: ANN401
        given = {"input_ids": ids, "attention_mask": mask, "decoder_input_ids": ids if stacks else None}
        inputs: dict[str, Any] = {
            key: value for key, value in given.items() if key in named and value is not None
        }
        if "input_ids" not in named:
            inputs.pop("attention_mask", None)  # it would be the sound's
        if "use_cache" in named:
            inputs["use_cache"] = False
        target = model if method == "forward" else getattr(model, method)
        return target(**inputs, **more, **segments)

    return call


def _blanks(config: PreTrainedConfig, names: Sequence[str]) -> dict[str, Tensor]:
    """Pictures and sounds of zeros, of the sizes that the config and the configs in it give."""
    found: dict[str, Tensor] = {}
    for name in names:
        if name in ("pixel_values", "images", "image") and (size := _number(config, "image_size")):
            found[name] = torch.zeros(1, _number(config, "num_channels") or 3, size, size)
        elif name == "input_features" and (bins := _number(config, "num_mel_bins")):
            frames = 2 * (_number(config, "max_source_positions") or FRAMES)
            found[name] = torch.zeros(1, bins, frames)
    return found


def _number(config: PreTrainedConfig, key: str) -> int:
    """The first whole number under this key, in the config or in a config in it; 0 when there is none."""
    value = getattr(config, key, None)
    if isinstance(value, list | tuple) and value:
        value = value[0]
    if isinstance(value, int):
        return value
    inner = (each for each in vars(config).values() if isinstance(each, PreTrainedConfig))
    return next((number for each in inner if (number := _number(each, key))), 0)


def _flat(out: Any, prefix: str = "") -> Iterator[tuple[str, Tensor]]:  # noqa: ANN401
    """The tensors of floating-point numbers in what a class returns, with dotted names."""
    if isinstance(out, Tensor):
        if out.is_floating_point():
            yield prefix or "output", out
    elif isinstance(out, Mapping):
        for key, value in out.items():
            if not any(word in key for word in NOT_ANSWERS):
                yield from _flat(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(out, list | tuple):
        for at, value in enumerate(out):
            yield from _flat(value, f"{prefix}.{at}" if prefix else str(at))
