"""Machine code of loops: compiled by numba once, kept in the user's cache, then loaded without numba.

numba's own cache would cost its import (half a CPU second) in every run, and does not notice a change in what
the cached file imports. Here the key is all sources, the compiler's version and the processor. What is kept
and cannot be loaded all the same is compiled anew.
"""

from __future__ import annotations

import ctypes
import hashlib
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tokbench.progress import Progress, silent
from tokbench.training.compiling import LLVM, NotCompiled, compiled, ready
from tokbench.training.keeping import is_kept, keep, read

Loop = Callable[[int], int]  # takes the address of a job; runs without Python's lock


@dataclass(frozen=True)
class Kernels:
    """Functions to compile: their module, their names, and the files beside this one that they depend on."""

    module: str
    names: tuple[str, ...]
    sources: tuple[str, ...]


COUNTING = Kernels(
    "tokbench.training.kernels.entries",
    ("count", "add", "grow", "rewrite", "sieve"),
    ("kernels/*.py", "compiling.py"),
)
HEAD = 2 if sys.platform == "win32" else 16  # bytes that all object files of a kind of machine begin with
_LOADED: dict[Kernels, Mapping[str, Loop]] = {}


def loops(kernels: Kernels = COUNTING, *, progress: Progress = silent) -> Mapping[str, Loop]:
    """The functions by name, loaded, or compiled first: told as the stage "compile".

    NotCompiled when that cannot be done here.
    """
    load([kernels], progress=progress)
    return _LOADED[kernels]


def load(several: Sequence[Kernels], *, progress: Progress = silent) -> None:
    """Have these ready; those that are not kept are compiled, all at the same time."""
    missing = [each for each in several if each not in _LOADED and not _is_loaded(each, read(_name(each)))]
    if not missing:
        return
    progress("compile", 0, None)
    for kernels, code in zip(missing, compiled([(each.module, each.names) for each in missing]), strict=True):
        if not _is_loaded(kernels, code):
            raise NotCompiled("what was compiled cannot be loaded")
        keep(_name(kernels), code)
    progress("compile", 1, 1)


def trouble(several: Sequence[Kernels], *, progress: Progress = silent) -> str:
    """Why these cannot be had here, or "" when they are ready."""
    try:
        load(several, progress=progress)
    except NotCompiled as error:
        return f"the loops cannot be compiled here: {error}"
    return ""


def are_compiled(kernels: Kernels = COUNTING) -> bool:
    """Whether the machine code is there, so that nothing needs numba."""
    return kernels in _LOADED or is_kept(_name(kernels))


@cache
def _llvm() -> LLVM:
    """The compiler's second half; NotCompiled when it cannot be loaded."""
    try:
        return ready()
    except (ImportError, OSError, RuntimeError) as error:
        raise NotCompiled(f"llvmlite cannot be loaded: {error}") from error


@cache
def _name(kernels: Kernels) -> str:
    """What the machine code is kept as; it tells all that it depends on."""
    llvm, here = _llvm(), Path(__file__).parent
    digest = hashlib.sha256(repr(kernels).encode())
    for path in sorted(path for source in kernels.sources for path in here.glob(source)):
        digest.update(path.read_bytes())
    processor = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    digest.update(repr((llvm.llvm_version_info, platform.machine(), *processor)).encode())
    return f"kernels-{digest.hexdigest()[:20]}.o"


def _is_loaded(kernels: Kernels, code: bytes | None) -> bool:
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
    if not all(engine.get_function_address(name) for name in kernels.names):
        return False
    _LOADED[kernels] = {name: _loop(engine, name) for name in kernels.names}
    return True


def _loop(engine: LLVM, name: str) -> Loop:
    """A function as numba lays it out: it takes where its result goes, where an exception would, the job."""
    kind = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    call = kind(engine.get_function_address(name))
    keeper = engine  # it owns the code

    def loop(job: int) -> int:
        result = ctypes.c_int64()
        status = call(ctypes.addressof(result), None, job)
        if status:
            raise RuntimeError(f"the compiled loop {name} ended with status {status}, {keeper}")
        return result.value

    return loop
