"""Machine code that cannot be loaded is compiled again; where that fails the library does the work."""

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from tokbench.encoding.encode_texts import encode_batches
from tokbench.errors import UsageError
from tokbench.io import cache
from tokbench.native import compiler
from tokbench.recipes.build import build, prepare
from tokbench.recipes.presets import start_recipe
from tokbench.training.engine import TRAINING

NATIVE = Path(compiler.__file__).parent
pytestmark = pytest.mark.skipif(find_spec("numba") is None, reason="numba is not installed")


@pytest.fixture
def nothing_loaded(monkeypatch, tmp_path):
    """As in a new process with an empty cache; the tables of characters are there."""
    from tokbench.native.scanner import character_flags

    character_flags()
    monkeypatch.setattr(compiler, "_LOADED", {})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return compiler


@pytest.fixture
def no_compiler(nothing_loaded, monkeypatch, tmp_path):
    """The process that compiles ends with words of its own."""
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'ImportError: Numba needs NumPy 2.4 or less' >&2\nexit 1\n")
    broken.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(broken))
    return nothing_loaded


@pytest.mark.usefixtures("no_compiler")
def test_where_nothing_can_be_compiled_the_library_trains_and_says_why():
    choice = prepare(start_recipe("bpe"), size=TRAINING.worth).choice
    assert choice.engine == "library"
    assert choice.why == "the loops cannot be compiled here: ImportError: Numba needs NumPy 2.4 or less"
    with pytest.raises(UsageError, match="Numba needs NumPy"):
        prepare(start_recipe("bpe"), "compiled")


@pytest.fixture(scope="module")
def tokenizer():
    return build(start_recipe("bpe", settings={"vocab_size": "300"}), [["a text to learn from"]])


@pytest.mark.usefixtures("no_compiler")
def test_where_nothing_can_be_compiled_the_library_encodes_and_says_why(tokenizer):
    assert "Numba needs NumPy" in encode_batches(tokenizer, [["a text"]], size=None).choice.why
    assert encode_batches(tokenizer, [["a text"]], size=1000).choice.why == "the corpus is small"


def test_what_is_no_machine_code_is_not_loaded(no_compiler):
    name = no_compiler._name("count")
    for code in (b"", b"no object file", b"\x7fELF" + bytes(200)):
        cache.put_in_cache(name, code)
        assert no_compiler.why_unavailable(["count"]).startswith("the loops cannot be compiled here")


def imported_by(module, found):
    """This module of native/ and all of native/ that it imports, directly or not, as paths."""
    path = NATIVE / f"{module.removeprefix('tokbench.native.').replace('.', '/')}.py"
    if path in found or not path.is_file():
        return found
    found.add(path)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tokbench.native"):
            for name in [node.module, *(f"{node.module}.{each.name}" for each in node.names)]:
                imported_by(name, found)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [e.name for e in node.names]
            assert not any(name.startswith("tokbench") for name in names), f"{path} imports {names}"
    return found


def test_the_key_covers_all_that_a_loop_is_made_of():
    hashed = {*compiler.hashed_sources()}
    assert len(compiler.KERNELS) == 3
    for kernels in compiler.KERNELS.values():
        made_of = imported_by(kernels.module, set())
        assert len(made_of) >= 4
        assert made_of <= hashed
    assert {NATIVE / "compiler.py", *(NATIVE / "kernels").glob("*.py")} == hashed
    assert len(hashed) >= 14


KEY = """
import sys
from pathlib import Path
from tokbench.native import compiler
assert Path(compiler.__file__).is_relative_to(sys.argv[1]), compiler.__file__
print(*map(compiler._name, compiler.KERNELS), compiler.are_compiled(["count"]))
compiler.put_in_cache(compiler._name("count"), b"code")
"""


def test_an_edited_loop_has_another_key_and_is_compiled_anew(tmp_path):
    made = tmp_path / "copy"
    shutil.copytree(NATIVE.parent, made / "tokbench", ignore=shutil.ignore_patterns("__pycache__"))

    def keys():
        env = os.environ | {"PYTHONPATH": str(made), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        run = [sys.executable, "-P", "-c", KEY, str(made)]
        done = subprocess.run(run, env=env, capture_output=True, text=True, check=True)
        *names, there = done.stdout.split()
        return names, there

    before, there = keys()
    assert there == "False"
    assert all(re.fullmatch(r"kernels-[0-9a-f]{20}\.o", name) for name in before)
    assert keys() == (before, "True")
    split = made / "tokbench" / "native" / "kernels" / "count_split.py"
    source = split.read_text(encoding="utf-8")
    assert "NO_LEAD = 0xF8" in source
    split.write_text(source.replace("NO_LEAD = 0xF8", "NO_LEAD = 0xF7"), encoding="utf-8")
    after, there = keys()
    assert not {*before} & {*after}
    assert there == "False"


@pytest.mark.slow
def test_what_cannot_be_loaded_is_compiled_again_and_kept(nothing_loaded):
    name = nothing_loaded._name("count")
    cache.put_in_cache(name, b"no object file")
    told = []
    loops = nothing_loaded.loops("count", progress=lambda stage, done, total=None: told.append((stage, done)))
    assert loops.keys() == {*nothing_loaded.KERNELS["count"].names}
    assert told == [("compile", 0), ("compile", 1)]
    assert cache.read_cached(name).startswith(b"\x7fELF") or sys.platform != "linux"


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.1, 2])
def test_ctrl_c_while_compiling_ends_it_at_once(tmp_path, seconds):
    (tmp_path / "corpus.txt").write_text("the cat and the dog\n" * 1_200_000)
    run = [sys.executable, "-m", "tokbench", "train-bpe", "corpus.txt", "-o", "made"]
    process = subprocess.Popen(
        run,
        cwd=tmp_path,
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")},
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr.readline() == "Compiling, once:\n"
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all of them
    begun = time.monotonic()
    _, said = process.communicate(timeout=20)
    assert time.monotonic() - begun < 0.5 * max(1, os.getloadavg()[0] / os.cpu_count())
    assert (process.returncode, said) == (130, "Stopped; nothing was written.\n")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "owner",
    [
        "others may write",
        pytest.param(
            "a stranger's", marks=pytest.mark.skipif(os.geteuid() != 0, reason="root alone gives files away")
        ),
    ],
)
def test_machine_code_that_others_could_have_written_is_not_run_but_compiled_and_that_is_said(
    nothing_loaded, owner, tmp_path, monkeypatch
):
    monkeypatch.setattr(cache, "TROUBLES", {})
    ran = []
    monkeypatch.setattr(compiler, "_is_loaded", lambda which, code: code is not None and not ran.append(code))
    monkeypatch.setattr(compiler, "compiled", lambda several: [b"compiled here"] * len(several))
    cache.put_in_cache(nothing_loaded._name("count"), b"planted")
    if owner == "others may write":
        cache.cache_folder().chmod(0o777)
    else:
        os.chown(cache.cache_folder() / nothing_loaded._name("count"), 65534, -1)
    nothing_loaded.load_kernels(["count"])
    assert ran == [b"compiled here"]
    assert len(cache.TROUBLES) == 1
    assert (
        (cache.cache_folder() / nothing_loaded._name("count")).read_bytes().endswith(b"planted")
    )  # left alone
