"""Windows on what was made for others: pages."""

from __future__ import annotations

from collections.abc import Iterator

from tokbench.errors import plural
from tokbench.report.pages import Page
from tokbench.report.parts import Facts, Headline, Part


def page(result: Page) -> Iterator[Part]:
    """Where the page is, its size and its sections."""
    yield Headline(f"{result.path}: {plural(len(result.sections), 'result')} on one page", "good")
    yield Facts([("size", f"{result.bytes:,} bytes"), ("sections", ", ".join(result.sections))])
