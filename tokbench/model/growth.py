"""What growing gave: the tokenizer, the model that fits it, and the proof."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.model.rows import RowPlan
from tokbench.pretrained.added_tokens import Added
from tokbench.pretrained.changed import Changed
from tokbench.pretrained.folder import TokenizerFolder

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from tokbench.model.proof import Proof
    from tokbench.model.resize import Resized


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes of a model's weights before and after, and what one row costs in all its matrices together."""

    before: int
    after: int
    row_bytes: int


@dataclass(frozen=True, kw_only=True)
class Growth:
    """A tokenizer with more tokens and, if there was one, the model that fits it.

    `plan`, `resized` and `proof` are None without a model. `fresh` are weights that the model's file lacked
    and that started anew; `dropped` those that its class does not take. `followed` are the ids in the
    model's configs that went with a role, key → old and new. `changed` is what became of the words of a
    sample. A `dry` run has a plan and no `resized`, no `proof`. `path` is where it was saved.
    """

    added: Added
    tokenizer: TokenizerFolder = field(repr=False, metadata={"json": False})
    model: str = ""
    plan: RowPlan | None = None
    memory: Memory | None = None
    resized: Resized | None = None
    proof: Proof | None = None
    fresh: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    followed: dict[str, tuple[int, int]] = field(default_factory=dict)
    changed: Changed | None = None
    dry: bool = False
    path: Path | None = None
    grown_from: Path | None = field(default=None, repr=False, metadata={"json": False})
    grown: PreTrainedModel | None = field(default=None, repr=False, metadata={"json": False})
