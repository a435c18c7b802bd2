"""How fast fine-tuning is: tokbench's loop against transformers' Trainer as run_glue.py sets it up.

    python benchmarks/finetune_speed.py                                   # random weights, rows like SST-2's
    python benchmarks/finetune_speed.py --model FOLDER --data glue/SST-2  # with a metric that says something
    python benchmarks/finetune_speed.py --model base --rows 67349         # on a GPU: an epoch of BERT-base

The same model, rows, batch of 32, epochs, rates and decay; each in a process of its own, in turn. It needs no
network and no `datasets`. Each contender computes in the precision its user gets: the loop in bf16 where the
machine multiplies in it, the Trainer in fp32 on a CPU and in bf16 on a GPU.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import median
from typing import Any

from processes import child, run
from tables import Table, here, publish, times

WAYS = {"loop": "tokbench loop", "trainer": "Trainer, dynamic padding", "padded": "Trainer, padded to 128"}


def main() -> None:
    """Measure and print a table."""
    import torch

    from tokbench.finetune.machine import machine_of
    from tokbench.finetune.plan import Plan

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="", help="tiny, minilm, base (random weights), or a folder")
    parser.add_argument("--data", help="a folder with SST-2's train.tsv and dev.tsv")
    parser.add_argument("--rows", type=int, help="train rows")
    parser.add_argument("--ways", default=",".join(WAYS), help="contenders, with commas between")
    parser.add_argument("--rounds", type=int, default=1)
    for name, value in (("--batch", 32), ("--epochs", 1), ("--threads", 2)):
        parser.add_argument(name, type=int, default=value)
    parser.add_argument("--same-precision", action="store_true", help="fp32 on a CPU for the loop, too")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    gpu = torch.cuda.is_available()
    model = asked.model or ("base" if gpu else "minilm")
    rows = asked.rows or (67_349 if gpu else 640)
    best = machine_of(Plan()).precision
    precision = {"loop": "fp32" if asked.same_precision and not gpu else best}
    said: dict[str, list[dict[str, Any]]] = {way: [] for way in asked.ways.split(",")}
    for seed in range(42, 42 + asked.rounds):
        for way in said:
            words = ["--model", model, "--rows", rows, "--batch", asked.batch, "--epochs", asked.epochs]
            words += [
                "--seed",
                seed,
                "--threads",
                asked.threads,
                *(["--data", asked.data] if asked.data else []),
            ]
            words += ["--precision", precision.get(way, "bf16" if gpu else "fp32")]
            found = run(child("finetune_once", way, *words), {"OMP_WAIT_POLICY": "PASSIVE"})
            said[way].append(json.loads(found.said.strip().splitlines()[-1]))
    table = _table(said, gpu=gpu, title=f"{model}, {rows:,} rows, batch {asked.batch}, epochs {asked.epochs}")
    print(table.markdown())
    publish([table], to_json=asked.json)


def _table(said: dict[str, list[dict[str, Any]]], *, gpu: bool, title: str) -> Table:
    unit = "rows/s" if gpu else "rows per CPU s"
    header = ("way", unit, "loop is", "real tokens/s", "padding", "of peak", "wall s", "peak MB", "accuracy")
    table = Table(title, header, notes=[here(), f"medians of {len(next(iter(said.values())))} seeds"])
    clock = "wall" if gpu else "cpu"
    speeds = {way: median(each["rows"] / each[clock] for each in runs) for way, runs in said.items()}
    for way, runs in said.items():
        middle = {name: median(each[name] for each in runs) for name in runs[0] if name != "notes"}
        faster = times(speeds["loop"], speeds[way]) if "loop" in speeds and way != "loop" else ""
        table.rows.append(
            (
                WAYS[way],
                speeds[way],
                faster,
                middle["tokens"] / middle[clock],
                f"{middle['padding']:.1%}",
                f"{middle['share_of_peak']:.1%}",
                middle["wall"],
                middle["memory_mb"],
                f"{middle['accuracy']:.4f}",
            )
        )
        table.notes += [f"{WAYS[way]}: {note}" for note in runs[-1]["notes"]]
    return table


if __name__ == "__main__":
    main()
