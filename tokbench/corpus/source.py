"""One thing to read: where its bytes lie, and how its format and compression are told by its name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import BinaryIO

HUB = "hf:"  # begins the name of a dataset of the hub
FORMATS = {
    ".txt": "txt",
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}
COMPRESSIONS = {".gz": "gz", ".zst": "zst", ".xz": "xz", ".bz2": "bz2"}
ARCHIVES = {".zip": "zip", ".tar": "tar", ".tgz": "tar", ".tbz2": "tar", ".txz": "tar", ".tzst": "tar"}
WHOLE = (*ARCHIVES.values(), "saved", "hub")  # formats of what holds several files


@dataclass(frozen=True)
class Elsewhere:
    """Where bytes lie that are no file on this disk: inside an archive, or behind a URL.

    `open` gives them; `cat` is a line of a shell that writes them to its output; `again` says what helps when
    they are damaged; `seeks`: whether they can be read in any order.
    """

    url: str
    open: Callable[[], AbstractContextManager[BinaryIO]]
    cat: str
    again: str = "get the file again"
    seeks: bool = False


@dataclass(frozen=True)
class Source:
    """One thing to read: a file, an archive or a folder of one dataset, or standard input.

    `name` is the path as a person wrote it, or "stdin" (`path` and `place` are None then); `format` is one of
    txt, csv, tsv, json, jsonl, parquet, arrow, or zip, tar, saved, hub; `compression` is "", gz, zst, xz or
    bz2; `size` is bytes as they lie there, 0 where nobody knows. `notes`: what was guessed in reading it.
    """

    name: str
    path: Path | None
    format: str
    compression: str
    size: int
    place: Elsewhere | None = None
    notes: list[str] = field(default_factory=list, compare=False, repr=False)

    @property
    def is_stdin(self) -> bool:
        """Whether it is standard input."""
        return self.path is None and self.place is None

    @property
    def is_sized(self) -> bool:
        """Whether its size is known before it is read."""
        return self.path is not None or self.size > 0

    def note(self, words: str) -> None:
        """Keep what was guessed, once: "a.csv: the texts are its column 'body'"."""
        said = f"{self.name}: {words}"
        if said not in self.notes:
            self.notes.append(said)


STDIN = Source(name="stdin", path=None, format="txt", compression="", size=0)


def format_of_name(name: str) -> tuple[str, str]:
    """Format ("" when unknown) and compression of a file, by its name's suffixes.

    >>> format_of_name("a.v2.CSV.gz"), format_of_name("a.tgz"), format_of_name("notes.md")
    (('csv', 'gz'), ('tar', 'gz'), ('', ''))
    """
    suffixes = PurePath(name.lower())
    compression = COMPRESSIONS.get(suffixes.suffix, "")
    if compression:
        suffixes = PurePath(suffixes.stem)
    short = {".tgz": "gz", ".tbz2": "bz2", ".txz": "xz", ".tzst": "zst"}.get(suffixes.suffix, "")
    return (FORMATS | ARCHIVES).get(suffixes.suffix, ""), compression or short


def printable_path(path: Path) -> str:
    """A path as it can be printed: a name may hold bytes that are no text."""
    return str(path).encode("utf-8", "backslashreplace").decode()
