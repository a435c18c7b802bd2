import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack

import pytest

from tokbench.errors import FileError
from tokbench.io.locks import HELD, LOCK, one_process

HOLDER = """
import sys, time
from pathlib import Path
from tokbench.io.locks import one_process
with one_process(Path(sys.argv[1]), "run"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that has the lock of the folder a/b."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path / "a" / "b"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_process_is_refused_with_the_name_of_the_first(holder, tmp_path):
    words = rf"run is being written by process {holder.pid} on \S+"
    with pytest.raises(FileError, match=words) as caught, one_process(tmp_path / "a" / "b", "run"):
        pass
    assert caught.value.exit_code == 2
    assert (tmp_path / "a" / "b" / LOCK).exists()


def test_the_lock_of_a_killed_process_is_taken_over(holder, tmp_path):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert (tmp_path / "a" / "b" / LOCK).exists()
    with one_process(tmp_path / "a" / "b", "run"):
        assert f"process {os.getpid()} on" in (tmp_path / "a" / "b" / LOCK).read_text()


def test_nothing_is_left_of_a_lock(tmp_path):
    with one_process(tmp_path / "a" / "b", "run"):
        assert (tmp_path / "a" / "b" / LOCK).exists()
    assert list(tmp_path.iterdir()) == []
    assert HELD == {}


def test_the_thread_that_has_a_lock_may_ask_again_and_another_may_not(tmp_path):
    refused = []

    def ask():
        try:
            with one_process(tmp_path / "b", "run"):
                pass
        except FileError as error:
            refused.append(error)

    with one_process(tmp_path / "b", "run"), one_process(tmp_path / "b", "run"):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert len(refused) == 1


def test_where_no_lock_can_be_made_the_work_goes_on(tmp_path):
    (tmp_path / "file").write_text("")
    with one_process(tmp_path / "file" / "b", "run"):
        pass
    assert (tmp_path / "file").read_text() == ""


def test_of_many_who_ask_one_has_it_at_a_time(tmp_path):
    inside, most, got = [0], [0], [0]
    lock = threading.Lock()

    def ask():
        for _ in range(200):
            with ExitStack() as stack:
                try:
                    stack.enter_context(one_process(tmp_path / "b", "run"))
                except FileError:
                    continue
                with lock:
                    inside[0] += 1
                    got[0] += 1
                    most[0] = max(most[0], inside[0])
                with lock:
                    inside[0] -= 1

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert got[0] > 8
