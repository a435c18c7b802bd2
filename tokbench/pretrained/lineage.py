"""What an adapted tokenizer was made of, as the record beside it says."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokbench.errors import plural
from tokbench.io.json_files import read_object
from tokbench.pretrained.folder import TOKENIZER
from tokbench.pretrained.train import RECORD

if TYPE_CHECKING:
    from tokbench.pretrained.folder import TokenizerSource

IDS = "ids.json"  # old id → new id, beside a tokenizer whose tokens have other ids than they had


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """The act, the base by the name that it was given, and what was added to it.

    base_sha256: of the base's tokenizer.json; "" where it had none. moved: old id → new id where ids changed.
    """

    act: str
    base: str
    base_sha256: str
    tokens: int
    moved: Mapping[int, int] | None = field(default=None, repr=False, metadata={"json": False})

    @property
    def sentence(self) -> str:
        """What was done to what.

        >>> Lineage(act="extend", base="gpt2", base_sha256="", tokens=2000).sentence
        'gpt2 extended by 2,000 tokens'
        """
        done = DONE.get(self.act, "grown")
        by = f" by {plural(self.tokens, 'token')}" if self.tokens else ""
        return f"{self.base} {done}{by}"


DONE = {"extend": "extended", "prune": "pruned", "transplant": "transplanted", "warm": "warmed"}


def lineage_of(source: TokenizerSource) -> Lineage | None:
    """The lineage of a tokenizer in a folder on this disk; None where nothing is recorded."""
    if not isinstance(source, str | Path):
        return None
    folder = _folder(source)
    if not (folder / RECORD).is_file():
        return None
    told = read_object(folder / RECORD)
    origin, added = told.get("grown_from"), told.get("added")
    if not isinstance(origin, Mapping):
        return None
    counts = [len(each) for each in (added.values() if isinstance(added, Mapping) else ())]
    return Lineage(
        act=str(told.get("act", "grow")),
        base=str(origin.get("model") or origin.get("tokenizer") or ""),
        base_sha256=str(origin.get("tokenizer_json_sha256") or ""),
        tokens=sum(counts),
        moved=_moved(folder / IDS),
    )


def sha256_of(source: TokenizerSource) -> str:
    """The sha256 of the tokenizer.json of a folder on this disk, "" where there is none."""
    if not isinstance(source, str | Path):
        return ""
    file = _folder(source) / TOKENIZER
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


def _folder(source: str | Path) -> Path:
    path = Path(source).expanduser()
    return path.parent if path.name == TOKENIZER else path


def _moved(file: Path) -> Mapping[int, int] | None:
    if not file.is_file():
        return None
    told: Mapping[str, Any] = read_object(file)
    return {int(old): int(new) for old, new in told.items() if old.isdigit() and isinstance(new, int)}
