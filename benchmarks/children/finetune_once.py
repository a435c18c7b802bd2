"""One training in this process, one way; what it took and what it reached, as a line of JSON.

    finetune_once.py loop|plain|trainer|padded [options]   # trains; plain is the loop without graphs
    finetune_once.py machine                               # says what is here: versions, GPU, peak

It needs torch, transformers, tokenizers, numpy and safetensors; the Trainer needs accelerate besides.
"""

# ruff: noqa: ANN401  models and tokenizers of any kind

from __future__ import annotations

import argparse
import json
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import Any

try:
    import numpy as np
    import torch
    from finetune_counts import Counts, counted
    from finetune_parts import (
        WIDTH,
        Lines,
        batches_of,
        finish,
        model_of,
        needed_flops,
        peak_flops,
        splits,
    )

    from tokbench.finetuning.config import FinetuneConfig
    from tokbench.finetuning.data.batches import Batches
    from tokbench.finetuning.device import Machine, machine_of
    from tokbench.finetuning.engines.loop import fit, predict_logits
    from tokbench.finetuning.engines.state import TrainingJob
except ModuleNotFoundError as problem:
    raise SystemExit(f"this measurement needs the package {problem.name}, which is not installed") from None

PACKAGES = ("torch", "transformers", "tokenizers", "accelerate", "numpy")
PROFILED = 40  # steps that the profiler looks at
KERNELS = 14  # operations that are named, the longest first


@dataclass
class Took:
    """What a training did, from its first step to the last weight moved."""

    steps: int
    wall: float
    cpu: float
    notes: list[str] = field(default_factory=list)
    epochs: list[float] = field(default_factory=list)  # seconds, where they were looked at


def by_trainer(model: Any, tokenizer: Any, lines: Lines, asked: argparse.Namespace, *, padded: bool) -> Took:
    """As run_glue.py sets transformers' Trainer up: dynamic padding, or every row to 128."""
    from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

    pad = {"padding": "max_length", "max_length": WIDTH} if padded else {"padding": True}
    data = [
        {"input_ids": ids, "attention_mask": [1] * len(ids), "token_type_ids": [0] * len(ids), "label": label}
        for ids, label in zip(*lines, strict=True)
    ]
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=asked.batch,
            num_train_epochs=asked.epochs,
            learning_rate=asked.rate,
            warmup_steps=0.06,
            weight_decay=0.01,
            seed=asked.seed,
            bf16=asked.precision == "bf16",
            use_cpu=not torch.cuda.is_available(),
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            remove_unused_columns=False,
        )
        trainer = Trainer(
            model,
            arguments,
            data_collator=DataCollatorWithPadding(tokenizer, **pad),
            train_dataset=data,
            callbacks=[_limit(asked.limit)] if asked.limit else [],
        )
        wall, cpu, _ = timed(trainer.train)
    return Took(trainer.state.global_step, wall, cpu)


def _limit(seconds: float) -> Any:
    """A callback that ends training after so many seconds: what counts is rows a second."""
    from transformers import TrainerCallback

    class Limit(TrainerCallback):
        """Looks at the clock after each step."""

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self.end = time.perf_counter() + seconds

        def on_step_end(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
            control.should_training_stop = control.should_training_stop or time.perf_counter() > self.end

    return Limit()


def by_loop(
    model: Any, batches: Batches, plan: FinetuneConfig, asked: argparse.Namespace, machine: Machine
) -> Took:
    """By tokbench's own loop."""
    ends: list[float] = []
    begun = time.perf_counter()

    def progress(stage: str, done: int, total: int | None = None) -> None:
        if stage == "train" and done % len(batches) == 0:
            finish()
            ends.append(time.perf_counter() - begun)

    wall, cpu, found = timed(
        lambda: fit(TrainingJob(model, batches, plan, asked.rate, machine=machine, progress=progress))
    )
    return Took(found.steps, wall, cpu, list(found.notes), np.diff([0.0, *ends]).tolist())


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Wall and CPU seconds of this process and its threads, and what came of the work."""
    finish()
    wall, processor = time.perf_counter(), time.process_time()
    found = work()
    finish()
    return time.perf_counter() - wall, time.process_time() - processor, found


def profiled(model: Any, batches: Batches, plan: FinetuneConfig, rate: float) -> list[str]:
    """Where the time of the loop's steps goes once all graphs are there, as lines."""
    from torch.profiler import ProfilerActivity, profile

    machine, size = machine_of(plan), plan.batch_size
    encoded = batches.encoded
    rows = max(1, min(PROFILED, len(encoded) // size)) * size
    ids = [encoded.ids[low:high].tolist() for low, high in pairwise(encoded.starts[: rows + 1])]
    few = batches_of((ids, encoded.labels[:rows].tolist()), size, plan.seed)
    watch = profile(activities=[ProfilerActivity.CUDA if machine.gpu else ProfilerActivity.CPU])
    begun = 0.0

    def progress(stage: str, done: int, total: int | None = None) -> None:
        nonlocal begun
        if stage == "train" and done == 3 * len(few):
            finish()
            watch.start()
            begun = time.perf_counter()

    fit(TrainingJob(model, few, replace(plan, epochs=4), rate, machine=machine, progress=progress))
    finish()
    wall = time.perf_counter() - begun
    watch.stop()
    return _kernels(watch, wall, len(few), gpu=machine.gpu)


def _kernels(watch: Any, wall: float, steps: int, *, gpu: bool) -> list[str]:
    name = "self_device_time_total" if gpu else "self_cpu_time_total"
    events = sorted(watch.key_averages(), key=lambda each: -getattr(each, name))
    busy = sum(getattr(each, name) for each in events) / 1e6
    lines = [
        f"{steps} steps in {wall:.3f} s ({1e3 * wall / steps:.2f} ms each), the device busy for "
        f"{busy:.3f} s ({busy / wall:.0%})"
    ]
    for each in events[:KERNELS]:
        taken = getattr(each, name) / 1e3 / steps
        lines.append(f"{taken:8.3f} ms a step  {each.count / steps:6.1f} times  {each.key[:70]}")
    return lines


def about() -> dict[str, Any]:
    """What is here."""
    gpu = torch.cuda.is_available()
    best = machine_of(FinetuneConfig()).precision
    return {
        "gpu": torch.cuda.get_device_name() if gpu else "",
        "gpu_memory_gb": torch.cuda.get_device_properties(0).total_memory / 1e9 if gpu else 0,
        "cuda": torch.version.cuda if gpu else "",
        "best": best,
        "peak": {each: peak_flops(each, gpu=gpu) for each in sorted({"fp32", best})},
        "versions": {"python": platform.python_version(), **{each: _version(each) for each in PACKAGES}},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def words() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("way", choices=("loop", "plain", "trainer", "padded", "machine"))
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rows", type=int)
    for name, value in (("--batch", 32), ("--epochs", 1), ("--seed", 42), ("--threads", 2)):
        parser.add_argument(name, type=int, default=value)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--limit", type=float, default=0, help="seconds after which the Trainer stops")
    parser.add_argument("--profile", action="store_true", help="say where the loop's time goes")
    return parser.parse_args()


def trained(asked: argparse.Namespace) -> dict[str, Any]:
    """Train once; what it took."""
    model, tokenizer = model_of(asked)
    train, dev = splits(asked, tokenizer)
    plan = FinetuneConfig(
        batch_size=asked.batch,
        epochs=asked.epochs,
        seed=asked.seed,
        precision=asked.precision,
        graphs="off" if asked.way == "plain" else "auto",
    )
    machine = machine_of(plan)
    machine.hold(model)
    batches = batches_of(train, asked.batch, asked.seed)
    machine.forget_peak()
    with counted(model) as counts:
        if asked.way in ("loop", "plain"):
            took = by_loop(model, batches, plan, asked, machine)
        else:
            took = by_trainer(model, tokenizer, train, asked, padded=asked.way == "padded")
    said = _figures(asked, model, train[0], took, counts)
    said["memory_mb"] = machine.peak_memory_mb()
    held = batches_of(dev, 64, 0)
    logits = predict_logits(model, held, machine=machine)
    said["accuracy"] = float((logits.argmax(axis=1) == held.encoded.labels).mean())
    said["profile"] = [counts.sentence()] if asked.profile else []
    if asked.profile and asked.way in ("loop", "plain"):
        try:
            said["profile"] += profiled(model, batches, plan, asked.rate)
        except (RuntimeError, OSError) as problem:  # what was measured before is not lost with it
            said["profile"].append(f"torch's profiler does not work here: {problem}")
    return said


def _figures(
    asked: argparse.Namespace, model: Any, rows: list[list[int]], took: Took, counts: Counts
) -> dict[str, Any]:
    """Rows, tokens and arithmetic of what was trained, which is less than asked where the limit struck."""
    lengths = [len(row) for row in rows]
    whole = asked.epochs * -(-len(rows) // asked.batch)
    share = took.steps / whole if took.steps < whole else 1.0
    tokens = asked.epochs * sum(lengths) * share
    notes = list(took.notes)
    if share < 1:
        notes.append(
            f"stopped after {asked.limit:.0f} s, at step {took.steps:,} of {whole:,}: the speed is that of "
            "these steps, the accuracy that of an unfinished training"
        )
    return {
        "rows": asked.epochs * len(rows) * share,
        "tokens": tokens,
        "steps": took.steps,
        "wall": took.wall,
        "cpu": took.cpu,
        "epochs": took.epochs,
        "flops": asked.epochs * share * needed_flops(model.config, lengths),
        "padding": counts.tokens / tokens - 1,
        "graphs": {
            "captured": counts.captured,
            "replayed": counts.replayed,
            "seconds": counts.capturing,
            "plain": counts.plain,
        },
        "whole_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "notes": notes,
    }


def main() -> None:
    """Train or look around, and say it."""
    asked = words()
    if not torch.cuda.is_available():
        torch.set_num_threads(asked.threads)
    said = about() if asked.way == "machine" else trained(asked)
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
