"""The model card of a run: what was trained, what was measured, and the command that does it again."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import PreTrainedTokenizerBase

from tokbench.finetuning.config import CHOICES
from tokbench.finetuning.environment import environment
from tokbench.finetuning.read_record import decimals, split_words, task_words
from tokbench.finetuning.run_files import OBJECTS
from tokbench.finetuning.tasks import TASKS, Task
from tokbench.pretrained.lineage import lineage_of

if TYPE_CHECKING:
    from tokbench.finetuning.result import Run

COMMAND = ("task", "tokenizer", "model", "data", "epochs", "batch_size", "learning_rate", "max_length",
           "seed", "device", "precision", "trainer")  # fmt: skip
PATHS = ("tokenizer", "model", "data", "dev")
ELSEWHERE = (
    "PATH"  # stands in a card for a folder that is not below the one it was made in: somebody's machine
)
PLACE = re.compile(r"(?<![\w:/])(?:[A-Za-z]:|~)?(?:[/\\][\w.+@-]+){2,}")
OPTIONS = ("max_train_rows", "text_column", "pair_column", "label_column", "dev", "skip_incomplete",
           "label_all_pieces", "tag_scheme", "outside", "fast_dev_run", "report_to", "pooling")  # fmt: skip
DEFAULTS = {name: each.default for name, each in CHOICES.items()}
HUB = "nyu-mll/glue"
# The hub's names for our metrics, and what each is to a reader.
TYPES = {"matthews": "matthews_correlation", "pearson": "pearsonr", "spearman": "spearmanr"}


def card(run: Run, choices: Mapping[str, Any], task: Task, tokenizer: PreTrainedTokenizerBase) -> str:
    """The card as Markdown with the header that the hub reads; every number in it was measured."""
    parts = (
        _header(run, choices, task),
        _measured(run),
        _use(run, task),
        _read(run),
        _loading(run),
        _training(run, choices),
        _tokenizer(run, choices, tokenizer),
        _proofs(run),
        _limits(run, choices),
    )
    return "\n".join(line for part in parts for line in (*part, ""))


def _header(run: Run, choices: Mapping[str, Any], task: Task) -> Iterator[str]:
    """YAML, its values written as JSON, which YAML contains."""
    kind = "token-classification" if task.tagging else "text-classification"
    known = run.task in TASKS and choices["data"] != "sample"
    base = _last(str(choices["model"]))
    header: dict[str, Any] = {
        "library_name": "transformers",
        "pipeline_tag": kind,
        "tags": ["tokbench", run.task],
        **({"datasets": [HUB]} if known else {}),
        "metrics": sorted({_type(name) for name in run.metrics}),
        **({"base_model": base} if base.count("/") == 1 else {}),
        "model-index": [{"name": _name(run), "results": list(_results(run, task, known=known))}],
    }
    yield "---"
    for name, value in header.items():
        yield f"{name}: {json.dumps(value, ensure_ascii=False)}"
    yield "---"
    yield ""
    yield f"# {_name(run)}"


def _results(run: Run, task: Task, *, known: bool) -> Iterator[dict[str, Any]]:
    """A result for each dev split, as the hub's leaderboards read them."""
    kind = "token-classification" if task.tagging else "text-classification"
    for split in task.evaluation:
        values = {name: run.metrics.get(task.key(split, name)) for name in task.metrics}
        found = [
            {"type": _type(name), "name": name, "value": round(value, 6)}
            for name, value in values.items()
            if value is not None
        ]
        if known:
            rows = {"name": f"GLUE {run.task}", "type": HUB, "config": run.task, "split": split.hub}
        else:
            rows = {"name": f"{run.task}, rows held out", "type": run.task, "split": split.name}
        yield {"task": {"type": kind}, "dataset": rows, "metrics": found}


def _measured(run: Run) -> Iterator[str]:
    yield f"Trained on {run.train_rows:,} rows, measured on {run.dev_rows:,} rows not trained on."
    yield f"The weights are those of step {run.kept_step:,} of {run.steps:,}."
    yield ""
    yield "| metric | this model | 95 % interval over dev rows | best constant answer |"
    yield "|---|---|---|---|"
    for name, value in run.metrics.items():
        constant = run.majority.get(name, 0.0)
        yield f"| {_cell(run.metric_words(name))} | {value:.4f} | {run.bounds(name)} | {constant:.4f} |"


def _use(run: Run, task: Task) -> Iterator[str]:
    yield "## What it answers"
    yield ""
    if task.regression:
        yield f"A score from {task.scores[0]:g} to {task.scores[1]:g}." if task.scores else "A score."
        return
    if task.threshold is not None:
        yield f"Any of the labels whose probability is above {task.threshold:g}. The train rows had:"
    else:
        yield f"One label for each {task.unit or 'row'}. The train rows had:"
    yield ""
    yield f"| label | {task.unit or 'row'}s |"
    yield "|---|---|"
    for label, count in run.classes.items():
        yield f"| {_cell(label)} | {count:,} |"


def _loading(run: Run) -> Iterator[str]:
    """The lines that load it, as far as they are no line of somebody's machine."""
    before, _, line = run.load_with.rpartition("; ") if ";" not in run.output else ("", "", run.load_with)
    yield "## How to load it"
    yield ""
    yield "```python"
    yield from filter(None, [before])
    yield f"from transformers import {line.partition('.')[0]}, AutoTokenizer"
    yield ""
    yield f"model = {line.replace(repr(run.output), repr(_last(run.output)))}"
    trusted = ", trust_remote_code=True" if "trust_remote_code" in line else ""
    yield f"tokenizer = AutoTokenizer.from_pretrained({_last(run.output)!r}{trusted})"
    yield "```"


def _training(run: Run, choices: Mapping[str, Any]) -> Iterator[str]:
    system = environment()
    steps = f"{run.steps:,} steps in {run.seconds:,.0f} s, {run.rows_per_second:,.0f} rows a second"
    loss, constant = decimals(run.train_loss, 4), decimals(run.constant_loss, 4)
    yield "## How it was trained"
    yield ""
    yield f"{steps} on {run.device} in {run.precision} with the {run.engine} trainer. The loss"
    yield f"(mean of the last tenth of the steps) was {loss}, and the best constant answer's is"
    yield f"{constant}; the most memory was {run.peak_memory_mb:,.0f} MB. The command:"
    yield ""
    said = command(choices, output=run.output)
    yield "```"
    yield said
    yield "```"
    if f"{ELSEWHERE}/" in said:
        yield ""
        yield f"{ELSEWHERE} stands for where a file lies outside the folder that the command was given in."
    yield ""
    yield "| what | version |"
    yield "|---|---|"
    for name, value in choices["versions"].items():
        yield f"| {name} | {value} |"
    yield f"| python | {system.python} |"
    yield f"| system | {system.system}, {system.processors} processors |"
    if "threads" in choices:
        yield f"| threads | {choices['threads']}; another number gives other weights |"


def command(choices: Mapping[str, Any], *, output: str = "", whole: bool = False) -> str:
    """The command line that these choices were, and that makes them again, beside the output if one is named.

    It can be pasted where it was given. If it is not to be `whole`, it names no folder beyond that one.
    """
    words = ["tokbench", "finetune"]
    shown = {
        name: _path(name, str(choices[name]), output, whole=whole) for name in PATHS if choices.get(name)
    }
    for name in COMMAND:
        words += _option(name, shown.get(name, choices.get(name)))
    others = [name for name in CHOICES if name not in (*COMMAND, "output")]
    changed = {name: choices[name] for name in others if choices.get(name, DEFAULTS[name]) != DEFAULTS[name]}
    for name in OPTIONS:
        words += _option(name, shown.get(name, changed.get(name)))
        changed.pop(name, None)
    for name, value in {**changed, **choices.get("trainer_options", {})}.items():
        word = json.dumps(value, ensure_ascii=False) if isinstance(value, Mapping) else value
        words += ["--set", f"{name}={word}"]
    if output:
        words += ["-o", f"{output if whole else Path(output).name}-again"]
    return shlex.join(words)


def _option(name: str, value: object) -> list[str]:
    if value is None or value is False:
        return []
    option = f"--{name.replace('_', '-')}"
    return [option] if value is True else [option, str(value)]


def _path(option: str, name: str, output: str, *, whole: bool) -> str:
    """A name on the hub or a path, as it can be pasted where the run was made.

    A tokenizer that was only in memory is taken from the run, which has its files.
    """
    place = Path(name).expanduser()
    if OBJECTS in place.parts[-3:-2]:
        kept = option == "tokenizer" and output
        return _path("output", output, "", whole=whole) if kept else f"{ELSEWHERE}/{place.name}"
    if whole or not (place.exists() or _last(name) != name):
        return name
    with suppress(ValueError):
        return str(Path(os.path.normpath(place.absolute())).relative_to(Path.cwd()))
    return f"{ELSEWHERE}/{place.name}"


def _tokenizer(run: Run, choices: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase) -> Iterator[str]:
    backend = tokenizer.backend_tokenizer
    roles = {name: each for name, each in tokenizer.special_tokens_map.items() if isinstance(each, str)}
    yield "## Tokenizer"
    yield ""
    yield "| fact | value |"
    yield "|---|---|"
    yield f"| kind | {type(backend.model).__name__} |"
    yield f"| tokens | {len(tokenizer):,} |"
    yield f"| special tokens | {_cell(', '.join(f'{name[:-6]} {each}' for name, each in roles.items()))} |"
    yield f"| tokens a train row | {run.tokens / run.train_rows:.1f} |"
    yield f"| padding in training | {run.padding:.1%} of the real tokens |"
    lineage = lineage_of(str(choices["tokenizer"] or choices["model"]))
    if lineage is not None:
        made_of = replace(lineage, base=_last(lineage.base))
        yield f"| made of | {_cell(made_of.sentence)}; no general gain of that is established |"


def _proofs(run: Run) -> Iterator[str]:
    yield "## What was proved"
    yield ""
    yield f"- Loaded again, the logits differ by {run.reload_difference:g}."
    yield f"- The saved tokenizer gives the ids that were trained on: {'yes' if run.same_ids else 'no'}."
    for token, fate in run.new_tokens.items():
        yield f"- The row of `{token}`: {fate}."


def _limits(run: Run, choices: Mapping[str, Any]) -> Iterator[str]:
    yield "## Limits"
    yield ""
    yield f"- Rows are cut to {run.max_length} tokens; of those here, {_cut(run)} were longer."
    yield f"- One seed, {choices.get('seed', 'not said')}: another gives another metric."
    if run.why:
        yield f"- {_cell(run.why)}."
    if run.kept_step < run.steps or len(run.evaluations) > 1:
        yield "- The step was chosen on the rows it was measured on, so the metric is a little too good."
    for note in run.notes:
        yield f"- {_cell(PLACE.sub(lambda place: _last(place[0]), note))}"


def _cut(run: Run) -> str:
    """How many rows of each split were cut."""
    return ", ".join(f"{count:,} {name} rows" for name, count in run.truncated.items())


def _read(run: Run) -> Iterator[str]:
    """What was read, as it was said before training."""
    if run.read is None:
        return
    yield "## What was read"
    yield ""
    yield "| what | how |"
    yield "|---|---|"
    for role, column in run.read.columns.items():
        yield f"| {role} | {_cell(column)} |"
    yield f"| task | {_cell(task_words(run.read))} |"
    for name, split in run.read.splits.items():
        yield f"| {name} | {_cell(split_words(split, run.read.unit))} |"
    yield ""
    for each in run.read.inferred:
        yield f"- {_cell(each)}."


def _type(name: str) -> str:
    """The hub's name of a metric, without the name of a split before it."""
    plain = name.rpartition("_")[2]
    return TYPES.get(plain, plain)


def _name(run: Run) -> str:
    return f"{run.task}, fine-tuned with tokbench"


def _cell(text: str) -> str:
    """Text that keeps a table whole."""
    return text.replace("|", "\\|").replace("\n", " ")


def _last(name: str) -> str:
    """A name on the hub as it is; of a path the last part alone."""
    path = name.replace("\\", "/")
    return path if path.count("/") < 2 and not path.startswith((".", "/", "~")) else path.rpartition("/")[2]
