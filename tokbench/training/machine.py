"""Machine code of loops: compiled by numba once, kept in the user's cache, then loaded without numba.

numba's own cache would cost its import (half a CPU second) in every run, and does not notice a change in what
the cached file imports. Here the key is all sources, the compiler's version and the processor.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
import platform
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tokbench.progress import Progress, silent
from tokbench.training.keeping import is_kept, kept

Loop = Callable[[int], int]  # takes the address of a job; runs without Python's lock
LLVM = Any  # llvmlite.binding, which tells no types


@dataclass(frozen=True)
class Kernels:
    """Functions to compile: their module, their names, and the files beside this one that they depend on."""

    module: str
    names: tuple[str, ...]
    sources: tuple[str, ...]


COUNTING = Kernels(
    "tokbench.training.kernels.entries", ("count", "add", "grow", "rewrite"), ("kernels/*.py", "machine.py")
)


def loops(kernels: Kernels = COUNTING, *, progress: Progress = silent) -> Mapping[str, Loop]:
    """The functions by name, loaded, or compiled first: told as the stage "compile"."""
    llvm = _llvm()
    return _loaded(kernels.names, kept(_name(llvm, kernels), lambda: _compiled(llvm, kernels, progress)))


def are_compiled(kernels: Kernels = COUNTING) -> bool:
    """Whether the machine code is there, so that nothing needs numba."""
    return is_kept(_name(_llvm(), kernels))


@cache
def _llvm() -> LLVM:
    """The compiler's second half, ready for this machine."""
    llvm = importlib.import_module("llvmlite.binding")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


@cache
def _name(llvm: LLVM, kernels: Kernels) -> str:
    """What the machine code is kept as; it tells all that it depends on."""
    here = Path(__file__).parent
    digest = hashlib.sha256(repr(kernels).encode())
    for path in sorted(path for source in kernels.sources for path in here.glob(source)):
        digest.update(path.read_bytes())
    processor = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    digest.update(repr((llvm.llvm_version_info, platform.machine(), *processor)).encode())
    return f"kernels-{digest.hexdigest()[:20]}.o"


@cache
def _loaded(names: tuple[str, ...], code: bytes) -> Mapping[str, Loop]:
    """The functions in this object file."""
    llvm = _llvm()
    target = llvm.Target.from_default_triple().create_target_machine(opt=3, jit=True)
    empty = llvm.parse_assembly(f'target triple = "{llvm.get_process_triple()}"')
    engine = llvm.create_mcjit_compiler(empty, target)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return {name: _loop(engine, name) for name in names}


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


def _compiled(llvm: LLVM, kernels: Kernels, progress: Progress) -> bytes:
    """One object file with all of the functions."""
    progress("compile", 0, None)
    from numba import cfunc, types

    functions = importlib.import_module(kernels.module)
    pointer: Callable[[LLVM], LLVM] = types.CPointer
    whole = llvm.parse_assembly("")
    for name in kernels.names:
        entry = cfunc(types.int64(pointer(types.int64)), error_model="numpy")(getattr(functions, name))
        module = llvm.parse_assembly(_without_wrapper(entry.inspect_llvm()))
        module.get_function(entry.native_name.removeprefix("cfunc.")).name = name
        whole.link_in(module)
    target = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3, jit=True
    )
    code: bytes = target.emit_object(whole)
    progress("compile", 1, 1)
    return code


def _without_wrapper(code: str) -> str:
    """The LLVM code without the function that makes Python exceptions, which needs numba to be loaded."""
    return re.sub(r"^define [^\n]*@cfunc\..*?^}\n", "", code, flags=re.MULTILINE | re.DOTALL)
