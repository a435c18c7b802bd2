"""How rows are read: how many to train on, and of someone's own files which columns and dev rows."""

from __future__ import annotations

from dataclasses import dataclass

from tokbench.errors import AskedWrongly


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a plan says of its rows; a column is never guessed."""

    max_train_rows: int | None = None  # drawn by the seed; None: all
    text_column: str | None = None
    pair_column: str | None = None
    label_column: str | None = None
    dev: str | None = None  # a file of dev rows; None: the one beside train, or a part cut off by the seed
    dev_share: float = 0.1  # of the rows, when dev is cut off
    skip_incomplete: bool = False  # leave out rows without text or label, instead of refusing them
    label_all_pieces: bool = False  # tagging: the later pieces of a word get its label too

    def __post_init__(self) -> None:
        if self.max_train_rows is not None and self.max_train_rows < 1:
            raise AskedWrongly(f"max_train_rows is {self.max_train_rows}", fix="give 1 or more")
        if not 0 < self.dev_share < 1:
            raise AskedWrongly(f"dev_share is {self.dev_share}", fix="give a share between 0 and 1")
        if self.pair_column is not None and self.text_column is None:
            raise AskedWrongly("--pair-column without --text-column", fix="name both columns")

    @property
    def columns(self) -> bool:
        """Whether columns are named, so that the files are a table of someone's own."""
        return self.text_column is not None or self.label_column is not None
