"""A sentence of a tagged file beside its tokens: the label that each token would be trained on."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from tokbench.encoding.encode import encode
from tokbench.errors import DataError, FileError, plural
from tokbench.finetuning.data.tagging import read_tagged
from tokbench.finetuning.data.tokenize import (
    NO_PIECE,
    UNLABELLED,
    counted_labels,
    going_on,
    labels_of_pieces,
    layout,
    pieces_of_units,
)
from tokbench.finetuning.tag_scheme import AUTO
from tokbench.pretrained.folder import TokenizerSource, load
from tokbench.results import Result


@dataclass(frozen=True, kw_only=True, repr=False)
class AlignedRow(
    Result, kind="aligned", table=("tokens", "ids", "shown", "special", "units", "labels", "label_ids")
):
    """Tokens of a sentence and what a model is told of each; every sequence has the same length T.

    row: of the file, from 1. units: the word, or character, that a token is the first to speak for, "" for
    none. labels: its label, "" where label_ids has -100, which the loss leaves out. scheme: how the tags are
    marked. lost: the words that no token speaks for, cut off or with nothing left of them.
    """

    file: str
    row: int
    rows: int
    scheme: str
    text: str
    tokens: tuple[str, ...]
    ids: tuple[int, ...]
    shown: tuple[str, ...]
    special: tuple[bool, ...]
    units: tuple[str, ...]
    labels: tuple[str, ...]
    label_ids: tuple[int, ...]
    lost: tuple[str, ...] = ()


def align_labels(
    tokenizer: TokenizerSource,
    conll: str | Path,
    *,
    row: int = 1,
    max_length: int | None = None,
    label_all_pieces: bool = False,
    tag_scheme: str = AUTO,
    outside: str = "",
) -> AlignedRow:
    r"""The labels of one sentence of a CoNLL file, given to tokens as finetune gives them.

    The first token of a word has its label, the others -100 or, with `label_all_pieces`, the one that goes
    on.
    Raises FileError for a file that is not there, DataError for a row that it does not have, and for files
    that hold no labels.

    >>> from tempfile import TemporaryDirectory
    >>> from tokenizers import Tokenizer, models, pre_tokenizers
    >>> tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0, "Bo": 1, "##b": 2, "ran": 3}, unk_token="[UNK]"))
    >>> tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    >>> with TemporaryDirectory() as place:
    ...     file = Path(place) / "train.conll"
    ...     size = file.write_text("Bob\tB-PER\nran\tO\n")
    ...     found = align_labels(tokenizer, file)
    >>> found.tokens, found.labels, found.label_ids
    (('Bo', '##b', 'ran'), ('B-PER', '', 'O'), (1, -100, 0))
    """
    path = Path(conll)
    if not path.exists():
        raise FileError(
            f"there is no file {path}", fix=f"look what is there: ls {shlex.quote(str(path.parent))}"
        )
    read = read_tagged(path, dev=None, all_pieces=label_all_pieces, tag_scheme=tag_scheme, outside=outside)
    rows, task = next(iter(read.rows.values())), read.task
    if not 1 <= row <= len(rows):
        raise DataError(f"{path.name} has {plural(len(rows), 'row')}, and no row {row}", fix="--row 1")
    text = rows.texts[row - 1]
    encoded = encode(load(tokenizer), text, max_length=max_length)
    units = rows.units[row - 1]
    owner, kept = layout(units, characters=rows.characters)
    piece, first = pieces_of_units(encoded.offsets, owner, len(kept))
    later = going_on(task.labels, task.scheme) if label_all_pieces else None
    label_ids = labels_of_pieces(piece, first, counted_labels(rows, row - 1, kept), later).tolist()
    spoken = [unit >= 0 and piece[unit] == at for at, unit in enumerate(first)]
    return AlignedRow(
        file=str(conll),
        row=row,
        rows=len(rows),
        scheme=task.scheme.name if task.scheme else "no entities",
        text=text,
        tokens=encoded.tokens,
        ids=encoded.ids,
        shown=encoded.shown,
        special=encoded.special,
        units=tuple(units[kept[unit]] if yes else "" for unit, yes in zip(first, spoken, strict=True)),
        labels=tuple("" if each == UNLABELLED else task.labels[each] for each in label_ids),
        label_ids=tuple(label_ids),
        lost=tuple(units[kept[at]] for at in (piece == NO_PIECE).nonzero()[0].tolist()),
    )
