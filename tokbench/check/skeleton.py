"""The weights' names and shapes held against the class they are for; no number is read or made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tokbench.check.evidence import listed
from tokbench.check.finding import Finding
from tokbench.check.model_files import CONFIG, ModelFiles
from tokbench.check.subject import Subject
from tokbench.errors import FileProblem


@dataclass(frozen=True)
class Fit:
    """What loading does: `missing` starts at random, so does `other` (of another size); `unexpected` is lost.

    `expected` counts the tensors that the class has.
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    other: tuple[str, ...]
    expected: int

    @property
    def lost(self) -> tuple[str, ...]:
        """The weights of the class that would be random numbers."""
        return self.missing + self.other


def weights_are_the_classes(subject: Subject, model: ModelFiles) -> Iterator[Finding]:
    """Every weight of the class that config.json names is in the file, by its name and in its size.

    Cause: a prefix of a training script in front of all names, a head that was not saved, a config of another
    class.
    Example: all names have one word in front: from_pretrained takes none of the weights, and every number of
    the model is random; it says so in a table that scrolls by.
    Source: measured with transformers 5.23, whose loading is run on tensors without content
    """
    fit = fitted(model)
    if not fit.lost:
        return
    names = f"{len(fit.missing):,} missing: {listed(fit.missing, 2)}" if fit.missing else ""
    sizes = f"{len(fit.other):,} of another size: {listed(fit.other, 2)}" if fit.other else ""
    extra = f"{len(fit.unexpected):,} not taken: {listed(fit.unexpected, 2)}" if fit.unexpected else ""
    whole = len(fit.lost) == fit.expected
    yield Finding(
        "TB410",
        "error",
        "none of the weights is taken: the whole model would be random numbers"
        if whole
        else f"{len(fit.lost):,} of {fit.expected:,} weights would be random numbers",
        "; ".join(part for part in (names, sizes, extra) if part),
        f"rename the tensors as {model.architecture or 'transformers'} calls them"
        if whole and fit.unexpected
        else f"take {CONFIG} and weights of {model.name} from the same save of the model",
    )


def fitted(model: ModelFiles) -> Fit:
    """What from_pretrained would find, tried with tensors that have a shape and nothing in it.

    A FileProblem when the library cannot make a model of the config.
    """
    import torch

    from tokbench.model.loading import BROKEN, class_of, first_line
    from tokbench.model.quiet import quiet

    assert model.folder is not None
    hollow = {
        name: torch.empty(tensor.shape, device="meta") for name, tensor in model.weights.tensors.items()
    }
    try:
        with quiet():
            built, info = class_of(model.folder).from_pretrained(
                None,
                config=_config(model),
                state_dict=hollow,
                device_map="meta",
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
    except BROKEN as error:
        raise FileProblem(
            f"transformers makes no model of {CONFIG}: {first_line(error)}", fix=f"mend {CONFIG}"
        ) from error
    return Fit(
        missing=_sorted(info["missing_keys"]),
        unexpected=_sorted(info["unexpected_keys"]),
        other=_sorted(each[0] for each in info["mismatched_keys"]),
        expected=len({id(each) for each in built.parameters()}),
    )


def _config(model: ModelFiles) -> Any:  # noqa: ANN401
    from transformers import AutoConfig

    assert model.folder is not None
    return AutoConfig.from_pretrained(model.folder, local_files_only=True, trust_remote_code=False)


def _sorted(names: Any) -> tuple[str, ...]:  # noqa: ANN401
    return tuple(sorted(map(str, names)))
