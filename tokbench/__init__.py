"""Build tokenizers, look inside them, grow them with their models, check what breaks, prove that it works.

The names below are the public API; a name's module is imported when the name is first asked for. Everything
else in the package is private and may change.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

# name → the module below tokbench that has it; "" for a module that is itself the name
_PLACES = {
    "recipe": "pretrained.recipe_of",
    "Recipe": "recipes.recipe",
    "train": "pretrained.train",
    "train_like": "pretrained.train_like",
    "Trained": "pretrained.train",
    "count_words": "pretrained.train",
    "WordCounts": "training.word_counts",
    "prepare_corpus": "corpus.prepared",
    "Cleaning": "corpus.cleaning.choices",
    "load": "pretrained.folder",
    "info": "pretrained.info",
    "encode": "encoding.encode",
    "decode": "encoding.encode",
    "wrap": "pretrained.wrap",
    "convert": "pretrained.convert",
    "export": "pretrained.export",
    "config": "model.model_config",
    "set_config": "model.model_config",
    "encode_corpus": "encoding.encode_corpus",
    "decode_corpus": "encoding.decode_corpus",
    "align_labels": "finetuning.aligned",
    "trace": "encoding.encode",
    "compare": "analysis.compare",
    "sweep": "analysis.sweep",
    "describe_corpus": "analysis.corpus_description",
    "same": "checks.same",
    "add_tokens": "adapt.grow",
    "resize": "adapt.grow",
    "extend": "adapt.extend",
    "prune": "adapt.prune",
    "transplant": "adapt.transplant",
    "check": "checks.run",
    "fix": "checks.fix",
    "rebuild": "checks.rebuild",
    "finetune": "finetuning.multi",
    "FinetuneConfig": "finetuning.config",
    "warm": "finetuning.warming.warm",
    "predict": "finetuning.predict",
    "prove": "finetuning.prove",
    "report": "reporting.pages",
    "result_html": "reporting.pages",
    "Result": "results",
    "TokbenchError": "errors",
    "errors": "",
}

__all__ = [
    "Cleaning",
    "FinetuneConfig",
    "Recipe",
    "Result",
    "TokbenchError",
    "Trained",
    "WordCounts",
    "__version__",
    "add_tokens",
    "align_labels",
    "check",
    "compare",
    "config",
    "convert",
    "count_words",
    "decode",
    "decode_corpus",
    "describe_corpus",
    "encode",
    "encode_corpus",
    "errors",
    "export",
    "extend",
    "finetune",
    "fix",
    "info",
    "load",
    "predict",
    "prepare_corpus",
    "prove",
    "prune",
    "rebuild",
    "recipe",
    "report",
    "resize",
    "result_html",
    "same",
    "set_config",
    "sweep",
    "trace",
    "train",
    "train_like",
    "transplant",
    "warm",
    "wrap",
]


def __getattr__(name: str) -> object:
    """The public name, imported now and kept."""
    if name not in _PLACES:
        raise AttributeError(f"module 'tokbench' has no attribute {name!r}")
    place = _PLACES[name]
    found = getattr(import_module(f"tokbench.{place}"), name) if place else import_module(f"tokbench.{name}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names, and what a module has besides."""
    return sorted({*globals(), *_PLACES})
