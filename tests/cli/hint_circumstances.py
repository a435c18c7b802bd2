"""What some hints need around their command line: another user, little memory, a full disk, Ctrl-C."""

import json
import os
import resource
import shutil
import signal
import socket
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

NOBODY = 65_534
LARGEST_FILE = 20_000  # bytes


@contextmanager
def locked(place):
    """`locked` may not be listed or entered, nor may `sub/locked.txt` be read; root is nobody here."""
    above = [each for each in (place, *place.parents) if not each.stat().st_mode & 1 and os.geteuid() == 0]
    for each in above:
        each.chmod(each.stat().st_mode | 0o11)
    rights = {place / "locked": 0o755, place / "sub/locked.txt": 0o644}
    for path in rights:
        path.chmod(0)
    anyones, before = place / "anyones", tempfile.tempdir
    anyones.mkdir(exist_ok=True)
    anyones.chmod(0o777)
    tempfile.tempdir = str(anyones)
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
        tempfile.tempdir = before
        for path, mode in rights.items():
            path.chmod(mode)


@contextmanager
def limited(what, limit):
    before = resource.getrlimit(what)
    resource.setrlimit(what, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(what, before)


@contextmanager
def full_disk(place):
    """No file may grow beyond LARGEST_FILE, as on a disk that is full then."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with limited(resource.RLIMIT_FSIZE, LARGEST_FILE):
            yield
    finally:
        signal.signal(signal.SIGXFSZ, handler)


@contextmanager
def ctrl_c(when):
    """Press Ctrl-C once, as soon as it is time; looked at every 5 ms."""

    def look(*_):
        if when():
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def stopped(place):
    """Ctrl-C after the first checkpoint in `made.unfinished`."""
    return ctrl_c(lambda: any(place.glob("made.unfinished/step-*/state.json")))


@contextmanager
def hub_here(place):
    """What datasets makes of a hub's copy stays here."""
    from datasets import config

    before, config.HF_DATASETS_CACHE = config.HF_DATASETS_CACHE, place / "hub"
    try:
        yield
    finally:
        config.HF_DATASETS_CACHE = before


@contextmanager
def environment(**values):
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def launched(place):
    """As a launcher starts one of two processes."""
    return environment(WORLD_SIZE="2", RANK="0", LOCAL_RANK="0")


def no_gpu(place):
    """A machine without a GPU, which others may have."""
    return environment(CUDA_VISIBLE_DEVICES="")


@contextmanager
def taken_port(place):
    """Something listens at port 8017 of this machine."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 8017))
            taken.listen()
        except OSError:  # by another process, as well
            pass
        yield


@contextmanager
def stopped_proof(place):
    """Ctrl-C after the first checkpoint of a proof that is kept nowhere, in a temporary folder of its own."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory() as own:
        tempfile.tempdir = own
        try:
            with ctrl_c(lambda: any(Path(own).glob("tokbench-*/sst2/*/*.unfinished/step-*"))):
                yield
        finally:
            tempfile.tempdir = before


@contextmanager
def left(place):
    """What a stopped run leaves."""
    shutil.copytree(place / "stopped.unfinished", place / "made.unfinished")
    yield


@contextmanager
def damaged(place):
    """What a stopped run leaves, and is damaged since."""
    with left(place):
        for state in place.glob("made.unfinished/step-*/state.json"):
            state.write_text("{")
        yield


@contextmanager
def finished(place):
    """A finished run."""
    shutil.copytree(place / "trained", place / "made")
    yield


@contextmanager
def spoiled(place):
    """A finished run whose numbers are damaged."""
    with finished(place):
        (place / "made/metrics.json").write_text("{}")
        yield


@contextmanager
def earlier_version(place):
    """What a stopped run of an earlier version leaves."""
    with left(place):
        for state in place.glob("made.unfinished/step-*/state.json"):
            facts = json.loads(state.read_text())
            state.write_text(json.dumps({**facts, "format": 1, "version": "0.0.1"}))
        yield


@contextmanager
def filled(place, *, stop):
    """A disk that is full from the first checkpoint on, and Ctrl-C then, or none."""

    def look():
        if not any(place.glob("made.unfinished/step-*/state.json")):
            return False
        resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, before[1]))
        return stop

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with ctrl_c(look):
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def stopped_at_end(place):
    """Ctrl-C while the model is being written to its folder, beside `made`."""
    return ctrl_c(lambda: any(place.glob(".made-tokbench-tmp-*/config.json")))


@contextmanager
def little_memory(place):
    """Some 100 MB more than there are in use, as on a machine that has no more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    with limited(resource.RLIMIT_AS, pages * resource.getpagesize() + 100_000_000):
        yield


def short_lived(place):
    """Ctrl-C after a second, for what serves until then."""
    begun = time.monotonic()
    return ctrl_c(lambda: time.monotonic() > begun + 1)


# By the name of the scenario: what is around the line that is pasted.
AROUND_THE_HINT = {"a port that is taken": short_lived}


# By the name of the scenario: what is around its first command line.
@contextmanager
def bare(place):
    """A model without its tokenizer, while the command line runs."""
    file = place / "pair-body" / "tokenizer.json"
    file.rename(place / "elsewhere.json")
    try:
        yield
    finally:
        (place / "elsewhere.json").rename(file)


CIRCUMSTANCES = {
    "a model whose tokenizer lies elsewhere": bare,
    "a folder that may not be listed": locked,
    "a file behind a locked folder": locked,
    "a file that may not be read": locked,
    "a task that is not in the cache": hub_here,
    "a task without its split": hub_here,
    "test rows without their split": hub_here,
    "a GPU that is not there": no_gpu,
    "graphs without a GPU": no_gpu,
    "a run that is stopped": stopped,
    "a run that was stopped": left,
    "another run that was stopped": left,
    "checkpoints that are damaged": damaged,
    "checkpoints of an earlier version": earlier_version,
    "a disk that is full at the end": partial(filled, stop=False),
    "a disk that is full, and a stop": partial(filled, stop=True),
    "a stop while the output is written": stopped_at_end,
    "a memory that is full": little_memory,
    "a comparison that is there": finished,
    "a finished run of other choices": finished,
    "a finished run that is damaged": spoiled,
    "a proof that is stopped": stopped_proof,
    "two processes for one": launched,
    "a port that is taken": taken_port,
    "a disk that is full": full_disk,
}
