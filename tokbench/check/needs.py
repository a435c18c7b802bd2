"""Why a rule cannot look: what it needs beside the tokenizer, and whether that is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec

from tokbench.check.model_files import ModelFiles
from tokbench.check.skeleton import fitted
from tokbench.check.subject import Subject
from tokbench.check.surveyed import Survey
from tokbench.check.values import CHEAP, bytes_of
from tokbench.errors import FileProblem, plural

NO_ADAPTER = "there is no adapter_config.json"
LIGHT = 32 << 20  # bytes of weights that are run without being asked: 8 million numbers, a second or two


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How far rules go: `quick` leaves out what is slow, `values` reads all numbers; `shown` are texts."""

    quick: bool = False
    values: bool = False
    shown: Survey | None = None


def why_not(need: str, subject: Subject, asked: Asked) -> str:
    """Why a rule with this need does not look; "" when it looks."""
    return next((reason for each in NEEDS[need] if (reason := each(subject, asked))), "")


def _not_quick(_: Subject, asked: Asked) -> str:
    return "it imports transformers, and this was to be quick" if asked.quick else ""


def _folder(subject: Subject, _: Asked) -> str:
    return "one file was given, not a folder" if subject.folder is None else ""


def _model(subject: Subject, _: Asked) -> str:
    if subject.model is None and subject.adapter is not None:
        return f"{subject.adapter.base or 'the base model of the adapter'} is not on this disk"
    return "" if subject.model else "no model was given, and the tokenizer's folder has no config.json"


def _weights(subject: Subject, _: Asked) -> str:
    weights = _of(subject).weights
    return "" if weights.tensors else weights.unread or "the model has no safetensors that could be read"


def _values(subject: Subject, asked: Asked) -> str:
    """The numbers of the weights are not read where that takes long, unless asked for."""
    return _costly(subject, asked, CHEAP, "reads all")


def _passes(subject: Subject, asked: Asked) -> str:
    """Nor is a large model run."""
    return _costly(subject, asked, LIGHT, "puts texts through")


def _costly(subject: Subject, asked: Asked, most: int, does: str) -> str:
    size = bytes_of(_of(subject).folder)
    if not size:
        return "the weights are not on this disk"
    if not asked.values and (asked.quick or size > most):
        return f"it {does} {size / 1e6:,.0f} MB of weights: --weights"
    return ""


def _class(subject: Subject, _: Asked) -> str:
    """A class of transformers' own, and torch to make it with; code of the folder is not run."""
    if find_spec("torch") is None:
        return "torch is not installed: pip install 'tokbench[train]'"
    from tokbench.model.loading import class_of

    model = _of(subject)
    assert model.folder is not None
    if model.architecture and class_of(model.folder).__name__ != model.architecture:
        return f"{model.architecture} is no class of transformers' own"
    return ""


def _layers(subject: Subject, _: Asked) -> str:
    """No model is made of a config that was damaged into millions of layers."""
    layers, tensors = _of(subject).layers or 0, len(_of(subject).weights.tensors)
    count = plural(tensors, "tensor")
    return f"config.json says {layers:,} layers for {count}" if layers > max(tensors, 99) else ""


def _fits(subject: Subject, _: Asked) -> str:
    """What would be random numbers is not put to work; nor is its room taken."""
    with suppress(FileProblem):  # TB461 says so
        return "the weights are not those of the model's class" if fitted(_of(subject)).lost else ""
    return ""


def _not_adapted(subject: Subject, _: Asked) -> str:
    return "the model is an adapter's base, and does not run alone" if subject.adapter else ""


def _adapter(subject: Subject, _: Asked) -> str:
    return "" if subject.adapter else NO_ADAPTER


def _data(_: Subject, asked: Asked) -> str:
    return "" if asked.shown else "no texts were given: --data FILE"


def _labels(_: Subject, asked: Asked) -> str:
    return "" if asked.shown and asked.shown.labels else "the texts have no column of labels"


def _of(subject: Subject) -> ModelFiles:
    assert subject.model is not None
    return subject.model


NEEDS: Mapping[str, tuple[Callable[[Subject, Asked], str], ...]] = {
    "": (),
    "folder": (_folder,),
    "transformers": (_not_quick, _folder),
    "model": (_model,),
    "weights": (_model, _weights),
    "skeleton": (_model, _weights, _not_quick, _layers, _class),
    "values": (_model, _weights, _values),
    "forward": (_model, _not_adapted, _weights, _not_quick, _passes, _layers, _class, _fits),
    "adapter": (_adapter,),
    "data": (_data,),
    "labels": (_data, _labels, _model),
}
