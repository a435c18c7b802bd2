"""What this machine has: versions, extras, processors, a GPU."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from tokbench import __version__
from tokbench.results import Result

PACKAGES = ("tokenizers", "transformers", "typer", "rich", "numpy", "torch", "accelerate", "datasets",
            "scikit-learn", "scipy", "lightning", "tensorboard", "apprise",
            "numba", "zstandard", "pyarrow")  # fmt: skip
OFTEN_BROKEN = ("numba",)  # it takes some versions of numpy only


@dataclass(frozen=True, kw_only=True, repr=False)
class Environment(Result, kind="environment"):
    """Versions by package ("" when it is not installed), and what the machine is."""

    tokbench: str
    python: str
    system: str
    processors: int
    offline: bool
    packages: Mapping[str, str]


def environment(*, tried: bool = False) -> Environment:
    """The machine as it is now; imports none of the packages.

    With `tried` another process imports the compiler, which may be there and not fit the numpy that is there.
    """
    return Environment(
        tokbench=__version__,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        processors=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        offline=os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"),
        packages={name: _installed(name) + (_import_trouble(name) if tried else "") for name in PACKAGES},
    )


def _import_trouble(name: str) -> str:
    """What importing a package says that often does not fit another one; "" when it works."""
    if name not in OFTEN_BROKEN or not _installed(name):
        return ""
    run = [sys.executable, "-c", f"import {name}"]
    done = subprocess.run(run, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return f" cannot be imported: {said[-1]}" if done.returncode else ""


@cache
def _installed(name: str) -> str:
    """Its version, read once a process: the libraries read all that a package says of itself to find it."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
