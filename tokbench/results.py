"""What every result offers: a line, a dictionary, the JSON of `--json`, a page's elements, tables for pandas.

A result's class says its kind and the version of its keys: `class Encoded(Result, kind="encoded")`. Whoever
changes a key raises the version, so that a file of another version is refused and not misread.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sized
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokbench.errors import UsageError
from tokbench.escapes import safe_json
from tokbench.io.extras import require

if TYPE_CHECKING:
    import pandas as pd

LINE = 100  # characters of a repr; what does not fit is left out, and said by an ellipsis
WORDS = 32  # characters of one value in it


class Result:
    """A frozen dataclass that shows and saves itself; its class names the kind and version of its JSON.

    >>> import tokbench as tb
    >>> tok = tb.train(["a cat", "a hat"] * 9, "wordpiece", vocab_size=30)
    >>> encoded = tb.encode(tok, "a cat")
    >>> isinstance(encoded, tb.Result), encoded.to_dict()["tokens"]
    (True, ['[CLS]', 'a', 'cat', '[SEP]'])
    >>> encoded.to_json().splitlines()[1]
    '  "schema": "tokbench/encoded/1",'
    """

    kind = ""
    version = 1
    table: str | tuple[str, ...] = ()

    def __init_subclass__(
        cls, *, kind: str = "", version: int = 1, table: str | tuple[str, ...] = ()
    ) -> None:
        """`table` is the field that holds rows, or the fields that are columns of equal length."""
        super().__init_subclass__()
        cls.kind, cls.version, cls.table = kind or cls.kind, version, table

    def __repr__(self) -> str:
        """The class and its first values in one line; of what holds several, how many."""
        line = type(self).__name__ + "("
        for at, words in enumerate(_short_values(self)):
            if len(line) + len(words) > LINE - len(", …)"):
                return line + (", …)" if at else "…)")
            line += (", " if at else "") + words
        return line + ")"

    def _repr_html_(self) -> str:
        """The elements of the page that `--html` writes, for a notebook."""
        import tokbench  # its top sees the pages, which lie above every package that makes results

        return tokbench.result_html(self)

    def to_dict(self) -> dict[str, Any]:
        """The fields as dictionaries, lists and plain values; library objects are left out."""
        data: dict[str, Any] = as_data(self)
        return data

    def to_json(self) -> str:
        """What `--json` prints, byte for byte: the schema, then the fields; `tb.report` reads it back."""
        return as_json(self, self.kind)

    def to_pandas(self) -> pd.DataFrame:
        """The result's table; a nested value has a column of its own, named with a dot (`corpus.name`).

        Raises UsageError for a result that is no table, MissingExtraError without pandas.
        """
        if not self.table:
            raise UsageError(f"a {type(self).__name__} is no table", fix="take its to_dict()")
        require("pandas", extra="data", what="a table")
        import pandas as pd

        data = self.to_dict()
        if isinstance(self.table, tuple):
            return pd.DataFrame({name: data[name] for name in self.table})
        return pd.json_normalize(data[self.table])


def _short_values(result: Any) -> Iterator[str]:  # noqa: ANN401  (a dataclass, which no type says)
    for field in dataclasses.fields(result):
        value = getattr(result, field.name)
        if value is not None and field.repr and field.metadata.get("json", True):
            yield f"{field.name}={_short(value)}"


def _short(value: object) -> str:
    """A value in few characters.

    >>> _short("a"), _short((1, 2, 3)), _short(range(1000)), _short({"a": 1}), _short(0.25)
    ("'a'", '[1, 2, 3]', '<1000>', '<1>', '0.25')
    """
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, str):
        return repr(value if len(value) <= WORDS else value[: WORDS - 1] + "…")
    if isinstance(value, bool | int):
        return repr(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        words = repr(list(value[:WORDS]))
        return words if len(words) <= WORDS else f"<{len(value)}>"
    return f"<{len(value)}>" if isinstance(value, Sized) else type(value).__name__


def as_json(result: object, kind: str, *, version: int | None = None) -> str:
    """One JSON object: the schema's name and version, then the result's own fields.

    Fields marked `metadata={"json": False}` hold library objects and are left out.
    """
    import json

    body = as_data(result)
    if not isinstance(body, dict):
        body = {"result": body}
    version = version or (result.version if isinstance(result, Result) else 1)
    whole = {"schema": f"tokbench/{kind}/{version}", **body}
    return safe_json(json.dumps(whole, ensure_ascii=False, indent=2))


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
