"""Signals as a terminal or a kernel sends them, to a process of its own that trains."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc and PR_SET_PDEATHSIG are Linux's")

PROGRAM = """
import itertools, random, sys
from tokenizers import Tokenizer, models, trainers
from tokbench.errors import TokbenchError
from tokbench.training import library

def endless():
    for number in itertools.count():
        yield [f"word{number}"] * 999
        if number == 50:
            print("ready", flush=True)

def long():  # every text a word of its own: half a minute of suffixes and lattices
    chance = random.Random(0)
    yield ["".join(chance.choices("abcd", k=99)) for _ in range(9000)]
    print("ready", flush=True)

def large():  # the library keeps some 20 bytes for each of a text
    yield ["word " * 5_000_000]

try:
    texts = {"reading": endless, "training": long, "memory": large}[sys.argv[1]]
    trainer = trainers.UnigramTrainer(vocab_size=300, show_progress=False)
    library.train_in_worker(Tokenizer(models.Unigram()), trainer, texts())
except TokbenchError as error:
    print(type(error).__name__, error.message)
"""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    running = []

    def run(stage, **options):
        started = subprocess.Popen(
            [sys.executable, str(path), stage],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **options,
        )
        running.append(started)
        return started

    yield run
    for started in running:
        started.kill()
        started.communicate()


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid):
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
    return "zombie" not in status


def gone_within(seconds, pid):
    end = time.monotonic() + seconds
    while alive(pid):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


@linux
@pytest.mark.parametrize("stage", ["reading", "training"])
def test_ctrl_c_ends_it_within_half_a_second_and_leaves_no_child(program, stage):
    def seconds_to_end():
        started = program(stage)
        assert started.stdout.readline() == "ready\n"
        time.sleep(0.3)
        [child] = children(started.pid)
        assert os.getsid(child) != os.getsid(started.pid)
        began = time.monotonic()
        started.send_signal(signal.SIGINT)
        _, errors = started.communicate(timeout=9)
        seconds = time.monotonic() - began
        assert started.returncode == -signal.SIGINT
        assert errors.rstrip().endswith("KeyboardInterrupt")
        assert not alive(child)
        return seconds

    assert any(seconds_to_end() < 0.5 for _ in range(3))  # a busy machine may hold up one of them


@linux
@pytest.mark.parametrize("stage", ["reading", "training"])
def test_a_child_does_not_outlive_a_killed_parent(program, stage):
    started = program(stage)
    assert started.stdout.readline() == "ready\n"
    [child] = children(started.pid)
    started.kill()
    started.wait()
    assert gone_within(2, child)


@linux
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT])
def test_a_child_that_the_system_ends_means_the_memory_was_full(program, number):
    started = program("training")
    assert started.stdout.readline() == "ready\n"
    [child] = children(started.pid)
    os.kill(child, number)
    said, errors = started.communicate(timeout=9)
    assert (said, errors) == ("ResourceError the memory was full before training ended\n", "")


@linux
def test_a_limit_of_memory_is_named(program):
    limit = 400 << 20

    def limited():
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    said, errors = program("memory", preexec_fn=limited).communicate(timeout=60)
    assert (said, errors) == ("ResourceError the memory was full before training ended\n", "")
