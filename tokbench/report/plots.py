"""The curves of a result as picture files: SVG by ourselves, PNG with the extra `plot`."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from tokbench.errors import AskedWrongly, MissingExtra
from tokbench.report.parts import Curve, Part
from tokbench.report.svg import picture
from tokbench.training.placing import ensure_free, written_whole

MAGIC = {".svg": b"<svg", ".png": b"\x89PNG"}
ZOOM = 2  # pixels of a PNG to one unit of its SVG


def save_plots(parts: Iterable[Part], path: Path, *, force: bool = False) -> tuple[Path, ...]:
    """Write every curve among the parts: the first at `path`, the next at path-2, and so on.

    The suffix decides the format, .svg or .png. Raises AskedWrongly for another suffix or a result without
    curves, MissingExtra for a PNG without its package, FileProblem when a file is in the way.
    """
    curves = [part for part in parts if isinstance(part, Curve)]
    if path.suffix not in MAGIC:
        raise AskedWrongly(
            f"{path} is no picture that can be drawn", fix="name a file that ends in .svg or .png"
        )
    if not curves:
        raise AskedWrongly("this result has no curve to draw", fix="leave --plot out")
    paths = [path, *(path.with_stem(f"{path.stem}-{at}") for at in range(2, len(curves) + 1))]
    for place in paths:
        ensure_free(place, magic=MAGIC[path.suffix], force=force)
    for curve, place in zip(curves, paths, strict=True):
        drawn = picture(curve)
        with written_whole(place) as beside:
            beside.write_bytes(drawn.encode() if path.suffix == ".svg" else _png(drawn))
    return tuple(paths)


def _png(drawn: str) -> bytes:
    if find_spec("resvg_py") is None:
        raise MissingExtra("drawing a PNG", "resvg_py", extra="plot")
    import resvg_py

    return bytes(resvg_py.svg_to_bytes(svg_string=drawn, zoom=ZOOM))
