"""Compile loops in a process of its own: it can be stopped at any moment, and what breaks it breaks only it.

Run as a module with the module of the functions and their names; the object file goes to stdout. Here
llvmlite calls back into Python, and a Ctrl-C that came in such a moment would be lost.
"""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

LLVM = Any  # llvmlite.binding, which tells no types
MAGIC = b"object file:"  # before it something that numba or LLVM prints may come


class NotCompiled(Exception):
    """Machine code that cannot be had here, and why."""


def compiled(several: Sequence[tuple[str, Sequence[str]]]) -> list[bytes]:
    """The object file for each of these modules and functions; NotCompiled when there is one without."""
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    run = [sys.executable, "-P", "-m", __name__]
    started = [
        subprocess.Popen(
            [*run, module, *names],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # out of reach of a terminal's Ctrl-C, which is answered here
            env=os.environ | {"PYTHONPATH": path.strip(os.pathsep)},
        )
        for module, names in several
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
        raise NotCompiled(words.splitlines()[-1])
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
