"""Kill -9 at random moments, over every kind of output: what is damaged, mixed, or left behind.

Run: python benchmarks/kills.py [KILLS] [SEED]     (200 and 7 by default, some 20 minutes on two busy cores)

Each command writes over its own output again and again, in two variants by turns. Half of the kills come at a
random moment of the whole run, half within 50 ms of the first sign that it writes. After each kill the output
must be that of one variant, whole: the bytes, where a run gives the same each time, otherwise what its parts
say of each other. Files that belong together may wait for the next run, which moves them; those of two runs
must never stand side by side. At the end one run more, and nothing may be left, neither beside the output nor
in the folder for temporary files. Prints a Markdown table; exits 1 when a figure is not 0.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path

CORPORA = Path(__file__).resolve().parents[1] / "corpora"
MARK = "-tokbench-tmp-"  # tokbench.io.atomic.MARK
SOON = 0.05  # seconds


def bytes_of(*names: str) -> Callable[[Path], Hashable]:
    """A reader of what these files hold; what is missing makes it fail, as it would a user."""
    return lambda folder: tuple(hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names)


def page(folder: Path) -> Hashable:
    """Which variant a page shows; its times differ from run to run."""
    text = (folder / "page.html").read_text(encoding="utf-8")
    if not text.rstrip().endswith("</html>"):
        raise ValueError("the page is cut")
    return "tok-1" in text


def pair(folder: Path) -> Hashable:
    """What tokenizer, config and weights of one folder say of each other."""
    tokenizer = (folder / "tokenizer.json").read_bytes()
    with (folder / "model.safetensors").open("rb") as file:
        head = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        rows = head["bert.embeddings.word_embeddings.weight"]["shape"][0]
        ends = max(entry["data_offsets"][1] for name, entry in head.items() if name != "__metadata__")
        whole = file.tell() + ends == file.seek(0, os.SEEK_END)
    size = json.loads((folder / "config.json").read_text())["vocab_size"]
    if not whole or size != rows:
        raise ValueError(f"config {size} rows, weights {rows}")
    return hashlib.sha256(tokenizer).hexdigest(), rows


def run_folder(folder: Path) -> Hashable:
    """The same of a fine-tuned run, whose metrics can be read."""
    json.loads((folder / "run" / "metrics.json").read_text())
    return pair(folder / "run")


@dataclass(frozen=True)
class Job:
    """A command, with {v} for the variant; what its output is; files that may wait for the next run."""

    name: str
    command: str
    found: Callable[[Path], Hashable]
    may_wait: bool = False


JOBS = (
    Job(
        "train",
        "train-bpe {corpora}/english.txt -o out/tok -v {size} --force -q",
        lambda folder: bytes_of("tokenizer.json", "tokenizer_config.json")(folder / "tok"),
    ),
    Job(
        "count",
        "count {corpora}/english.txt -o out/words.parquet --min-count {v} --memory 16M --force -q",
        bytes_of("words.parquet"),
    ),
    Job(
        "encode",
        "encode tok-{v} --file {corpora} -o out/ids.npy --force -q",
        bytes_of("ids.npy", "ids.starts.npy"),
        may_wait=True,
    ),
    Job("compare --html", "compare tok-{v} --corpus {corpora}/korean.txt --html out/page.html -q", page),
    Job(
        "sweep",
        "sweep {corpora}/english.txt --sizes {size},400 --keep 400 --keep {size} -o out/kept --force -q",
        lambda folder: tuple(
            (path.parent.name, path.read_bytes())
            for path in sorted((folder / "kept").rglob("tokenizer.json"))
        ),
    ),
    Job(
        "add-tokens --model",
        "add-tokens base --model base --special [E{v}] --special [F{v}] -o out/grown --force",
        lambda folder: pair(folder / "grown"),
    ),
    Job(
        "finetune",
        "finetune --task sst2 --data sample --tokenizer tok-{v} --model bert-tiny -o out/run --set epochs=1"
        " --set max_train_rows=64 --set save_every=1 --force -q",
        run_folder,
    ),
)


def start(job: Job, variant: int, room: Path) -> subprocess.Popen[bytes]:
    """The command, begun."""
    words = job.command.format(v=variant, size=(500, 300)[variant - 1], corpora=CORPORA)
    environment = {**os.environ, "TMPDIR": str(room / "tmp"), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "tokbench", *shlex.split(words)],
        cwd=room,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finished(job: Job, variant: int, room: Path) -> float:
    """The command, done; how long it took."""
    begun = time.monotonic()
    process = start(job, variant, room)
    _, said = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{job.name} ended with {process.returncode}: {said.decode()[-600:]}")
    return time.monotonic() - begun


def prepare(room: Path) -> None:
    """Two tokenizers, and a small model of the first."""
    from transformers import BertConfig, BertForMaskedLM

    (room / "out").mkdir()
    (room / "tmp").mkdir()
    for variant, size in ((1, 600), (2, 700)):
        words = f"train-wordpiece {CORPORA}/english.txt -o tok-{variant} -v {size} -q"
        run = [sys.executable, "-m", "tokbench", *words.split()]
        subprocess.run(run, cwd=room, check=True, stdout=subprocess.DEVNULL)
    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertForMaskedLM(BertConfig(vocab_size=600, **small)).save_pretrained(room / "base")
    for path in (room / "tok-1").iterdir():
        (room / "base" / path.name).write_bytes(path.read_bytes())


def kill_one(job: Job, variant: int, room: Path, seconds: float, chance: random.Random) -> bool:
    """Start the command and kill it; whether it was still alive."""
    process = start(job, variant, room)
    if chance.random() < 0.5:
        until = time.monotonic() + chance.uniform(0.2, 1.05) * seconds
    else:
        late = time.monotonic() + 2 * seconds
        while process.poll() is None and not writing(room) and time.monotonic() < late:
            time.sleep(0.001)
        until = time.monotonic() + chance.uniform(0, SOON)
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.001)
    alive = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return alive


def writing(room: Path) -> bool:
    """Whether something new stands beside the output."""
    return any(MARK in entry.name for entry in os.scandir(room / "out"))


def left_in(room: Path) -> list[str]:
    """What nobody asked for, beside the output and among temporary files."""
    hidden = [entry.name for entry in os.scandir(room / "out") if entry.name.startswith(".")]
    return hidden + [entry.name for entry in os.scandir(room / "tmp")]


def hit(job: Job, kills: int, room: Path, chance: random.Random) -> dict[str, int]:
    """Kill this job that often; how often its output was damaged, mixed or waiting, and what was left."""
    clean, seconds = set(), 0.0
    for variant in (1, 2):
        seconds = finished(job, variant, room)
        clean.add(job.found(room / "out"))
    if len(clean) != 2:
        raise RuntimeError(f"{job.name}: two variants cannot be told apart")
    told = dict.fromkeys(("kills", "damaged", "mixed", "waiting", "left"), 0)
    number = 0
    while told["kills"] < kills:
        number += 1
        told["kills"] += kill_one(job, number % 2 + 1, room, seconds, chance)
        try:
            told["mixed"] += job.found(room / "out") not in clean
        except FileNotFoundError:
            told["waiting" if job.may_wait else "damaged"] += 1
        except (ValueError, KeyError, OSError):
            told["damaged"] += 1
    finished(job, 1, room)
    told["damaged"] += job.found(room / "out") not in clean
    left = left_in(room)
    told["left"] = len(left)
    if left:
        sys.stderr.write(f"{job.name} left {left}\n")
    return told


def main(kills: int, seed: int) -> int:
    """All jobs, the table, and whether anything was wrong."""
    chance, wrong, whole = random.Random(seed), 0, 0
    sys.stdout.write("| command | kills | damaged | mixed | waiting for the next run | left after it |\n")
    sys.stdout.write("| --- | ---: | ---: | ---: | ---: | ---: |\n")
    for at, job in enumerate(JOBS):
        with tempfile.TemporaryDirectory() as folder:
            room = Path(folder)
            prepare(room)
            told = hit(job, kills // len(JOBS) + (at < kills % len(JOBS)), room, chance)
        sys.stdout.write(f"| {job.name} | {' | '.join(str(each) for each in told.values())} |\n")
        sys.stdout.flush()
        wrong += told["damaged"] + told["mixed"] + told["left"]
        whole += told["kills"]
    sys.stdout.write(f"\n{whole} kills; damaged, mixed or left behind: {wrong}\n")
    return int(wrong > 0)


if __name__ == "__main__":
    arguments = [int(word) for word in sys.argv[1:] if word.isdigit()]
    JOBS = [job for job in JOBS if job.name in sys.argv[1:]] or JOBS
    sys.exit(main(*(arguments + [200, 7][len(arguments) :])))
