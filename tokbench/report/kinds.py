"""The kinds of results, by the name their JSON carries: what type each is and which window shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from tokbench.errors import DataProblem, did_you_mean
from tokbench.report.parts import Part

# kind: (the result's type, the window) — each a module below tokbench and a name in it.
KINDS = {
    "checkup": ("check.finding:Checkup", "report.checking:checkup"),
    "comparison": ("analysis.comparison:Comparison", "report.charting:page"),
    "config": ("model.configure:ConfigView", "report.configuring:view"),
    "config-change": ("model.configure:ConfigChange", "report.configuring:change"),
    "counted": ("training.counted:Counted", "report.corpora:counted"),
    "demo": ("finetune.demo:Demo", "report.proving:demo"),
    "encoded": ("pretrained.encode:Encoded", "report.looking:encoded"),
    "encoded-corpus": ("pretrained.encode_corpus:EncodedCorpus", "report.corpora:encoded"),
    "environment": ("finetune.environment:Environment", "report.proving:environment"),
    "explanation": ("check.finding:Explanation", "report.checking:explanation"),
    "growth": ("model.growth:Growth", "report.growing:growth"),
    "info": ("pretrained.describe:TokenizerInfo", "report.looking:info"),
    "mending": ("check.mending:Mending", "report.mending:mending"),
    "pair_trace": ("blocks.tracing.pair:PairTrace", "report.pair_tracing:pair"),
    "predictions": ("finetune.predictions:Predicted", "report.beside:predicted"),
    "proof": ("finetune.paired:Proof", "report.pairing:proof"),
    "run": ("finetune.beside:Done", "report.beside:done"),
    "sameness": ("check.sameness:Sameness", "report.sameness:sameness"),
    "side_by_side": ("blocks.tracing.side_by_side:SideBySide", "report.tracing:side_by_side"),
    "sweep": ("analysis.sweeping:Swept", "report.comparing:swept"),
    "trace": ("blocks.tracing.steps:Trace", "report.tracing:trace"),
    "trained": ("pretrained.trained:Trained", "report.making:trained"),
}


LISTS = "it lists what tokbench has, and says nothing of a tokenizer of yours"
# kind: why no page shows it
PAGELESS = {
    "blocks": LISTS,
    "decoded": "it is the text itself",
    "explanations": LISTS,
    "page": "it is where another page was written",
    "presets": LISTS,
    "recipe": "tokbench presets NAME prints it as TOML",
    "tasks": LISTS,
}


def type_of(kind: str) -> Any:  # noqa: ANN401  (a class, or a union of classes)
    """The type of a kind of result; a DataProblem for a kind that no page shows."""
    return _named(_entry(kind)[0])


def window_of(kind: str) -> Callable[[Any], Iterable[Part]]:
    """The window of a kind of result; a DataProblem for a kind that no page shows."""
    return _named(_entry(kind)[1])  # type: ignore[no-any-return]


def _entry(kind: str) -> tuple[str, str]:
    if kind in PAGELESS:
        raise DataProblem(f"a result of kind {kind!r} has no page: {PAGELESS[kind]}", fix="leave it out")
    if kind not in KINDS:
        raise DataProblem(f"a result of kind {kind!r} has no page", fix=did_you_mean(kind, KINDS))
    return KINDS[kind]


def _named(place: str) -> Any:  # noqa: ANN401
    module, name = place.split(":")
    return getattr(import_module(f"tokbench.{module}"), name)
