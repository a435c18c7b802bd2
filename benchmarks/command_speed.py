"""Short commands on real tokenizers against what the library takes to load them: CPU seconds and peak memory.

Run: python benchmarks/command_speed.py FOLDER…
Each FOLDER holds a tokenizer.json; a folder without one stands for all folders in it that have one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from processes import Run, child, interleaved, tokbench
from tables import Table, here, publish

SENTENCE = "The quick brown fox jumps over 12,345 lazy dogs; naïve café, 안녕하세요 세계! return x**2  # ok"


@dataclass(frozen=True)
class Task:
    """A command, and how many CPU seconds it may take where loading takes so many."""

    words: Callable[[Path, Path], Sequence[object]]
    bound: Callable[[float], float]
    said: str


TASKS: Mapping[str, Task] = {
    "info": Task(lambda at, _: ("info", at), lambda load: 1.5 * load + 0.15, "1.5 × load + 0.15"),
    "encode": Task(
        lambda at, _: ("encode", at, SENTENCE), lambda load: 1.5 * load + 0.15, "1.5 × load + 0.15"
    ),
    "trace": Task(lambda at, _: ("trace", at, SENTENCE), lambda load: load + 2.0, "load + 2"),
    "add-tokens": Task(
        lambda at, out: (
            *("add-tokens", at, "--token", "a", "--token", "b", "--special", "<x>", "--token", "d"),
            *("-o", out, "--force"),
        ),
        lambda load: 3 * load,
        "3 × load",
    ),
}


def rows(folder: Path, out: Path, rounds: int) -> Iterator[Sequence[object]]:
    """What each command took of one tokenizer, medians, and whether that is within its bound."""
    commands = {"load": child("loading", folder / "tokenizer.json")}
    commands |= {name: tokbench(*task.words(folder, out)) for name, task in TASKS.items()}
    found = interleaved(commands, rounds)
    load = found["load"].cpu
    yield folder.name, "load", load, "", "", found["load"].peak
    for name, task in TASKS.items():
        yield _row(folder.name, name, found[name], task.bound(load))


def _row(tokenizer: str, name: str, took: Run, bound: float) -> Sequence[object]:
    return tokenizer, name, took.cpu, bound, "yes" if took.cpu <= bound else "no", took.peak


def measured(folders: Sequence[Path], rounds: int) -> Table:
    """The rows of all tokenizers."""
    header = ["tokenizer", "command", "CPU s", "bound", "within", "peak MB"]
    table = Table("Short commands on real tokenizers", header)
    with tempfile.TemporaryDirectory() as place:
        for folder in folders:
            for row in rows(folder, Path(place) / "grown", rounds):
                table.rows.append(row)
                print(*row, flush=True)
    bounds = "; ".join(f"{name} {task.said}" for name, task in TASKS.items())
    table.notes.append(f"whole processes, medians of {rounds} in turn; load is Tokenizer.from_file in a bare")
    table.notes[-1] += f" process; bounds: {bounds}"
    return table


def found_in(folders: Sequence[Path]) -> list[Path]:
    """The folders with a tokenizer.json among these and in these."""
    return [
        each
        for folder in folders
        for each in ([folder] if (folder / "tokenizer.json").exists() else sorted(folder.iterdir()))
        if (each / "tokenizer.json").exists()
    ]


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folders", type=Path, nargs="+", help="folders with a tokenizer.json, or of such")
    parser.add_argument("--rounds", type=int, default=3, help="how often each runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    asked = parser.parse_args(words)
    print(f"{here()}\n", flush=True)
    table = measured(found_in(asked.folders), asked.rounds)
    print(table.markdown())
    publish([table], to_json=asked.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
