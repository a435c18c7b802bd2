"""Values of config keys: read from words, labels made whole, types checked by the config's own class."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tokbench.errors import AskedWrongly, plural

DTYPES = ("float16", "bfloat16", "float32", "float64")
LABELS = ("id2label", "label2id")
NAMED = 'id2label=\'["no", "yes"]\''


def parsed(text: str) -> Any:  # noqa: ANN401  any JSON value
    """The JSON value in `text`, or the text itself.

    >>> parsed("0.2"), parsed("true"), parsed("null"), parsed("gelu"), parsed('["no", "yes"]')
    (0.2, True, None, 'gelu', ['no', 'yes'])
    """
    try:
        return json.loads(text)
    except ValueError:
        return text


def labels(wanted: Mapping[str, Any], known: Mapping[str, Any], raw: Mapping[str, Any]) -> dict[str, Any]:
    """The wanted keys with both label tables, whichever was given; a list names the labels in order.

    AskedWrongly when a classifier has another number of rows than there are names.
    """
    given = [key for key in LABELS if key in wanted]
    if not given:
        return dict(wanted)
    names = _names(given[0], wanted[given[0]])
    before = len(known.get("id2label") or {})
    if len(names) != before and any("Classification" in str(each) for each in raw.get("architectures") or ()):
        raise AskedWrongly(
            f"{plural(len(names), 'label was', 'labels were')} named, "
            f"and the head of this model has {plural(before, 'row')}",
            fix=f"name {before}; another number needs a new head: tokbench finetune",
        )
    tables = {
        "id2label": {str(at): name for at, name in enumerate(names)},
        "label2id": {name: at for at, name in enumerate(names)},
    }
    return {**{key: value for key, value in wanted.items() if key not in LABELS}, **tables}


def checked(config: Mapping[str, Any], keys: Sequence[str]) -> None:
    """AskedWrongly when the config's class refuses a value, or one of the changed keys is out of range."""
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig

    from tokbench.model.quiet import quiet

    for key in keys:
        _in_range(key, _value(config, key))
    kind = str(config.get("model_type"))
    rest = {key: value for key, value in config.items() if key != "model_type"}
    try:
        with quiet():
            AutoConfig.for_model(kind, **rest)
    except (StrictDataclassError, TypeError, ValueError, AttributeError, KeyError) as error:
        raise AskedWrongly(
            f"{', '.join(keys)}: the config's class refuses it: {_reason(error)}", fix="tokbench config show"
        ) from error


def _names(key: str, value: Any) -> list[str]:  # noqa: ANN401  any JSON value
    """The labels in the order of their numbers, from a list or from either table."""
    if isinstance(value, Mapping):
        pairs = value.items() if key == "id2label" else [(number, name) for name, number in value.items()]
        numbered = {str(number): name for number, name in pairs}
        value = [numbered.get(str(at)) for at in range(len(numbered))]
    is_list = isinstance(value, list) and all(isinstance(each, str) and each for each in value)
    if not is_list or not value or len(set(value)) != len(value):
        raise AskedWrongly(f"{key} must name every label once, from 0 on, not {value!r}", fix=NAMED)
    return list(value)


def _in_range(key: str, value: Any) -> None:  # noqa: ANN401  any JSON value
    last = key.rpartition(".")[2]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if ("dropout" in last or last.endswith("pdrop")) and number and not 0 <= value < 1:
        raise AskedWrongly(f"{key} is a share of what is dropped, not {value}", fix="0 or more, below 1")
    if last in ("dtype", "torch_dtype") and value not in DTYPES:
        raise AskedWrongly(f"{key} is no number type: {value}", fix=f"known: {', '.join(DTYPES)}")


def _value(config: Mapping[str, Any], key: str) -> Any:  # noqa: ANN401  any JSON value
    for part in key.split("."):
        config = config[part]
    return config


def _reason(error: Exception) -> str:
    """The line that names the field; the library puts the field's name into a line of its own before."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1].partition(" Errors:")[0] if lines else type(error).__name__)[:200]
