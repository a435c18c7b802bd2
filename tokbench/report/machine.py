"""Results as JSON with stable keys and the name of what they are."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def as_json(result: object, kind: str) -> str:
    """One JSON object: the schema's name and version, then the result's own fields.

    Fields marked `metadata={"json": False}` hold library objects and are left out.
    """
    body = as_data(result)
    if not isinstance(body, dict):
        body = {"result": body}
    return json.dumps({"schema": f"tokbench/{kind}/1", **body}, ensure_ascii=False, indent=2)


def as_data(value: object) -> Any:  # noqa: ANN401
    """Dataclasses, mappings, sequences, paths and plain values as what json can write.

    Raises TypeError for anything else, so that no object is shown by its memory address.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kept = (field for field in dataclasses.fields(value) if field.metadata.get("json", True))
        return {field.name: as_data(getattr(value, field.name)) for field in kept}
    if isinstance(value, Mapping):
        return {str(key): as_data(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_data(each) for each in value]
    if isinstance(value, set | frozenset):
        return sorted(as_data(each) for each in value)
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
