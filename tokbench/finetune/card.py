"""The model card of a run: what was trained on what, and the numbers that were measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tokbench.finetune.run import Run

HIDDEN = (
    "versions",
    "settings",
    "data",
    "reading",
)  # said elsewhere, or a place on the machine of whoever trained


def card(run: Run, choices: Mapping[str, Any]) -> str:
    """The card as Markdown with the header that the hub reads; every number in it was measured."""
    lines = [
        "---",
        "library_name: transformers",
        f"tags: [tokbench, {run.task}]",
        "---",
        "",
        f"# {run.task}, fine-tuned with tokbench",
        "",
        f"Trained on {run.train_rows:,} rows, measured on {run.dev_rows:,} rows not trained on.",
        f"The weights are those of step {run.kept_step:,}.",
        "",
        "| metric | this model | best constant answer |",
        "|---|---|---|",
        *(
            f"| {name} | {value:.4f} | {run.majority.get(name, 0.0):.4f} |"
            for name, value in run.metrics.items()
        ),
        "",
        *_training(run, choices),
        "",
        *_proofs(run),
        "",
    ]
    return "\n".join(lines)


def _training(run: Run, choices: Mapping[str, Any]) -> Iterator[str]:
    asked = {name: each for name, each in choices.items() if name not in HIDDEN}
    asked["model"] = _last(str(asked["model"]))
    asked["tokenizer"] = _last(str(asked["tokenizer"] or "the model's own"))
    steps = f"{run.steps:,} steps in {run.seconds:,.0f} s, {run.rows_per_second:,.0f} rows a second"
    yield "## How it was trained"
    yield ""
    yield f"{steps} on {run.device} in {run.precision} with the {run.engine} engine; the last epoch's mean"
    yield f"loss was {run.loss:.4f}, the most memory {run.peak_memory_mb:,.0f} MB."
    yield ""
    yield "| choice | value |"
    yield "|---|---|"
    for name, value in {**asked, **choices["settings"], **choices["versions"]}.items():
        yield f"| {name} | {value} |"


def _proofs(run: Run) -> Iterator[str]:
    yield "## What was proved"
    yield ""
    yield f"- Loaded again, the logits differ by {run.reload_difference:g}."
    yield f"- The saved tokenizer gives the ids that were trained on: {'yes' if run.same_ids else 'no'}."
    yield f"- {run.truncated:,} rows were cut to {run.max_length} tokens."
    for token, fate in run.new_tokens.items():
        yield f"- The row of `{token}`: {fate}."


def _last(name: str) -> str:
    """A name on the hub as it is; of a path the last part alone."""
    path = name.replace("\\", "/")
    return path if path.count("/") < 2 and not path.startswith((".", "/", "~")) else path.rpartition("/")[2]
