"""A model at work: texts through tokenizer and model, as a user of transformers puts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokbench.errors import FileError
from tokbench.model.loading import load_model
from tokbench.model.readers import BROKEN, first_line

if TYPE_CHECKING:
    import torch

LEFT = "left"


@dataclass(frozen=True)
class Running:
    """A loaded model beside the tokenizer's facts, or the problem there was with loading it.

    `names` are the inputs the tokenizer gives, `pad` the id that it fills with, on its side.
    """

    model: Any = None
    problem: str = ""
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

        longest = max(map(len, rows))
        fill = 0 if self.pad is None else self.pad
        ids = [self._filled(row, longest, fill) for row in rows]
        mask = [self._filled([1] * len(row), longest, 0) for row in rows]
        inputs = {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}
        if "token_type_ids" in self.names:
            segments = types or [0] * longest
            inputs["token_type_ids"] = torch.tensor([segments] * len(rows))
        with torch.inference_mode():
            out = self._part(**inputs)
        found = out.logits if hasattr(out, "logits") else out[0]
        if self.classifies:
            return list(found)
        return [each[kept.bool()] for each, kept in zip(found, inputs["attention_mask"], strict=True)]

    @property
    def _part(self) -> Any:  # noqa: ANN401
        """What reads the ids: of two stacks the encoder, unless the whole gives one answer."""
        composed = self.model.config.is_encoder_decoder and not self.classifies
        return self.model.get_encoder() if composed else self.model

    def _filled(self, row: Sequence[int], longest: int, fill: int) -> list[int]:
        rest = [fill] * (longest - len(row))
        return [*rest, *row] if self.side == LEFT else [*row, *rest]


def run(folder: Path, config: Mapping[str, Any], pad: int | None) -> Running:
    """Load the model of a folder, for inputs as tokenizer_config.json, given as `config`, has them.

    What the library says when it cannot is kept in `problem`.
    """
    try:
        model = load_model(folder).model
    except FileError as error:
        return Running(problem=error.message)
    given = config.get("model_input_names")
    names = tuple(map(str, given)) if isinstance(given, list) else ("input_ids", "attention_mask")
    side = LEFT if config.get("padding_side") == LEFT else "right"
    return Running(model, pad=pad, side=side, names=names)


def said(running: Running, rows: Sequence[Sequence[int]], types: Sequence[int] = ()) -> str:
    """What the library says against these ids; "" when it takes them."""
    try:
        running.numbers(rows, types)
    except BROKEN as error:
        return f"{type(error).__name__}: {first_line(error)[:160]}"
    return ""
