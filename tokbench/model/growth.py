"""What growing gave: the tokenizer, the model that fits it, and the proof."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.model.rows import RowPlan
from tokbench.pretrained.added_tokens import Added
from tokbench.pretrained.folder import TokenizerFolder

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from tokbench.model.proof import Proof
    from tokbench.model.resize import Resized


@dataclass(frozen=True, kw_only=True)
class Growth:
    """A tokenizer with more tokens and, if there was one, the model that fits it.

    `plan`, `resized` and `proof` are None without a model. `fresh` are weights that the model's file lacked
    and that started anew; `dropped` those that its class does not take. `path` is where it was saved.
    """

    added: Added
    tokenizer: TokenizerFolder = field(repr=False, metadata={"json": False})
    model: str = ""
    plan: RowPlan | None = None
    resized: Resized | None = None
    proof: Proof | None = None
    fresh: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    path: Path | None = None
    grown: PreTrainedModel | None = field(default=None, repr=False, metadata={"json": False})
