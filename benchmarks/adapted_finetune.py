"""Does a model carried to another tokenizer still learn? Fine-tunes of what was transplanted and warmed.

    python benchmarks/adapted_finetune.py --model MINILM --glue GLUE --rows 2000 --seeds 1 2 3

MINILM is a folder with all-MiniLM-L6-v2, GLUE one with the official TSV folders. A WordPiece of 8,000 tokens
is trained on the texts of SST-2 and MRPC; the model is carried to it with rows that start `aligned`, with
the same and its rows warmed, and with rows drawn at random. Each, and the model as it was, is fine-tuned on
the same rows with the same seeds by the defaults; the table has the metric of each seed, the mean difference
from the original with its interval, tokens a row, and CPU seconds.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from tables import Table

from tokbench.finetuning.prove import interval

TASKS = {"sst2": ("SST-2", "accuracy", ("sentence",)), "mrpc": ("MRPC", "f1", ("#1 String", "#2 String"))}
SIZE = 8_000
WARMED = 2_000  # texts that rows are warmed on


def tokbench(*words: object) -> tuple[str, float]:
    """A command's stdout, and its CPU seconds; an end of the benchmark where it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    line = [sys.executable, "-m", "tokbench", *map(str, words)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(line)}\n{done.stdout}\n{done.stderr}")
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def texts(glue: Path) -> Iterator[str]:
    """The train texts of both tasks."""
    for folder, _, columns in TASKS.values():
        with (glue / folder / "train.tsv").open(encoding="utf-8-sig", newline="") as stream:
            for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE):
                yield from (row[column] for column in columns if row.get(column))


def adapted(model: Path, glue: Path, place: Path) -> dict[str, Path]:
    """The folders that are compared, by the name in the table."""
    corpus, few, tokenizer = place / "texts.txt", place / "few.txt", place / "tok"
    every = list(texts(glue))
    corpus.write_text("\n".join(every) + "\n", encoding="utf-8")
    step = max(1, len(every) // WARMED)
    few.write_text("\n".join(every[::step]) + "\n", encoding="utf-8")
    tokbench("train-wordpiece", corpus, "-v", SIZE, "-o", tokenizer, "-q")
    starts = {"aligned": ("--corpus", corpus), "random": ("--start", "normal")}
    made = ("aligned", "warmed", "random")
    if all((place / name).exists() for name in made):
        return {"original": model} | {name: place / name for name in made}
    for name, words in starts.items():
        _, spent = tokbench("transplant", tokenizer, "--model", model, "-o", place / name, "-q", *words)
        print(f"transplant, {name}: {spent:.1f} CPU s", flush=True)
    _, spent = tokbench(
        "warm", place / "aligned", "--teacher", model, "--corpus", few, "-o", place / "warmed", "-q"
    )
    print(f"warm: {spent:.1f} CPU s", flush=True)
    return {"original": model} | {name: place / name for name in made}


def run(task: str, folder: Path, glue: Path, rows: int, seed: int, kept: Path) -> Mapping[str, object]:
    """A fine-tune's JSON, with its CPU seconds; one that was made before is not made again."""
    file = kept / f"{folder.name}-{task}-{rows}-{seed}.json"
    if file.exists():
        return dict(json.loads(file.read_text(encoding="utf-8")))
    with tempfile.TemporaryDirectory() as place:
        said, spent = tokbench(
            "finetune", "-t", task, "--model", folder, "--data", glue / TASKS[task][0], "--max-length", 128,
            "--max-train-rows", rows, "--seed", seed, "-o", f"{place}/run", "--json", "-q",
        )  # fmt: skip
    found = {**json.loads(said), "cpu": spent}
    file.write_text(json.dumps(found), encoding="utf-8")
    return found


def table(folders: Mapping[str, Path], glue: Path, rows: int, seeds: Sequence[int], kept: Path) -> Table:
    """A row a task and model."""
    found = Table(
        f"Fine-tuned on {rows:,} rows, seeds {', '.join(map(str, seeds))}",
        ["task", "model", "metric", "by seed", "mean", "against the original", "tokens a row", "CPU s a run"],
    )
    for task, (_, metric, _) in TASKS.items():
        base: list[float] = []
        for name, folder in folders.items():
            runs = [run(task, folder, glue, rows, seed, kept) for seed in seeds]
            values = [each["metrics"][metric] for each in runs]  # type: ignore[index]
            base = base or values
            apart = [value - before for value, before in zip(values, base, strict=True)]
            low, high = interval(apart) if name != "original" and len(seeds) > 1 else (0.0, 0.0)
            found.rows.append(
                [
                    task,
                    name,
                    metric,
                    " ".join(f"{value:.4f}" for value in values),
                    f"{fmean(values):.4f}",
                    "" if name == "original" else f"{fmean(apart):+.4f} ({low:+.4f} to {high:+.4f})",
                    f"{runs[0]['tokens'] / runs[0]['train_rows']:.1f}",  # type: ignore[operator]
                    f"{fmean(each['cpu'] for each in runs):.0f}",  # type: ignore[misc]
                ]
            )
            print(*found.rows[-1], sep="\t", flush=True)
    return found


def main() -> None:
    """Make the models, fine-tune each, and print the table."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--model", "--glue"):
        asked.add_argument(name, type=Path, required=True)
    asked.add_argument("--rows", type=int, default=2_000)
    asked.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    asked.add_argument("--kept", type=Path, help="a folder that keeps the models and the runs")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as place:
        kept = given.kept or Path(place)
        kept.mkdir(exist_ok=True)
        folders = adapted(given.model, given.glue, kept)
        print(table(folders, given.glue, given.rows, given.seeds, kept).markdown())


if __name__ == "__main__":
    main()
