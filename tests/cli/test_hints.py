"""Every hint that names something to do is pasted: it must run, and the error it came with must be gone."""

import os
import pty
import re
import shlex
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.cli.conftest import Said
from tests.cli.hint_inputs import write_inputs
from tests.cli.hint_scenarios import SCENARIOS
from tests.cli.hints import PACKAGE, next_steps, pasted, shape, sites
from tokbench import errors
from tokbench.__main__ import main

EXECUTED: set[str] = set()
RAN: set[str] = set()

# What hints cannot be shown by a command line here, and why; by the beginning of the file's name, or the
# hint's own words.
REASONS = {
    "analysis/backends.py": "needs packages that are not installed with the tests, or a cache of theirs",
    "checks/fix.py": "of a name on the hub",
    "finetuning/checkpoints.py": "of a stopped run: tests/finetuning/test_stopping.py goes on with it",
    "reporting/json_results.py": "speaks of another command, the one that wrote the file",
    "training/counting/dask_cluster.py": "needs a cluster",
}


# Hints that no scenario provokes yet: file, and hint as the source writes it. No new one may join them.
NOT_YET = frozenset(
    {
        ("adapt/grow.py", "'leave --model out: the tokenizer grows alone, and the model stays as it is'"),
        (
            "adapt/grow.py",
            "f'tokbench config set {shlex.quote(str(model))} {key}=ID --in-place, or leave --shrink out'",
        ),
        ("corpus/samples.py", "'pip install --force-reinstall tokbench'"),
        ("corpus/samples.py", "did_you_mean(name, names)"),
        ("corpus/sources.py", "f'ls -ld {folder}'"),
        ("finetuning/data/load.py", "'--data FOLDER'"),
        ("finetuning/data/load.py", "f'--data FOLDER with the official {task.folder} files'"),
        ("finetuning/data/own_tables.py", "f'--data {kind.example}'"),
        ("finetuning/data/rows.py", "'give the official files, or --data sample for sst2'"),
        (
            "finetuning/data/rows.py",
            "'train on rows whose labels are known; tokbench predict RUN --data FILE predicts the others'",
        ),
        ("finetuning/data/tagging.py", "f'ls -l {path}'"),
        (
            "finetuning/data/tokenize.py",
            "'grow the model to it: tokbench resize MODEL --tokenizer TOKENIZER -o OUT'",
        ),
        ("finetuning/data/tokenize.py", "'see what the tokenizer cannot read: tokbench check TOKENIZER'"),
        ("finetuning/device.py", "'--device cpu, or auto'"),
        (
            "finetuning/engines/distributed.py",
            "'see what the other one said; --resume goes on from the last checkpoint, if there is one'",
        ),
        ("finetuning/engines/monitor.py", "did_you_mean(self.metric, found)"),
        ("finetuning/engines/state.py", "first if step == 1 else 'a lower --learning-rate'"),
        ("finetuning/engines/step.py", "'a lower --max-length, or a smaller model'"),
        ("finetuning/engines/step.py", "'leave --set graphs=on out'"),
        ("finetuning/models.py", "\"tokbench add-tokens TOKENIZER --special '<pad>', or --model bert-base\""),
        ("finetuning/multi.py", "'--data FOLDER with CoLA, SST-2, …'"),
        ("finetuning/multi.py", "'--force trains it again'"),
        (
            "finetuning/multi.py",
            "'--resume takes finished runs over and goes on with the rest, --force starts over'",
        ),
        ("finetuning/multi.py", "'--task sst2, say'"),
        (
            "finetuning/multi.py",
            "'give the command as it was, take another place with -o, or train it again with --force'",
        ),
        ("finetuning/multi.py", "'leave out --predict'"),
        (
            "finetuning/multi.py",
            "f'compare fresh models: --model {PRESET}, or give a folder with tokenizer and model'",
        ),
        ("finetuning/predict.py", "'--data FILE'"),
        ("finetuning/predict.py", "'--data FOLDER with the official files'"),
        ("finetuning/predict.py", "'train one that tags words: tokbench finetune --task ner'"),
        ("finetuning/predictions.py", "f'train one that fits: tokbench finetune --task {teacher}'"),
        ("finetuning/predictions.py", "f'train one that does: tokbench finetune --task {task.name}'"),
        ("finetuning/prove.py", "'--model bert-tiny for both'"),
        ("finetuning/prove.py", "'--seeds 5'"),
        ("finetuning/prove.py", "'-o FOLDER keeps the runs there'"),
        ("finetuning/prove.py", "'-o FOLDER keeps the runs, and --resume goes on with them'"),
        ("finetuning/run_files.py", "'--resume goes on with it, --force starts over'"),
        ("finetuning/stages.py", "'--trainer loop'"),
        ("finetuning/tag_scheme.py", "f'--set tag_scheme={AUTO}'"),
        (
            "finetuning/tag_scheme.py",
            "f'--set tag_scheme={PLAIN} takes each as a type, --set tag_scheme={NO_ENTITIES} as a class'",
        ),
        ("finetuning/tasks.py", "did_you_mean(name, TASKS)"),
        (
            "finetuning/tasks.py",
            "f'tokbench finetune --task mnli -o run && tokbench predict run --task {name}'",
        ),
        ("model/contract.py", "'start them as the mean of all: --start mean'"),
        ("model/model_config.py", "'tokbench config show MODEL'"),
        ("model/readers.py", "'leave --model out: the tokenizer grows alone, and the model stays as it is'"),
        ("model/resize.py", "'leave --model out: the tokenizer grows alone, and the model stays as it is'"),
        ("model/resize.py", "f\"name those that are: {' '.join((f'--vocabulary {key}' for key in keys))}\""),
        ("model/resize.py", "f'name one of them: --vocabulary {keys[0]}'"),
        ("pretrained/added_tokens.py", "'tokbench check TOKENIZER'"),
        ("pretrained/recipe_of.py", "'start from a preset that is near: tokbench presets'"),
        ("pretrained/recipe_of.py", "'train from a recipe that is near, then add them: tokbench add-tokens'"),
        ("recipes/validate.py", "did_you_mean(role, ROLES)"),
        ("reporting/playground.py", "'--port 0 takes a free one'"),
        ("reporting/svg.py", "'leave --plot out'"),
        ("tracing/bpe_merges.py", "'tokbench check TOKENIZER'"),
        ("tracing/unigram_paths.py", "'tokbench check TOKENIZER'"),
        ("tracing/wordpiece_matches.py", "'tokbench check TOKENIZER'"),
        (
            "training/counting/external.py",
            "'make room, give a larger --memory, or drop rare words with --min-count'",
        ),
    }
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hints")
    with pytest.MonkeyPatch.context() as here:
        here.chdir(folder)
        write_inputs(folder)
        yield folder


@pytest.fixture
def said(place, monkeypatch, capfd):
    """Run words; what was said, and the places in the source where the error was being made."""
    monkeypatch.chdir(place)
    made = []
    begin = errors.TokbenchError.__init__

    def noted(self, message, *, fix=""):
        frame = sys._getframe(1)
        while frame is not None:  # the error, and the calls that gave it its hint
            made.append((frame.f_code.co_filename, frame.f_lineno))
            frame = frame.f_back
        begin(self, message, fix=fix)

    monkeypatch.setattr(errors.TokbenchError, "__init__", noted)

    def run(words):
        made.clear()
        capfd.readouterr()
        words, _, stdin = " ".join(words).partition(" < ") if "<" in words else (words, "", "")
        with Path(stdin or os.devnull).open() as file, pytest.MonkeyPatch.context() as here:
            here.setattr(sys, "stdin", file)
            code = main(words.split() if stdin else words)
        told = capfd.readouterr()
        return Said(code, told.out, told.err), list(made)

    return run


def clean(place):
    for made in (
        *place.glob("made*"),
        *place.glob("ids*"),
        *place.glob("*.utf8.txt"),
        *place.glob("*.backup*"),
    ):
        subprocess.run(["rm", "-rf", str(made)], check=True)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_hint_can_be_pasted_and_helps(name, said, place):
    command, fragment, then = (
        (SCENARIOS[name], "", "") if isinstance(SCENARIOS[name], str) else SCENARIOS[name]
    )
    words = shlex.split(command)
    clean(place)
    first, made = said(words)
    assert first.code in (1, 2), first
    error, _, hint = first.err.partition("\nHint:")
    assert fragment in hint
    lines = then.split(" && ") if then else pasted(words, hint.strip())[:1]
    assert lines, f"nothing can be pasted of: {hint}"
    for line in lines:
        again = run(line, said, place)
        if again is not None:
            assert again.code in (0, 1), f"{line}: {again.err}"
            assert error.strip() not in again.err, line
    known = sites()
    RAN.add(name)
    for file, at in made:
        key = (Path(file).relative_to(PACKAGE).as_posix(), at) if Path(file).is_relative_to(PACKAGE) else None
        if key in known:
            EXECUTED.add(shape(key, known[key]))


def run(line, said, place):
    """One line: a command of ours here, anything else in a shell, after which the first file is taken."""
    if line.startswith("tokbench "):
        return said(shlex.split(line)[1:])[0]
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    done = subprocess.run(
        line,
        shell=True,
        cwd=place,
        env={"PATH": path, "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 or "iconv" in line, f"{line}: {done.stderr}"
    if into := re.search(r"> (\S+)$|'(\S+\.parquet)'\)", line):
        return said(["train-bpe", into[1] or into[2], "-v", "300", "-o", "made", "-q"])[0]
    return None


# Command lines that go well, whose next step a terminal shows; the names need quotes.
WELL = (
    "train-bpe corpus.txt -v 300 -o 'made it'",
    "count corpus.txt -o 'made it.parquet'",
    "sweep corpus.txt --sizes 280,300 --keep 300 -o 'made it'",
    "add-tokens pair --token zebra -o 'made it'",
    "add-tokens pair --token zebra --dry-run",
    "resize pair --tokenizer grown -o 'made it'",
    "resize pair --tokenizer grown --dry-run",
    "config set pair hidden_dropout_prob=0.2 -o 'made it'",
    "check 'my pair'",
    "check 'my pair' --fix --dry-run",
)
SHOWN: dict[str, str] = {}
# Next steps that no command line here shows, and why.
NOT_SHOWN = {"finetune.py": "the demo trains for a minute; tests/finetuning runs it"}


@pytest.mark.parametrize("command", WELL)
def test_a_next_step_can_be_pasted(command, said, place, monkeypatch):
    clean(place)
    words = shlex.split(command)
    with terminal(monkeypatch) as seen:
        code = main(words)
    assert code in (0, 1)
    SHOWN[command] = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", b"".join(seen).decode())
    steps = [line for line in SHOWN[command].splitlines() if re.match("  [a-z0-9 ]+: ", line)]
    assert steps, SHOWN[command]
    for step in steps:
        for line in pasted(words, step)[:1]:
            again = run(line, said, place)
            assert again.code in (0, 1), f"{line}: {again.err}"


@contextmanager
def terminal(monkeypatch):
    """Let stderr be a terminal; all that it gets to see."""
    leader, follower = pty.openpty()
    seen = []

    def read():
        with suppress(OSError):  # the terminal is closed
            while part := os.read(leader, 65_536):
                seen.append(part)

    reading = threading.Thread(target=read)
    reading.start()
    try:
        with os.fdopen(follower, "w") as stderr, monkeypatch.context() as here:
            here.setattr(sys, "stderr", stderr)
            yield seen
    finally:
        reading.join()
        os.close(leader)


def test_every_next_step_is_pasted_by_a_test():
    if len(SHOWN) < len(WELL):
        pytest.skip("not all command lines ran here")
    everything = "".join(SHOWN.values())
    left = {key for key, pattern in next_steps().items() if not re.search(pattern, everything)}
    assert sorted(key for key in left if key[0] not in NOT_SHOWN) == []


def test_every_hint_that_names_something_to_do_is_pasted_by_a_test():
    if len(RAN) < len(SCENARIOS):
        pytest.skip("not all scenarios ran here")
    left = {
        (*key, words)
        for key, words in sites().items()
        if shape(key, words) not in EXECUTED
        and (key[0], words) not in NOT_YET
        and not any(key[0].startswith(each) for each in REASONS)
    }
    assert sorted(left) == []
