"""Links that lead out of a folder, which no command follows when it copies files into an output."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterable
from pathlib import Path

from tokbench.errors import FileError


def outside_target(path: Path, folder: Path) -> Path | None:
    """Where `path` lies if that is outside `folder`, through whatever links; None where it is inside.

    A snapshot in the hub's cache links its files to the blobs of the same repository: that is inside.
    """
    home, target = folder.resolve(), path.resolve()
    if target.is_relative_to(home):
        return None
    levels = [home, *home.parents]
    blobs = [above.parents[1] / "blobs" for above in levels if above.parent.name == "snapshots"]
    return None if any(target.is_relative_to(place) for place in blobs) else target


def links_out(folder: Path) -> dict[str, Path]:
    """Name → target of the files of a folder, not of those below it, that lie outside."""
    found = {path.name: outside_target(path, folder) for path in sorted(folder.iterdir()) if path.is_file()}
    return {name: target for name, target in found.items() if target is not None}


def refuse_links_out(folder: Path) -> None:
    """FileError for the first file of a folder that is a link to somewhere outside."""
    for name in links_out(folder) if folder.is_dir() else ():
        ensure_inside(folder / name, folder)


def ensure_inside(path: Path, folder: Path) -> Path:
    """The same path; FileError where it leads out of the folder."""
    target = outside_target(path, folder)
    if target is not None:
        there, here = shlex.quote(str(target)), shlex.quote(str(path))
        raise FileError(
            f"{path} is a link to {target}, outside its folder: what lies there is not copied",
            fix=f"where that is meant, put the file itself there: rm {here} && cp {there} {here}",
        )
    return path


def copy_inside(paths: Iterable[tuple[Path, Path]], folder: Path) -> None:
    """Copy files of a folder, source and place of each, whose sources must not lead out of it."""
    for source, place in paths:
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ensure_inside(source, folder), place)
