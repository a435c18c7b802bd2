"""Datasets by name, `hf:NAME[:CONFIG][:SPLIT][:COLUMN]`, streamed through the datasets library.

NAME is one on the hub, which needs a network, or a folder of data files here. No code of a dataset is run:
the library has no scripts since version 4, and nothing here lets it trust one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from tokbench.corpus.arrow_files import ROWS, arrow_values, refuse_other_types
from tokbench.corpus.source import HUB, Elsewhere, Source
from tokbench.corpus.tables import as_text, choose_column
from tokbench.errors import DataError, FileError, did_you_mean
from tokbench.io.quiet import quiet_datasets

if TYPE_CHECKING:
    from tokbench.corpus.compression import Done

TRAIN = "train"
SHAPE = "hf:NAME:CONFIG:SPLIT:COLUMN, of which all but NAME may be left out or empty"


@dataclass(frozen=True)
class HubName:
    """Which dataset is meant; "" for what is left to be found."""

    name: str
    config: str = ""
    split: str = ""
    column: str = ""


def hub_name(words: str) -> HubName:
    """The parts of a name.

    >>> hub_name("hf:stanfordnlp/imdb::test")
    HubName(name='stanfordnlp/imdb', config='', split='test', column='')
    """
    parts = words.removeprefix(HUB).split(":")
    if not parts[0] or len(parts) > 4:
        raise FileError(f"{words} names no dataset", fix=f"write {SHAPE}")
    return HubName(*parts)


def hub_source(words: str) -> Source:
    """The source of this name; nothing is asked of the hub before it is read."""
    hub_name(words)
    place = Elsewhere(url=words, open=partial(_no_file, words), cat="", again="ask again later")
    return Source(name=words, path=None, format="hub", compression="", size=0, place=place)


def _no_file(words: str) -> AbstractContextManager[BinaryIO]:
    raise FileError(f"{words} is a dataset and no file", fix="download it, and name its files")


def read_hub_dataset(source: Source, column: str | None, done: Done) -> Iterator[str]:
    """The texts of one column of a dataset; its own column counts for more than `column`."""
    meant = hub_name(source.name)
    with quiet_datasets():
        table = _streamed(source, meant)
        names = list(table.column_names or _first_row(source, table))
        values = partial(_values, source, table, names)
        chosen = choose_column(names, meant.column or column, source, values)
        row = passed = 0
        for batch in _batches(source, table.select_columns([chosen])):
            refuse_other_types(source, chosen, batch.schema.field(chosen).type)
            for value in arrow_values(batch[chosen]):
                row += 1
                text = as_text(value, source, f"row {row}")
                passed += len(text)
                yield text
            done(passed)


def hub_rows(source: Source, done: Done) -> Iterator[dict[str, Any]]:
    """Every row of a dataset, all its columns by name."""
    with quiet_datasets():
        for batch in _batches(source, _streamed(source, hub_name(source.name))):
            columns = [arrow_values(column) for column in batch.columns]
            for row in zip(*columns, strict=True):
                yield dict(zip(batch.column_names, row, strict=True))
            done(0)


def _streamed(source: Source, meant: HubName) -> Any:  # noqa: ANN401  a datasets.IterableDataset
    import datasets

    try:
        found = datasets.load_dataset(meant.name, meant.config or None, streaming=True)
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        raise _refused(source, meant, error) from error
    splits = [str(name) for name in found]
    split = meant.split or (TRAIN if TRAIN in splits else "")
    if not split and len(splits) == 1:
        split = splits[0]
    if split not in splits:
        before = f"{HUB}{meant.name}:{meant.config}:"
        said = f"no split {split!r}" if split else f"{len(splits)} splits and none is called train"
        raise DataError(f"{source.name} has {said}", fix=did_you_mean(split, splits, before=before))
    if not meant.split and len(splits) > 1:
        others = ", ".join(name for name in splits if name != split)
        source.note(f"of the splits {split} is read; hf:NAME:CONFIG:SPLIT names another ({others})")
    return found[split]


def _batches(source: Source, table: Any) -> Iterator[Any]:  # noqa: ANN401
    """The rows as tables of Arrow, few at a time."""
    batches = iter(table.with_format("arrow").iter(batch_size=ROWS))
    while True:
        try:
            batch = next(batches, None)
        except (OSError, ValueError, RuntimeError) as error:
            raise _refused(source, hub_name(source.name), error) from error
        if batch is None:
            return
        yield batch


def _first_row(source: Source, table: Any) -> dict[str, Any]:  # noqa: ANN401
    batch = next(_batches(source, table), None)
    return {} if batch is None else {name: arrow_values(batch[name])[0] for name in batch.column_names}


def _values(source: Source, table: Any, names: list[str]) -> list[Any]:  # noqa: ANN401
    row = _first_row(source, table)
    return [row.get(name) for name in names]


def _refused(source: Source, meant: HubName, error: Exception) -> FileError | DataError:
    """What to say of a dataset that cannot be read, and what helps."""
    reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".:")
    configs = getattr(error, "builder_configs", None) or _named_in(str(error))
    if "onfig" in reason and configs:
        return DataError(
            f"{source.name} has several configurations: {', '.join(configs)}",
            fix=f"name one: {HUB}{meant.name}:{configs[0]}",
        )
    if isinstance(error, ConnectionError) or "offline" in reason.lower() or "reach" in reason.lower():
        return FileError(
            f"{source.name} is on the hub, and the hub cannot be reached from here",
            fix="where there is a network, save it by save_to_disk or as parquet, and name that folder here",
        )
    where = "" if os.path.isdir(meant.name) else "check the spelling, or "  # noqa: PTH112
    return FileError(f"{source.name} cannot be read: {reason}", fix=f"{where}name its files")


def _named_in(words: str) -> list[str]:
    """The configurations that the library's error lists: among "['a', 'b']"."""
    inside = words.partition("[")[2].partition("]")[0]
    return [each.strip(" '\"") for each in inside.split(",") if each.strip(" '\"")]
