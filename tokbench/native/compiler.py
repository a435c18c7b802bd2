"""The cache of compiled loops: compiled by numba once, stored per user, then loaded without numba.

numba's own cache would cost its import (half a CPU second) in every run, and does not notice a change in what
the cached file imports. Here the key is all sources, the compiler's version and the processor. What
cannot be loaded all the same is compiled anew.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from tokbench.io.cache import is_cached, put_in_cache, read_cached
from tokbench.progress import Progress, silent

LLVM = Any  # llvmlite.binding, which tells no types
MAGIC = b"object file:"  # before it something that numba or LLVM prints may come


class NotCompiledError(Exception):
    """Machine code that cannot be had here, and why."""


def compiled(several: Sequence[Kernels]) -> list[bytes]:
    """The object file for each of these; NotCompiledError when there is one without."""
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    run = [sys.executable, "-P", "-m", __name__]
    started = [
        subprocess.Popen(
            [*run, each.module, *each.names],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # out of reach of a terminal's Ctrl-C, which is answered here
            env=os.environ | {"PYTHONPATH": path.strip(os.pathsep)},
        )
        for each in several
    ]
    try:
        return [_code(process) for process in started]
    finally:
        for process in started:
            process.kill()
            process.communicate()


def _code(process: subprocess.Popen[bytes]) -> bytes:
    """What the process compiled."""
    out, err = process.communicate()
    _, found, code = out.partition(MAGIC)
    if process.returncode or not found:
        words = err.decode(errors="replace").strip() or f"exit code {process.returncode}"
        raise NotCompiledError(words.splitlines()[-1])
    return code


def ready() -> LLVM:
    """The compiler's second half, ready for this machine."""
    llvm = importlib.import_module("llvmlite.binding")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


def compile_here(module: str, names: Sequence[str]) -> bytes:
    """One object file with all of the functions."""
    from numba import cfunc, types

    llvm = ready()
    functions = importlib.import_module(module)
    pointer: Callable[[LLVM], LLVM] = types.CPointer
    whole = llvm.parse_assembly("")
    for name in names:
        entry = cfunc(types.int64(pointer(types.int64)), error_model="numpy")(getattr(functions, name))
        part = llvm.parse_assembly(_without_wrapper(entry.inspect_llvm()))
        part.get_function(entry.native_name.removeprefix("cfunc.")).name = name
        whole.link_in(part)
    target = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3, jit=True
    )
    code: bytes = target.emit_object(whole)
    return code


def _without_wrapper(code: str) -> str:
    """The LLVM code without the function that makes Python exceptions, which needs numba to be loaded."""
    return re.sub(r"^define [^\n]*@cfunc\..*?^}\n", "", code, flags=re.MULTILINE | re.DOTALL)


if __name__ == "__main__":
    sys.stdout.buffer.write(MAGIC + compile_here(sys.argv[1], sys.argv[2:]))


Loop = Callable[[int], int]  # takes the address of a job; runs without Python's lock


LoopSet = Literal["count", "encode", "learn"]


@dataclass(frozen=True)
class Kernels:
    """Functions to compile: their module and their names. Their code may call any file of native/kernels."""

    module: str
    names: tuple[str, ...]


KERNELS: Mapping[LoopSet, Kernels] = {
    "count": Kernels("tokbench.native.kernels.count_entries", ("count", "add", "grow", "rewrite", "sieve")),
    "encode": Kernels(
        "tokbench.native.kernels.encode_entries",
        ("part", "search", "rewrite", "number", "write", "enter", "plant", "merge", "cut"),
    ),
    "learn": Kernels(
        "tokbench.native.kernels.learn_entries",
        ("write_words", "scan_pairs", "place_pairs", "move_scanned", "move_pairs", "merge_pairs"),
    ),
}
HEAD = 16  # bytes that all object files of a kind of machine begin with
_LOADED: dict[LoopSet, Mapping[str, Loop]] = {}


def loops(which: LoopSet, *, progress: Progress = silent) -> Mapping[str, Loop]:
    """The functions by name, loaded, or compiled first: told as the stage "compile".

    NotCompiledError when that cannot be done here.
    """
    load_kernels([which], progress=progress)
    return _LOADED[which]


def load_kernels(several: Sequence[LoopSet], *, progress: Progress = silent) -> None:
    """Have these ready; those that are not in the cache are compiled, all at the same time."""
    missing = [
        each for each in several if each not in _LOADED and not _is_loaded(each, read_cached(_name(each)))
    ]
    if not missing:
        return
    progress("compile", 0, None)
    for which, code in zip(missing, compiled([KERNELS[each] for each in missing]), strict=True):
        if not _is_loaded(which, code):
            raise NotCompiledError("what was compiled cannot be loaded")
        put_in_cache(_name(which), code)
    progress("compile", 1, 1)


def why_unavailable(several: Sequence[LoopSet], *, progress: Progress = silent) -> str:
    """Why these cannot be had here, or "" when they are ready."""
    try:
        load_kernels(several, progress=progress)
    except NotCompiledError as error:
        return f"the loops cannot be compiled here: {error}"
    return ""


def are_compiled(several: Sequence[LoopSet]) -> bool:
    """Whether the machine code of all these is there, so that nothing needs numba."""
    return all(each in _LOADED or is_cached(_name(each)) for each in several)


@cache
def _llvm() -> LLVM:
    """The compiler's second half; NotCompiledError when it cannot be loaded."""
    try:
        return ready()
    except (ImportError, OSError, RuntimeError) as error:
        raise NotCompiledError(f"llvmlite cannot be loaded: {error}") from error


def hashed_sources(native: Path = Path(__file__).parent) -> list[Path]:
    """The files whose contents are in the key: this one, and all that a loop is made of."""
    return [native / "compiler.py", *sorted((native / "kernels").glob("*.py"))]


@cache
def _name(which: LoopSet) -> str:
    """The file in the cache, named after all that the machine code depends on."""
    llvm = _llvm()
    digest = hashlib.sha256(repr(KERNELS[which]).encode())
    for path in hashed_sources():
        digest.update(path.read_bytes())
    processor = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    digest.update(repr((llvm.llvm_version_info, platform.machine(), *processor)).encode())
    return f"kernels-{digest.hexdigest()[:20]}.o"


def _is_loaded(which: LoopSet, code: bytes | None) -> bool:
    """Load the functions in this object file, if it is one and has them."""
    if code is None:
        return False
    llvm = _llvm()
    target = llvm.Target.from_default_triple().create_target_machine(opt=3, jit=True)
    empty = llvm.parse_assembly(f'target triple = "{llvm.get_process_triple()}"')
    if code[:HEAD] != target.emit_object(empty)[:HEAD]:  # LLVM would crash on what is no object file
        return False
    engine = llvm.create_mcjit_compiler(empty, target)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    names = KERNELS[which].names
    if not all(engine.get_function_address(name) for name in names):
        return False
    _LOADED[which] = {name: _loop(engine, name) for name in names}
    return True


def _loop(engine: LLVM, name: str) -> Loop:
    """A function as numba lays it out: it takes where its result goes, where an exception would, the job."""
    kind = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    call = kind(engine.get_function_address(name))
    owner = engine  # of the code: alive as long as the loop is

    def loop(job: int) -> int:
        result = ctypes.c_int64()
        status = call(ctypes.addressof(result), None, job)
        if status:
            raise RuntimeError(f"the compiled loop {name} ended with status {status}, {owner}")
        return result.value

    return loop
