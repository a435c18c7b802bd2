"""Windows on a model's config: what may change, and what was changed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from tokbench.model.config_keys import MAY, MUST_NOT, RESIZE
from tokbench.model.configure import ConfigChange, ConfigView
from tokbench.report.parts import Facts, Grid, Headline, Part

LONGEST = 40  # characters of a value; the whole one is in the JSON


def view(result: ConfigView) -> Iterator[Part]:
    """The keys in three groups, each group's reasons once."""
    counts = Counter(each.allowed for each in result.keys)
    found = ", ".join(
        f"{counts[allowed]} {allowed}" for allowed in (MAY, RESIZE, MUST_NOT) if counts[allowed]
    )
    yield Headline(f"{result.model}: {result.model_type or 'no model_type'} ({found})")
    for allowed in (MAY, RESIZE, MUST_NOT):
        reasons = dict.fromkeys(each.why for each in result.keys if each.allowed == allowed)
        for why in reasons:
            rows = [
                (each.key, _short(each.value))
                for each in result.keys
                if (each.allowed, each.why) == (allowed, why)
            ]
            yield Headline(f"{allowed}: {why}")
            yield Facts(rows)


def change(result: ConfigChange) -> Iterator[Part]:
    """What was set, old and new."""
    mood = "good" if result.changed else "plain"
    number = len(result.changed)
    yield Headline(f"{result.path}: {number} {'value' if number == 1 else 'values'} changed", mood)
    if result.changed:
        rows = [(key, _short(old), _short(new)) for key, (old, new) in result.changed.items()]
        yield Grid(("key", "was", "is"), rows)
    if result.new:
        yield Facts([("added", ", ".join(result.new))])
    if result.unchanged:
        yield Facts([("had that value", ", ".join(result.unchanged))])


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
