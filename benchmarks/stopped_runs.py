"""Fine-tuning runs killed, filled and interrupted at places spread over their life, and resumed.

Run: python benchmarks/stopped_runs.py [PLACES] [SEED] [ROWS] [ENGINE] [several] [edges]

The defaults are 20 places each, 7, 400 and loop. With `several` the rows are a table whose rows have several
labels; with `edges` the places are in the first fifth of a life and in the last tenth: reading, checking,
loading and tokenizing, and writing and the reload proof.

A process that has imported all forks one child a run, so that the life of a child is reading, tokenizing,
training with evaluations and checkpoints, writing and the reload proof. A place is a share of the life of an
undisturbed run. There the child gets SIGKILL, a limit on the size of files (as a disk that has no more room),
SIGINT or SIGTERM. Then it is resumed, or started anew where no checkpoint was written. Every weight must be
that of the undisturbed run, bit for bit; so must metrics.json be, but for times and what happened to the run.
Nothing may be left beside the output. Prints a Markdown table; exits 1 when a figure that should be 0 is not.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import random
import re
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"  # its threads do not survive a fork
os.environ["OMP_NUM_THREADS"] = "1"  # nor do these
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from safetensors.torch import load_file

from tokbench.__main__ import main as tokbench
from tokbench.finetuning.config import FinetuneConfig
from tokbench.finetuning.run_files import found_in, unfinished
from tokbench.finetuning.stages import engine_of

CORPUS = Path(__file__).resolve().parents[1] / "corpora" / "english.txt"
OTHER = {"seconds", "rows_per_second", "peak_memory_mb", "load_with"}  # times, and the name of the output
OURS = ("whole", "tok", "said", "stack", "tmp", "rows.jsonl")  # what a room holds beside the run
HAPPENED = ("resumed after step", "there is no checkpoint of step")
SAMPLE = "--task sst2 --data sample"
SEVERAL = "--task own --multi-label --data rows.jsonl --text-column text --label-column labels"
WORDS = (
    "finetune {data} --tokenizer tok --model bert-tiny --device cpu --precision fp32"
    " --set epochs=2 --set batch_size=8 --set learning_rate=1e-3 --max-length 32"
    " --set save_every=5 --set evaluate_every=20 --set cache=off"
)
# A stage, and the functions of ours that are on the stack of a process in it; the first that is found counts.
STAGES = {
    "reload proof": ("reload",),
    "writing": ("_write", "_to_disk", "_take_place"),
    "checkpoint": ("_save", "keep_end"),
    "evaluation": ("predict_logits", "weigh"),
    "training": ("_train", "train", "fit"),
    "tokenizing": ("tokenize_rows",),
    "checking": ("preflight",),
    "loading": ("load_parts", "prepare_run"),
    "reading": ("read_data",),
}
KINDS = {
    "killed": (signal.SIGKILL,),
    "filled": (None,),
    "interrupted": (signal.SIGINT, signal.SIGTERM),
}


@dataclass
class Told:
    """What came of one kind of stop."""

    places: int = 0
    resumed: int = 0  # from a checkpoint; the others began anew
    wrong_end: int = 0  # an exit code that does not say what happened, or a traceback
    not_resumed: int = 0
    other_weights: int = 0
    other_metrics: int = 0
    left: int = 0
    heard: dict[str, list[float]] = field(default_factory=dict)  # seconds to the first word, by stage
    slowest: float = 0.0  # seconds from Ctrl-C to the end
    steps: Counter[str] = field(default_factory=Counter)  # the newest checkpoint at the stop


def started(room: Path, words: str) -> int:
    """A child that runs the command; its number."""
    child = os.fork()
    if child:
        return child
    code = 3
    try:
        os.chdir(room)
        said = os.open(room / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        faulthandler.register(signal.SIGUSR1, (room / "stack").open("w"), all_threads=False)
        os.dup2(said, 1)
        os.dup2(said, 2)
        code = tokbench(words.split())
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def ended(child: int) -> int:
    """Its exit code, or the signal that killed it, below 0."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def must_end_well(child: int, room: Path) -> None:
    """Nothing, or RuntimeError with what an undisturbed command said; 1 is that it learned too little."""
    if ended(child) not in (0, 1):
        raise RuntimeError((room / "said").read_text())


def alive(child: int) -> bool:
    """Whether it has not ended; its exit code can still be asked for."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def stage_of(child: int, room: Path) -> str:
    """What it is doing, by its stack."""
    os.kill(child, signal.SIGUSR1)
    late = time.monotonic() + 0.2
    while not (stack := (room / "stack").read_text()) and time.monotonic() < late:
        time.sleep(0.001)
    there = set(re.findall(r" in (\w+)$", stack, re.MULTILINE))
    return next((stage for stage, names in STAGES.items() if there & set(names)), "the rest")


def seconds_to_a_word(child: int, room: Path) -> float:
    """How long it takes until it says that it stops, or has stopped."""
    begun = time.monotonic()
    while alive(child) and b"stopping" not in (room / "said").read_bytes():
        time.sleep(0.002)
    return time.monotonic() - begun


def disturb(child: int, kind: str, chance: random.Random, size: int) -> None:
    """Do to it what this kind of stop is."""
    sent = chance.choice(KINDS[kind])
    if sent is not None:
        os.kill(child, sent)
        return
    _, hard = resource.prlimit(child, resource.RLIMIT_FSIZE)
    resource.prlimit(child, resource.RLIMIT_FSIZE, (chance.randrange(size), hard))


def metrics(folder: Path) -> dict[str, object]:
    """The numbers of a run without times, and its notes without what happened to it."""
    saved = json.loads((folder / "metrics.json").read_text())
    notes = [note for note in saved["notes"] if not note.startswith(HAPPENED)]
    return {**{name: each for name, each in saved.items() if name not in OTHER}, "notes": notes}


def right_end(kind: str, code: int, said: str) -> bool:
    """Whether a stopped run ended as it should, and said why."""
    if kind == "killed":
        return code == -signal.SIGKILL
    if "Traceback" in said:
        return False
    return (code == 1 and "full" in said) if kind == "filled" else code == 130


def stop_one(kind: str, when: float, room: Path, chance: random.Random, told: Told) -> str:
    """Stop a run after so many seconds, and go on; what it was doing, "" if it had ended."""
    reference = room / "whole"
    size = (reference / "model.safetensors").stat().st_size
    child, begun = started(room, f"{WORDS} -o run"), time.monotonic()
    while alive(child) and time.monotonic() < begun + when:
        time.sleep(0.002)
    if not alive(child):
        ended(child)
        return ""
    stage = stage_of(child, room)
    sent, word = time.monotonic(), 0.0
    disturb(child, kind, chance, size)
    if kind == "interrupted":
        word = seconds_to_a_word(child, room)
    code, said = ended(child), (room / "said").read_text()
    seconds = time.monotonic() - sent
    if (room / "run").exists():  # it was all but done
        return ""
    told.places += 1
    told.wrong_end += not right_end(kind, code, said)
    if kind == "interrupted":
        told.slowest = max(told.slowest, seconds)
        told.heard.setdefault(stage, []).append(round(word, 2))
    found = found_in(unfinished(str(room / "run")))
    told.resumed += bool(found)
    told.steps[found[0].name[5:].lstrip("0") if found else "none"] += 1
    if ended(started(room, f"{WORDS} -o run" + " --resume" * bool(found))) not in (0, 1):
        told.not_resumed += 1
        sys.stderr.write((room / "said").read_text())
    else:
        compare(room, told)
    return stage


def compare(room: Path, told: Told) -> None:
    """Hold a resumed run against the undisturbed one."""
    one, other = (load_file(room / name / "model.safetensors") for name in ("run", "whole"))
    told.other_weights += one.keys() != other.keys() or any(
        not torch.equal(one[name], other[name]) for name in other
    )
    mine, whole = metrics(room / "run"), metrics(room / "whole")
    told.other_metrics += mine != whole
    for name in whole:
        if mine.get(name) != whole[name]:
            sys.stderr.write(f"{name}: {mine.get(name)} is not {whole[name]}\n")


def table_of_several_labels(path: Path, rows: int) -> None:
    """A table whose rows have any of three labels: of the line before, in it and behind it."""
    lines = CORPUS.read_text(encoding="utf-8").splitlines()
    names = [name for name in ("the", "of", "and") if any(name in line for line in lines)]
    found = (
        {"text": line, "labels": [name for name in names if f" {name} " in line]}
        for line in (lines[at % len(lines)] for at in range(rows))
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in found), encoding="utf-8")


def place_in(life: float, share: float, number: int, *, edges: bool) -> float:
    """Seconds until a run is stopped: a share of its life, or of its first fifth and last tenth in turn."""
    if not edges:
        return life * share
    return life * (0.2 * share if number % 2 else 0.9 + 0.12 * share)


def clear(room: Path) -> int:
    """Take the run away; how many things stand there that nobody asked for."""
    import shutil

    shutil.rmtree(room / "run", ignore_errors=True)
    left = [path for path in room.iterdir() if path.name not in OURS]
    left += list((room / "tmp").iterdir())
    for path in left:
        sys.stderr.write(f"left: {path.name}\n")
        shutil.rmtree(path, ignore_errors=True)
    return len(left)


def main(places: int, seed: int, rows: int, engine: str, *, several: bool, edges: bool) -> int:
    """All kinds, the table, and whether anything was wrong."""
    global WORDS
    WORDS = f"{WORDS} --trainer {engine} --max-train-rows {rows}".format(data=SEVERAL if several else SAMPLE)
    engine_of(FinetuneConfig(trainer=engine))  # imported once, for all children
    importlib.import_module("transformers.models.bert.modeling_bert")
    chance, wrong = random.Random(seed), 0
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        (room / "tmp").mkdir()
        os.environ["TMPDIR"] = tempfile.tempdir = str(room / "tmp")
        table_of_several_labels(room / "rows.jsonl", rows)
        must_end_well(started(room, f"train-wordpiece {CORPUS} -o tok -v 600"), room)
        seconds = []
        for _ in range(2):
            begun = time.monotonic()
            must_end_well(started(room, f"{WORDS} -o whole --force"), room)
            seconds.append(time.monotonic() - begun)
        life = min(seconds)
        head = "| stop | places | from a checkpoint | wrong end | not resumed | other weights | other metrics"
        sys.stdout.write(f"{head} | left | slowest end, s |\n|{' --- |' * 9}\n")
        for kind in KINDS:
            told, number, stages = Told(), 0, Counter[str]()
            while told.places < places:
                share = ((number % places) + chance.random()) / places
                when = place_in(life, share, number, edges=edges)
                number += 1
                stage = stop_one(kind, when, room, chance, told)
                stages.update([stage] if stage else [])
                told.left += clear(room)
            faults = (told.wrong_end, told.not_resumed, told.other_weights, told.other_metrics, told.left)
            cells = (kind, told.places, told.resumed, *faults, f"{told.slowest:.2f}")
            sys.stdout.write(f"| {' | '.join(map(str, cells))} |\n")
            sys.stdout.flush()
            sys.stderr.write(f"{kind}: newest checkpoint when stopped: {dict(told.steps)}\n")
            sys.stderr.write(f"{kind}: stopped while {dict(stages)}\n")
            if told.heard:
                sys.stderr.write(f"seconds to a word: {told.heard}\n")
            wrong += sum(faults)
    sys.stdout.write(f"\none run: {life:.1f} s; wrong: {wrong}\n")
    return int(wrong > 0)


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    given = [word for word in sys.argv[1:] if not word.isdigit()]
    engine = next((word for word in given if word not in ("several", "edges")), "loop")
    how = {"several": "several" in given, "edges": "edges" in given}
    sys.exit(main(*(numbers + [20, 7, 400][len(numbers) :]), engine, **how))
