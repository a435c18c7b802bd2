"""Packages that only some commands need: a command asks for its own before it starts any work."""

from __future__ import annotations

from importlib.util import find_spec

from tokbench.errors import MissingExtraError


def has(package: str) -> bool:
    """Whether this package is installed; it is not imported."""
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # google, of google.protobuf
        return False


def require(package: str, *, extra: str, what: str, named: str = "") -> None:
    """MissingExtraError when `what` needs a package that is not installed; `extra` would bring it.

    `named` is what the registry calls a package that is imported under another name.
    """
    if not has(package):
        raise MissingExtraError(what, named or package, extra=extra)
