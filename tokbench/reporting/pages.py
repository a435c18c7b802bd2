"""Results as pages: sections out of windows, saved JSON put together, written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokbench.io.atomic import atomic_file, ensure_writable
from tokbench.reporting.elements import Paragraph, Part
from tokbench.reporting.html import Section, fragment, page
from tokbench.reporting.json_results import PAGELESS, read_result, result_kind, view_of
from tokbench.results import Result


@dataclass(frozen=True, repr=False)
class Page(Result, kind="page"):
    """A page that was written: where, its bytes, and the titles of its sections."""

    path: Path
    bytes: int
    sections: tuple[str, ...]


def write_page(
    path: Path, title: str, sections: Sequence[Section], *, live: str = "", force: bool = False
) -> Page:
    """Write the sections as one page.

    Raises FileError when something is there and `force` is not given.
    """
    ensure_writable(path, magic=b"<!doctype html>", force=force)
    content = page(title, sections, live=live).encode("utf-8", "backslashreplace")
    with atomic_file(path) as beside:
        beside.write_bytes(content)
    return Page(path, len(content), tuple(each.title for each in sections))


def report(
    results: Iterable[object], path: str | Path, *, title: str = "tokbench report", force: bool = False
) -> Page:
    """One page of results, or of files that `--json` wrote: a section for each, in the order given.

    Raises FileError or DataError for a file that is no result.

    >>> import tempfile, tokbench as tb
    >>> tok = tb.train(["a cat", "a hat"] * 9, "bpe", vocab_size=259)
    >>> with tempfile.TemporaryDirectory() as place:
    ...     page = tb.report([tok, tb.info(tok)], f"{place}/page.html")
    >>> page.sections
    ('trained', 'info')
    """
    sections = []
    for each in results:
        if isinstance(each, str | Path):
            kind, result = read_result(Path(each))
            heading = f"{heading_of(kind)}: {Path(each).stem}"
        else:
            kind, result = result_kind(each), each
            heading = heading_of(kind)
        parts: Iterable[Part] = view_of(kind)(result)
        sections.append(Section(heading, list(parts)))
    return write_page(Path(path), title, sections, force=force)


def result_html(result: Result) -> str:
    """The elements of a result's page as a fragment, for a notebook; JSON of a kind that has no page.

    >>> import tokbench as tb
    >>> tok = tb.train(["a cat", "a hat"] * 9, "wordpiece", vocab_size=30)
    >>> tb.result_html(tb.encode(tok, "a cat")).splitlines()[0]
    '<div class="tokbench">'
    """
    if result.kind in PAGELESS:
        return fragment([Paragraph(result.to_json(), verbatim=True)])
    return fragment(view_of(result.kind)(result))


def heading_of(kind: str) -> str:
    """The name of a kind as a heading.

    >>> heading_of("side_by_side"), heading_of("config-change")
    ('side by side', 'config change')
    """
    return kind.replace("_", " ").replace("-", " ")
