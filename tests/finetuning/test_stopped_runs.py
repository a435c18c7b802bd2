"""Runs that are killed, filled and interrupted at places all over their life end in the same weights."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "stopped_runs.py"


@pytest.mark.parametrize(
    ("places", "rows", "engine"),
    [
        (1, 64, "loop"),
        pytest.param(20, 400, "loop", marks=pytest.mark.slow),
        pytest.param(5, 160, "hf", marks=pytest.mark.slow),
    ],
)
def test_a_run_stopped_anywhere_is_resumed_to_the_same_weights(places, rows, engine, tmp_path):
    words = [sys.executable, BENCHMARK, str(places), "7", str(rows), engine]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(BENCHMARK.parents[1])}
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")][2:]
    assert [int(cells[1]) for cells in counts] == [places] * 3
