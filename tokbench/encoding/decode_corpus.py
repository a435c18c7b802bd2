"""Many rows of ids back to texts, as JSON lines."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from tokbench.encoding.id_files import read_ids
from tokbench.errors import DataError
from tokbench.io.atomic import atomic_files
from tokbench.pretrained.folder import TokenizerFolder, TokenizerSource, load
from tokbench.progress import Progress, silent
from tokbench.results import Result

AT_ONCE = 1_000  # rows that the library is given


@dataclass(frozen=True, kw_only=True, repr=False)
class DecodedCorpus(Result, kind="decoded-corpus"):
    """How many rows of ids became texts, and of how many tokens; the texts themselves without an output."""

    texts: int
    tokens: int
    output: str
    decoded: tuple[str, ...] = field(default=(), repr=False, metadata={"json": False})


def decode_corpus(
    tokenizer: TokenizerSource,
    ids: str | Path | Iterable[Sequence[int]],
    *,
    output: str | Path | BinaryIO | None = None,
    skip_special_tokens: bool = False,
    force: bool = False,
    progress: Progress = silent,
) -> DecodedCorpus:
    """The text of every row of ids, in order; JSON lines with a `text` each where an output is named.

    `ids` are rows, or a file of them: .jsonl, .npy, .bin or .arrow as encode_corpus writes them, a .npy with
    a row a text, a .txt with a line a text. Raises DataError by row for an id that no token has, FileError
    and DataError for files that hold no ids.

    >>> from tokenizers import Tokenizer, models
    >>> tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "the": 1, "cat": 2}, "[UNK]"))
    >>> decode_corpus(tokenizer, [[1, 2], [2]]).decoded
    ('the cat', 'cat')
    """
    folder = load(tokenizer)
    rows = read_ids(Path(ids)) if isinstance(ids, str | Path) else iter(ids)
    out = Path(output) if isinstance(output, str) else output
    texts = tokens = 0
    kept: list[str] = []
    with _sink(out, force=force) as stream:
        while part := list(islice(rows, AT_ONCE)):
            decoded = _decoded(folder, part, texts, skip_special_tokens=skip_special_tokens)
            if stream is None:
                kept += decoded
            else:
                lines = (json.dumps({"text": each}, ensure_ascii=False) + "\n" for each in decoded)
                stream.write("".join(lines).encode("utf-8", "surrogatepass"))
            texts, tokens = texts + len(part), tokens + sum(map(len, part))
            progress("decode", texts)
    return DecodedCorpus(
        texts=texts, tokens=tokens, output=str(out) if isinstance(out, Path) else "", decoded=tuple(kept)
    )


def _decoded(
    folder: TokenizerFolder, rows: Sequence[Sequence[int]], before: int, *, skip_special_tokens: bool
) -> list[str]:
    """The texts of these rows; DataError for the first id that no token has."""
    known = folder.tokenizer.id_to_token
    for number in {each for row in rows for each in row}:
        if not 0 <= number < 2**32 or known(number) is None:
            at = next(at for at, row in enumerate(rows, before + 1) if number in row)
            raise DataError(
                f"{folder.name} has no token with the id {number}, which is in row {at:,}",
                fix=f"tokbench info {shlex.quote(folder.name)}",
            )
    return folder.tokenizer.decode_batch([list(row) for row in rows], skip_special_tokens=skip_special_tokens)


@contextmanager
def _sink(output: Path | BinaryIO | None, *, force: bool) -> Iterator[BinaryIO | None]:
    """Where the lines go: a file, which appears when it is whole, a stream, or nowhere."""
    if isinstance(output, Path):
        with atomic_files(output, force=force) as (folder, _), (folder / output.name).open("wb") as file:
            yield file
    else:
        yield output
        if output is not None:
            output.flush()
