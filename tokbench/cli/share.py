"""Share: what others need to know about this machine."""

from __future__ import annotations

from tokbench.cli import options as o
from tokbench.cli.show import put


def env(json: o.AsJson = False) -> None:
    """Print versions and what is installed, for a report.

    Example: `tokbench env`
    """
    from tokbench.finetune.environment import environment
    from tokbench.report import proving

    put(environment(), proving.environment, "environment", json=json)
