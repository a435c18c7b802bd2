"""A staged copy of a folder, which fixes change: its small files copied, its large ones linked."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from tokbench.io.json_files import MIB, read_object
from tokbench.io.links import copy_inside, ensure_inside
from tokbench.pretrained.on_disk import ModelSource, folder_of, model_on_disk, tokenizer_on_disk

if TYPE_CHECKING:
    from tokbench.checks.findings import Checkup
    from tokbench.pretrained.folder import TokenizerSource

SMALL = 16 * MIB  # what is copied at once; larger files, the weights, are linked until the end
LARGEST = 512 * MIB


@dataclass(frozen=True)
class StagedCopy:
    """`folder` is the copy that may be changed; `changed` are the names of its files that were."""

    folder: Path
    changed: set[str] = field(default_factory=set)

    def read(self, name: str) -> dict[str, Any]:
        """The JSON object in a file of the folder; {} when there is no such file."""
        path = self.folder / name
        return dict(read_object(path, limit=LARGEST)) if path.exists() else {}

    def write(self, name: str, content: object) -> None:
        """Put a JSON file into the folder, in place of one that says something else."""
        path = self.folder / name
        if path.exists() and self.read(name) == content:
            return
        path.unlink(missing_ok=True)  # it may be a link
        path.write_text(
            json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8", newline="\n"
        )
        self.changed.add(name)

    def drop(self, name: str) -> None:
        """Take a file out of the folder."""
        (self.folder / name).unlink()
        self.changed.add(name)


def staged(source: Path, into: Path) -> StagedCopy:
    """A staged copy of `source` in the new folder `into`; FileError where something links to the outside."""
    into.mkdir()
    for path in sorted(source.iterdir()):
        ensure_inside(path, source)
        if path.is_file() and path.stat().st_size <= SMALL:
            shutil.copyfile(path, into / path.name)
        else:
            (into / path.name).symlink_to(path.resolve())
    return StagedCopy(into)


def put_in_place(copy: StagedCopy, place: Path) -> None:
    """Fill the empty folder `place` with the copy: large files are linked where the disk allows it."""
    for path in sorted(copy.folder.iterdir()):
        if path.is_dir():
            below = path.resolve()
            files = [file for file in below.rglob("*") if file.is_file()]
            copy_inside([(file, place / path.name / file.relative_to(below)) for file in files], below.parent)
        elif path.is_symlink():
            _linked(path.resolve(), place / path.name)
        else:
            shutil.copyfile(path, place / path.name)


def copy_files(source: Path, names: Iterable[str], place: Path) -> None:
    """Copy the files of these names, as far as there are any, from `source` into `place`."""
    for name in sorted(names):
        if (source / name).exists():
            shutil.copyfile(source / name, place / name)


def _linked(source: Path, place: Path) -> None:
    try:
        os.link(source, place)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, place)


@dataclass(frozen=True)
class SourcesOnDisk:
    """What a check reads: a tokenizer, a model's files, and what temporary folders stand for."""

    tokenizer: TokenizerSource
    model: str | None
    names: Mapping[str, str]  # temporary folder → what it is shown as


@contextmanager
def sources_on_disk(tokenizer: TokenizerSource, model: ModelSource | None) -> Iterator[SourcesOnDisk]:
    """The files of a tokenizer and a model, in temporary folders for what is only in memory.

    A Tokenizer of the library has no files but tokenizer.json, so none are made for it: rules that look at
    others say that they did not look.
    """
    names: dict[str, str] = {}
    with ExitStack() as stack:
        source: TokenizerSource = tokenizer
        if not isinstance(tokenizer, Tokenizer):
            source = stack.enter_context(tokenizer_on_disk(tokenizer))
            names |= {} if folder_of(tokenizer) else {source: type(tokenizer).__name__}
        place = None if model is None else stack.enter_context(model_on_disk(model))
        if place is not None and not isinstance(model, str | Path):
            names[place] = type(model).__name__
        yield SourcesOnDisk(source, place, names)


def shown_as(checkup: Checkup, names: Mapping[str, str]) -> Checkup:
    """A checkup of copies, with the names of what was copied."""
    if not names:
        return checkup

    def own(text: str) -> str:
        for copy, name in names.items():
            text = text.replace(copy, name)
        return text

    findings = tuple(
        replace(each, message=own(each.message), evidence=own(each.evidence), fix=own(each.fix))
        for each in checkup.findings
    )
    return replace(checkup, tokenizer=own(checkup.tokenizer), model=own(checkup.model), findings=findings)
