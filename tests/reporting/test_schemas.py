"""A kind's keys change only together with its version: files people keep are read, or refused by name.

`python -m tests.reporting.test_schemas` records the keys of kinds that are new or have a new version.
"""

import dataclasses
import json
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from tokbench.errors import DataError
from tokbench.reporting.json_results import KINDS, _Names, read_result, type_of, version_of

RECORD = Path(__file__).with_name("schemas.json")


def keys_of(hint, prefix="", inside=()):
    """Every key of a type's JSON with its path: whether a file without it is still read."""
    if not dataclasses.is_dataclass(hint):
        return {key: can for each in get_args(hint) for key, can in keys_of(each, prefix, inside).items()}
    if hint in inside:
        return {}
    hints = get_type_hints(hint, localns=_Names(hint))
    keys = {}
    for field in dataclasses.fields(hint):
        if field.metadata.get("json", True):
            path = f"{prefix}.{field.name}" if prefix else field.name
            missing = dataclasses.MISSING
            keys[path] = (field.default, field.default_factory) != (missing, missing)
            keys |= keys_of(hints[field.name], path, (*inside, hint))
    return keys


def recorded():
    return json.loads(RECORD.read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_keys_change_only_with_the_version(kind):
    version, keys = recorded()[kind]
    now = keys_of(type_of(kind))
    if version == version_of(kind):
        assert [key for key in keys.split() if key not in now] == [], "a key is gone: raise the version"
        new = [key for key, optional in now.items() if key not in keys.split() and not optional]
        roots = [key for key in new if not any(key.startswith(f"{other}.") for other in now if other in new)]
        known = set(keys.split())
        assert [key for key in roots if not _inside_new(key, known, now)] == [], "give it a default"


def _inside_new(key, known, now):
    """Whether the key stands below a key that is new itself and may be missing."""
    parts = key.split(".")
    above = [".".join(parts[:end]) for end in range(1, len(parts))]
    return any(each not in known and now.get(each) for each in above)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_file_of_another_version_is_refused_with_both_versions(kind, tmp_path):
    path = tmp_path / "old.json"
    path.write_text(json.dumps({"schema": f"tokbench/{kind}/99"}))
    with pytest.raises(DataError, match=f"tokbench/{kind}/99.*reads tokbench/{kind}/{version_of(kind)}"):
        read_result(path)


def record():
    """Write the keys of kinds that are not recorded in their version."""
    known = recorded() if RECORD.exists() else {}
    for kind in KINDS:
        if known.get(kind, [0])[0] != version_of(kind):
            known[kind] = [version_of(kind), " ".join(keys_of(type_of(kind)))]
    RECORD.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record()
