"""A model at work: texts through tokenizer and model, as a user of transformers puts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import PreTrainedModel

from tokbench.errors import FileError
from tokbench.model.loading import load_model
from tokbench.model.readers import (
    BROKEN,
    Reader,
    UntriedError,
    first_line,
    reader_of,
    wants_more,
    whole_reader,
)
from tokbench.model.resize import embedding_rows

if TYPE_CHECKING:
    import torch

LEFT = "left"


@dataclass(frozen=True)
class Running:
    """A loaded model beside the tokenizer's facts, or the problem there was with loading it.

    `reader` is what of the model answers to ids, and `untried` why nothing of it does: it takes pictures, or
    its weights need a library that is not here. `names` are the inputs the tokenizer gives, `pad` the id that
    it fills with, on its side.
    """

    model: Any = None
    problem: str = ""
    reader: Reader | None = None
    untried: str = ""
    pad: int | None = None
    side: str = "right"
    names: tuple[str, ...] = ("input_ids", "attention_mask")

    @property
    def classifies(self) -> bool:
        """Whether there is one answer for a whole text."""
        return type(self.model).__name__.endswith("ForSequenceClassification")

    def numbers(self, rows: Sequence[Sequence[int]], types: Sequence[int] = ()) -> list[torch.Tensor]:
        """For each row of ids what the model makes of it: its answer, or vectors of shape (T, H or V).

        `types` are the segments of a single row. Rows are padded to the longest; the padding's numbers are
        cut away. Raises what the library raises.
        """
        import torch

        assert self.reader is not None
        longest = max(map(len, rows))
        fill = 0 if self.pad is None else self.pad
        ids = torch.tensor([self._filled(row, longest, fill) for row in rows])
        mask = torch.tensor([self._filled([1] * len(row), longest, 0) for row in rows])
        more = {}
        if "token_type_ids" in self.names and self.reader.whole:
            more["token_type_ids"] = torch.tensor([types or [0] * longest] * len(rows))
        answers = self.reader.answers(ids, mask, more)
        found = answers["logits"] if "logits" in answers else next(iter(answers.values()))
        if self.classifies or found.shape[:2] != mask.shape:
            return list(found)
        return [each[kept.bool()] for each, kept in zip(found, mask, strict=True)]

    def said(self, rows: Sequence[Sequence[int]], types: Sequence[int] = ()) -> str:
        """What the library says against these ids; "" when it takes them."""
        try:
            self.numbers(rows, types)
        except BROKEN as error:
            return f"{type(error).__name__}: {first_line(error)[:160]}"
        return ""

    def _filled(self, row: Sequence[int], longest: int, fill: int) -> list[int]:
        rest = [fill] * (longest - len(row))
        return [*rest, *row] if self.side == LEFT else [*row, *rest]


def running_model(folder: Path, config: Mapping[str, Any], pad: int | None, ids: Sequence[int]) -> Running:
    """Load the model of a folder, for inputs as tokenizer_config.json, given as `config`, has them.

    What the library says when it cannot is kept in `problem`; `ids` are a short text, to find what of the
    model takes ids alone.
    """
    try:
        model = load_model(folder).model
    except FileError as error:
        if isinstance(error.__cause__, ImportError):
            return Running(untried=error.message)
        return Running(problem=error.message)
    given = config.get("model_input_names")
    names = tuple(map(str, given)) if isinstance(given, list) else ("input_ids", "attention_mask")
    side = LEFT if config.get("padding_side") == LEFT else "right"
    reader, untried = _reader(model, ids)
    return Running(model, reader=reader, untried=untried, pad=pad, side=side, names=names)


def _reader(model: Any, ids: Sequence[int]) -> tuple[Reader, str]:  # noqa: ANN401
    """What reads the ids, of two stacks the encoder unless the whole gives one answer; and why nothing does.

    A class that takes ids and nothing else is its own reader, whatever it says to them: that is for a rule.
    """
    rows = embedding_rows(model)
    known = [number if number < rows else 0 for number in ids]
    classifies = type(model).__name__.endswith("ForSequenceClassification")
    stack = model.get_encoder() if model.config.is_encoder_decoder and not classifies else None
    for part in (stack, model) if isinstance(stack, PreTrainedModel) else (model,):
        try:
            return reader_of(part, known, blanks=False), ""
        except UntriedError as error:
            said = error.message
    return whole_reader(model), said if wants_more(model) else ""
