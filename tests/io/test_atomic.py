import fcntl
import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tokbench.errors import FileError, ResourceError
from tokbench.io import atomic
from tokbench.io.atomic import MARK, atomic_file, atomic_files, atomic_folder, scratch_folder, sweep_stale

FILES = ("tokenizer.json", "config.json", "model.safetensors")
KILLS = 20
WRITER = """
import sys
from pathlib import Path
from tokbench.io.atomic import atomic_folder
out, number = Path(sys.argv[1]), 0
while True:
    number += 1
    with atomic_folder(out, force=True) as folder:
        for name in ("tokenizer.json", "config.json", "model.safetensors"):
            (folder / name).write_text(f"{number}\\n" * 3000)
    print(number, flush=True)
"""
GREEDY = """
import resource, sys
from pathlib import Path
from tokbench.errors import ResourceError
from tokbench.io.atomic import atomic_folder
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
try:
    with atomic_folder(Path(sys.argv[1]), force=True) as folder:
        (folder / "tokenizer.json").write_text("x" * 100_000)
except ResourceError as error:
    print(error.message)
"""


@pytest.fixture
def out(tmp_path):
    """A folder that holds an old tokenizer."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "tokenizer.json").write_text("old")
    return tmp_path / "out"


def write(folder: Path, text: str) -> None:
    (folder / "tokenizer.json").write_text(text)


def replace(out: Path, text: str, *, then, force: bool = False) -> None:
    """Write a tokenizer, with something that happens before it is complete."""
    with atomic_folder(out, force=force) as folder:
        write(folder, text)
        then()


def raise_it(error) -> None:
    raise error


def assert_is_old(out: Path) -> None:
    assert [path.name for path in out.iterdir()] == ["tokenizer.json"]
    assert (out / "tokenizer.json").read_text() == "old"
    assert left_beside(out) == []


def left_beside(out: Path) -> list[Path]:
    return [path for path in out.parent.iterdir() if MARK in path.name]


def test_a_new_folder_takes_its_place_with_its_parents(tmp_path):
    out = tmp_path / "a" / "b"
    with atomic_folder(out) as folder:
        assert folder.parent == out.parent
        assert folder.name.startswith(f".b{MARK}{os.getpid()}-")
        write(folder, "new")
        assert not out.exists()
    assert (out / "tokenizer.json").read_text() == "new"
    assert left_beside(out) == []


def test_an_old_folder_is_replaced_whole(out):
    (out / "added_tokens.json").write_text("stale")
    with atomic_folder(out, force=True) as folder:
        write(folder, "new")
    assert [path.name for path in out.iterdir()] == ["tokenizer.json"]
    assert (out / "tokenizer.json").read_text() == "new"
    assert left_beside(out) == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_whatever_is_raised_the_old_folder_stays(out, error):
    with pytest.raises(error):
        replace(out, "half", force=True, then=lambda: raise_it(error))
    assert_is_old(out)


def test_parents_made_for_nothing_are_taken_away(tmp_path):
    with pytest.raises(ValueError, match="stop"), atomic_folder(tmp_path / "a" / "b" / "c"):
        raise ValueError("stop")
    assert list(tmp_path.iterdir()) == []


def test_without_force_nothing_starts(out):
    with pytest.raises(FileError), atomic_folder(out):
        pytest.fail("started")
    assert_is_old(out)


def test_a_full_disk_is_said_and_the_old_folder_stays(out):
    done = subprocess.run([sys.executable, "-c", GREEDY, out], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"the disk is full: {out}")
    assert_is_old(out)


def test_a_full_disk_elsewhere_is_a_full_disk_too(out):
    with pytest.raises(ResourceError), atomic_folder(out, force=True), Path("/dev/full").open("w") as full:
        full.write("x" * 100_000)
    assert_is_old(out)


def test_an_error_about_another_file_goes_through(out):
    with pytest.raises(FileNotFoundError), atomic_folder(out, force=True):
        Path("/no/such/corpus.txt").read_text()
    assert_is_old(out)


def test_what_cannot_be_written_is_one_sentence():
    with pytest.raises(FileError, match="/proc/tok cannot be"), atomic_folder(Path("/proc/tok")):
        pass


def test_a_folder_that_appears_meanwhile_is_left_alone(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(FileError, match="appeared"):
        replace(out, "mine", then=lambda: (out.mkdir(), write(out, "theirs")))
    assert (out / "tokenizer.json").read_text() == "theirs"


def test_a_folder_that_fills_with_somebodys_work_meanwhile_is_left_alone(out):
    with pytest.raises(FileError, match=r"thesis\.docx"):
        replace(out, "new", force=True, then=(out / "thesis.docx").touch)
    assert (out / "tokenizer.json").read_text() == "old"


def test_systems_that_cannot_exchange_names_rename_twice(out, monkeypatch):
    monkeypatch.setattr(atomic.ctypes, "CDLL", lambda *_, **__: object())
    with atomic_folder(out, force=True) as folder:
        write(folder, "new")
    assert (out / "tokenizer.json").read_text() == "new"
    with atomic_folder(out.with_name("other")) as folder:
        write(folder, "new")
    assert left_beside(out) == []


def test_rights_are_those_of_new_files(tmp_path):
    before = os.umask(0o027)
    try:
        with atomic_folder(tmp_path / "out") as folder:
            write(folder, "new")
            (folder / "tokenizer.json").chmod(0o600)  # as some writers do
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o750
    assert stat.S_IMODE((tmp_path / "out" / "tokenizer.json").stat().st_mode) == 0o640


def dead_pid() -> int:
    ended = subprocess.Popen(["true"])
    ended.wait()
    return ended.pid


def test_leftovers_of_the_dead_are_swept_and_those_of_the_living_are_not(out):
    dead = out.with_name(f".out{MARK}{dead_pid()}-0000")
    alive = out.with_name(f".out{MARK}{os.getpid()}-0000")
    other = out.with_name(f".other{MARK}{dead_pid()}-0000")
    for folder in (dead, alive, other):
        folder.mkdir()
        write(folder, "half")
    sweep_stale(out)
    assert left_beside(out) == [alive]  # whatever name the dead were writing to


def test_an_old_folder_put_aside_by_the_dead_comes_back(out):
    out.rename(out.with_name(f".out{MARK}{dead_pid()}-0000-aside"))
    sweep_stale(out)
    assert_is_old(out)


def test_an_old_folder_of_another_name_put_aside_by_the_dead_comes_back(out):
    out.rename(out.with_name(f".out{MARK}{dead_pid()}-0000-aside"))
    with atomic_file(out.with_name("page.html")) as beside:
        beside.write_text("whole")
    assert_is_old(out)


def test_a_scratch_folder_is_private_gone_afterwards_and_swept_after_a_kill(tmp_path):
    killed = (
        "import os, sys; from tokbench.io.atomic import scratch_folder\nwith scratch_folder(): os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", killed], env={**os.environ, "TMPDIR": str(tmp_path)})
    assert len(left_beside(tmp_path / "x")) == 1
    with scratch_folder(tmp_path) as folder:
        assert left_beside(tmp_path / "x") == [folder]
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert left_beside(tmp_path / "x") == []


def test_odd_names_are_names(tmp_path):
    for name in ("토크나이저" * 15, "a[b]*?", "-o", "sp ace"):
        with atomic_folder(tmp_path / name) as folder:
            write(folder, name)
        with atomic_folder(tmp_path / name, force=True) as folder:
            write(folder, "again")
        assert (tmp_path / name / "tokenizer.json").read_text() == "again"
    assert left_beside(tmp_path / "x") == []


def test_killed_at_any_moment_the_folder_is_whole(tmp_path):
    out, chance = tmp_path / "out", random.Random(11)
    for _ in range(KILLS):
        child = subprocess.Popen([sys.executable, "-c", WRITER, out], stdout=subprocess.PIPE)
        child.stdout.readline()  # one folder stands
        time.sleep(chance.uniform(0, 0.02))
        child.send_signal(signal.SIGKILL)
        child.communicate()
        contents = {name: (out / name).read_text() for name in FILES}
        assert len(set(contents.values())) == 1
        assert len(contents["config.json"].split()) == 3000
    sweep_stale(out)
    assert left_beside(out) == []


def stop_in_the_middle_of(path: Path) -> None:
    path.write_text("half")
    raise ValueError("stop")


def test_a_file_takes_its_place_whole_and_its_folder_goes_when_nothing_was_written(tmp_path):
    out = tmp_path / "a" / "page.html"
    with pytest.raises(ValueError, match="stop"), atomic_file(out) as beside:
        stop_in_the_middle_of(beside)
    assert list(tmp_path.iterdir()) == []
    with atomic_file(out) as beside:
        beside.write_text("whole")
        assert not out.exists()
    assert (out.read_text(), left_beside(out)) == ("whole", [])


def test_a_private_file_is_for_its_owner_alone(tmp_path):
    out = tmp_path / "made" / "ids"
    with atomic_file(out, private=True) as beside:
        beside.write_text("x")
    assert [stat.S_IMODE(each.stat().st_mode) for each in (out, out.parent)] == [0o600, 0o700]


def test_a_file_left_by_a_dead_process_is_swept_and_one_of_the_living_is_not(tmp_path):
    out = tmp_path / "page.html"
    dead, alive = (tmp_path / f".page.html{MARK}{pid}-0000" for pid in (dead_pid(), os.getpid()))
    dead.touch()
    alive.touch()
    with atomic_file(out) as beside:
        beside.write_text("whole")
    assert sorted(tmp_path.iterdir()) == sorted([alive, out])


def test_a_locked_file_is_in_use_by_another_container(tmp_path):
    left = tmp_path / f".page.html{MARK}{dead_pid()}-0000"
    with left.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        sweep_stale(tmp_path / "page.html")
        assert left.exists()
    sweep_stale(tmp_path / "page.html")
    assert not left.exists()


def test_files_that_belong_together_appear_together_or_not_at_all(tmp_path):
    out = tmp_path / "ids.bin"
    with pytest.raises(ValueError, match="stop"), atomic_files(out) as (folder, _):
        stop_in_the_middle_of(folder / "ids.bin")
    assert list(tmp_path.iterdir()) == []
    with atomic_files(out) as (folder, written):
        for name in ("ids.json", "ids.bin", "ids.starts.bin"):
            (folder / name).write_text("new")
    assert [path.name for path in written] == ["ids.bin", "ids.starts.bin", "ids.json"]
    assert sorted(tmp_path.iterdir()) == sorted(written)
    with pytest.raises(FileError, match="exists already"), atomic_files(out):
        pytest.fail("started")


DIES = """
import os, sys
from pathlib import Path
from tokbench.io.atomic import atomic_files
out, left = Path(sys.argv[1]), int(sys.argv[2])
def counted(step):
    def act(*words, **named):
        global left
        if "tokbench-tmp" in str(words[:2]) or words[0].parent == out.parent:
            left -= 1
            if left < 0:
                os._exit(9)
        return step(*words, **named)
    return act
with atomic_files(out, force=True) as (folder, _):
    for name in ("ids.npy", "ids.starts.npy", "ids.json"):
        (folder / name).write_text("new")
    for name in ("replace", "rename", "unlink", "rmdir"):
        setattr(Path, name, counted(getattr(Path, name)))
"""


def test_killed_between_any_two_steps_files_of_two_runs_never_stand_side_by_side(tmp_path):
    names, seen = ("ids.npy", "ids.starts.npy", "ids.json"), set()
    for steps in range(20):
        folder = tmp_path / str(steps)
        folder.mkdir()
        for name in names:
            (folder / name).write_text("old")
        code = subprocess.run([sys.executable, "-c", DIES, folder / "ids.npy", str(steps)]).returncode
        held = {(folder / name).read_text() for name in names if (folder / name).exists()}
        assert len(held) == 1, f"mixed after {steps} steps"
        with atomic_file(folder / "page.html") as beside:  # the next run, whatever it writes here
            beside.write_text("whole")
        whole = {(folder / name).read_text() for name in names}
        assert (len(whole), left_beside(folder / "x")) == (1, [])
        seen |= whole
        if code == 0:
            break
    assert (code, seen) == (0, {"old", "new"})


def test_where_files_cannot_be_locked_the_import_says_where_tokbench_runs():
    code = (
        "import sys; sys.platform = 'win32'; sys.modules['fcntl'] = None\n"
        "from tokbench.errors import UsageError\n"
        "try: import tokbench.io.atomic\n"
        "except UsageError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "tokbench runs on Linux and macOS only\n", done.stderr
