"""What this machine has: versions, extras, processors, a GPU."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from tokbench import __version__
from tokbench.results import Result

PACKAGES = ("tokenizers", "transformers", "typer", "rich", "numpy", "torch", "accelerate", "datasets",
            "scikit-learn", "scipy", "lightning", "tensorboard", "apprise",
            "numba", "zstandard", "pyarrow")  # fmt: skip


@dataclass(frozen=True, kw_only=True, repr=False)
class Environment(Result, kind="environment"):
    """Versions by package ("" when it is not installed), and what the machine is."""

    tokbench: str
    python: str
    system: str
    processors: int
    offline: bool
    packages: Mapping[str, str]


def environment() -> Environment:
    """The machine as it is now; imports none of the packages."""
    return Environment(
        tokbench=__version__,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        processors=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        offline=os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"),
        packages={name: _installed(name) for name in PACKAGES},
    )


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
