"""Results as Markdown for people and as JSON for programs."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from os import cpu_count
from pathlib import Path

PACKAGES = ("tokbench", "tokenizers", "numba", "rustbpe", "sentencepiece", "distributed")


@dataclass
class Table:
    """A claim, the rows that prove it, and what to know when reading them."""

    title: str
    header: Sequence[str]
    rows: list[Sequence[object]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """As a section of a README."""
        lines = [f"### {self.title}", "", _row(self.header), _row(["---"] * len(self.header))]
        lines += [_row([_cell(each) for each in row]) for row in self.rows]
        return "\n".join([*lines, "", *(f"- {note}" for note in self.notes), ""])


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"
    return str(value)


def times(theirs: float, ours: float) -> str:
    """How many times as much they take."""
    return f"×{theirs / ours:.1f}"


def here() -> str:
    """What was measured, and on what."""
    return f"{cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {_versions()}"


def _versions() -> str:
    return ", ".join(f"{name} {found}" for name in PACKAGES if (found := installed(name)))


def installed(package: str) -> str:
    """Its version, or "" where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def publish(tables: Sequence[Table], *, to_json: Path | None) -> None:
    """Write the JSON; the Markdown was printed as it came."""
    if to_json:
        content = {"machine": here(), "tables": [asdict(table) for table in tables]}
        to_json.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
