"""The card of an adapted model: what was done, measured and proved, and what is not known."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from tokbench.errors import plural

if TYPE_CHECKING:
    from tokbench.adapt.growth import Growth

# Source: the comparison of extension methods in NVIDIA's guidebook of tokenizer extension, 2025, found fewer
# tokens a text with every method and no independent gain in downstream quality with any.
NOT_KNOWN = (
    "Fewer tokens a text make a model faster and let more text into its window; that was measured. Whether",
    "its answers become better or worse was not: rows of new tokens have not been trained with the rest, and",
    "no general gain in the quality of downstream tasks is established for such a change. Measure it on the",
    "task that you have:",
)


@dataclass(frozen=True)
class Measure:
    """A figure of the base and of what was made of it; "" where it has none."""

    what: str
    before: str
    after: str


FEWER = (
    "Texts of tokens that stay are to the model what they were. Texts that had a token that went are spelled",
    "in more tokens, which it has seen less often in their places: what that does to its answers was not",
    "measured. Measure it on the task that you have:",
)


def adapted_card(
    name: str,
    growth: Growth,
    done: str,
    measured: Iterable[Measure],
    proved: Iterable[str] = (),
    *,
    not_known: Sequence[str] = NOT_KNOWN,
) -> str:
    """The card as Markdown with the header that the hub reads.

    `done` is what was done to the base, as in "extended by 2,000 tokens"; `name` the new folder's. `proved`
    goes before what the growth itself has proved, `not_known` before the command that measures it.
    """
    base = growth.model or growth.tokenizer.name
    parts = (
        _header(growth, base),
        [f"# {_last(name)}", "", f"`{_last(base)}`, {done}."],
        _table("What was measured", [*measured, *_weights(growth)]),
        _list("What was proved", [*proved, *_proved(growth)]),
        _unknown(base, name, not_known),
    )
    return "\n".join(line for part in parts for line in (*part, ""))


def _header(growth: Growth, base: str) -> Iterator[str]:
    """YAML, its values written as JSON, which YAML contains."""
    yield "---"
    yield 'library_name: "transformers"'
    yield f"tags: {json.dumps(['tokbench', 'tokenizer'])}"
    if base.count("/") == 1 and not Path(base).exists():
        yield f"base_model: {json.dumps(base, ensure_ascii=False)}"
    yield "---"


def _table(title: str, measured: Sequence[Measure]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield "| what | before | after |"
    yield "|---|---|---|"
    for each in measured:
        yield f"| {each.what} | {each.before} | {each.after} |"


def _list(title: str, sentences: Sequence[str]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    for each in sentences:
        yield f"- {each}"


def _weights(growth: Growth) -> Iterator[Measure]:
    yield Measure("ids", f"{growth.added.before:,}", f"{growth.added.after:,}")
    if growth.plan is not None:
        yield Measure("rows of the embedding", f"{growth.plan.rows_before:,}", f"{growth.plan.size:,}")
    if growth.memory is not None:
        sizes = (f"{each / 1e6:,.1f} MB" for each in (growth.memory.before, growth.memory.after))
        yield Measure("weights", *sizes)


def _proved(growth: Growth) -> Iterator[str]:
    yield "The tokenizer that was read back has the ids of the one that was written."
    if growth.plan is None:
        return
    yield f"{plural(len(growth.plan.kept), 'row')} of tokens that stay are the base's, bit by bit."
    if growth.resized is not None and growth.resized.started:
        yield f"{plural(growth.resized.started, 'new row')} started as {growth.resized.initializer}."
    if growth.proof is not None:
        yield (
            f"{plural(growth.proof.texts, 'text')} of tokens that stay gave the same "
            f"{' and '.join(growth.proof.outputs) or 'outputs'}; the largest difference was "
            f"{growth.proof.largest_difference:g}."
        )


def _unknown(base: str, name: str, sentences: Sequence[str]) -> Iterator[str]:
    yield "## What is not known"
    yield ""
    yield from sentences
    yield ""
    yield "```"
    yield shlex.join(["tokbench", "prove", _last(base), _last(name), "-t", "sst2", "--seeds", "5"])
    yield "```"


def _last(name: str) -> str:
    """A name on the hub as it is; of a path the last part alone."""
    path = PurePath(name.replace("\\", "/"))
    hub = len(path.parts) == 2 and not name.startswith((".", "/", "~")) and not Path(name).exists()
    return str(path) if hub else path.name
