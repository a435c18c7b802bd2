"""The labels of a table of texts: which column holds them, how often each occurs, in which order."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokbench.corpus.records import TABLES, records
from tokbench.corpus.sources import Source, find_sources
from tokbench.errors import DataProblem

COLUMNS = ("label", "labels", "gold_label", "ner_tags", "tags", "class", "category", "target")
MOST = 1_000  # different labels; a column with more holds something else


@dataclass(frozen=True)
class Labels:
    """Labels as written and how often, commonest first; `names` by class id, where the file has them."""

    column: str = ""
    counts: tuple[tuple[str, int], ...] = ()
    names: tuple[str, ...] = ()


def labels_of(data: str) -> Labels:
    """The labels in the files of `data`; none when it is plain text or has no column called like one."""
    counts, column, names = Counter[str](), "", tuple[str, ...]()
    for source in find_sources([data]):
        if source.format not in TABLES or source.path is None:
            return Labels()
        try:
            for _, row in records(source):
                column = column or next((each for each in COLUMNS if each in row), "")
                if not column or len(counts) > MOST:
                    return Labels()
                value = row.get(column)
                counts.update(map(_word, value if isinstance(value, list) else [value]))
        except DataProblem:  # items that are no objects have no columns
            return Labels()
        names = names or (_own_names(source, column) if source.format == "parquet" else ())
    counts.pop("", None)
    return Labels(column, tuple(counts.most_common()), names)


def _word(value: object) -> str:
    """A label as one word; "" for none, and true and false as JSON has them."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value).strip()


def _own_names(source: Source, column: str) -> tuple[str, ...]:
    """The names that a parquet file of the datasets library gives its class ids."""
    import pyarrow.parquet as parquet

    metadata: Mapping[bytes, bytes] = parquet.read_schema(source.path).metadata or {}
    try:
        feature: Any = json.loads(metadata[b"huggingface"])["info"]["features"][column]
    except (KeyError, TypeError, ValueError):
        return ()
    inner = feature.get("feature", feature) if isinstance(feature, dict) else {}
    named = inner.get("names") if isinstance(inner, dict) else None
    return tuple(map(str, named)) if isinstance(named, list) else ()
