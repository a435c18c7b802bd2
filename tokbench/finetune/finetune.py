"""The door of a fine-tuning run: what can be said before anything heavy loads is said here."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from tokbench.errors import MissingExtra
from tokbench.finetune.data import HUB, read_data
from tokbench.finetune.named import named
from tokbench.finetune.plan import Plan
from tokbench.finetune.run import Run
from tokbench.pretrained.place import ensure_free
from tokbench.progress import Progress, silent

PACKAGES = {"torch": "torch", "sklearn": "scikit-learn", "scipy": "scipy"}  # module → package


def finetune(plan: Plan, *, force: bool = False, progress: Progress = silent) -> Run:
    """Train as planned, save, load again and compare; the output appears whole at the end, or not at all.

    Sets OMP_WAIT_POLICY=PASSIVE unless it is set: torch's idle threads then sleep instead of spinning,
    worth four to six times on two busy cores. It is read once, so it must come before torch is imported.
    """
    ensure_free(Path(plan.output), force=force)
    have_packages(plan)
    named(plan)  # what cannot be found is said before torch loads
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    data = read_data(plan, progress=progress)  # needs no torch, so what is wrong with it is said at once
    from tokbench.finetune.course import carry_out

    return carry_out(plan, data, force=force, progress=progress)


def have_packages(plan: Plan) -> None:
    """Nothing, or MissingExtra for the first package that the plan needs and that is not installed."""
    wanted = {**PACKAGES, "datasets": "datasets"} if plan.data in (None, HUB) else PACKAGES
    for module, package in wanted.items():
        if find_spec(module) is None:
            raise MissingExtra("finetune", package, extra="train")
