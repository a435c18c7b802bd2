"""A model's files written anew with another vocabulary: tables by rows, all else as bytes, in parts.

A tensor (V, H) lies in a file row by row, so old rows are stretches of bytes, and a row made of others needs
these alone: what is held in memory is a part of some megabytes, and the rows that one part is made of,
whatever the size of the model. Nothing is computed with the model. What shows that it is the same: every
tensor that the vocabulary does not size has the hash that it had, and each row read back is the old one's
bytes, or what its initializer gives.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from tokbench.errors import FileError, NegativeResultError
from tokbench.io.json_files import MIB, read_object
from tokbench.model.class_facts import with_values
from tokbench.model.files import CONFIG, GENERATION, INDEX, WEIGHTS
from tokbench.model.initializers import Origins
from tokbench.model.row_plan import STARTED, RowInit, RowPlan, row_origins
from tokbench.model.safetensors_files import KINDS, Tensor, header_bytes, read_header, read_metadata
from tokbench.model.sizes import GrownTable, ModelSize, Resized
from tokbench.model.stored_model import CHUNK, INTEGERS, StoredModel, StoredTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Part = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Rewrite:
    """What is to become of a stored model: the plan of its rows, how new ones start, other ids in configs.

    `edits` is config.json or generation_config.json → what stands at dotted places of it afterwards.
    """

    stored: StoredModel
    tables: tuple[StoredTable, ...]
    measure: ModelSize
    plan: RowPlan
    start: RowInit
    seed: int = 0
    edits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def resized(self) -> Resized:
        """The rows before and after, and what follows them."""
        growth = self.stored.facts.growth
        return Resized(
            rows_before=self.plan.rows_before,
            rows=self.plan.size,
            started=len(self.plan.started),
            head=growth.head,
            bias=any(each.width == 1 for each in self.tables),
            padding_idx=growth.padding,
            initializer=self.start.label,
            tables=tuple(
                GrownTable(name=each.name, key=each.key, rows_before=each.rows, rows=len(self.origins(each)))
                for each in self.tables
            ),
            described=tuple(sorted(self.start.described)),
        )

    def origins(self, table: StoredTable) -> NDArray[np.int64]:
        """The old row that each row of a table has afterwards; STARTED where none."""
        return row_origins(self.plan, table.rows, first=table.first)


@dataclass(frozen=True, kw_only=True)
class Rewritten:
    """What was written and read back: `untouched` tensors have the bytes that they had, `sha256` over all.

    `kept` rows of all tables are the old ones' bytes, `started` what the initializer gives.
    """

    files: int
    bytes: int
    untouched: int
    untouched_bytes: int
    sha256: str
    kept: int
    started: int


def rewrite(change: Rewrite, into: Path) -> Rewritten:
    """Write the model's files into a folder, and read them back.

    Weights that no class takes are left out. NegativeResultError where what is read is not what was meant.
    """
    tables = _Tables(change)
    lost = set(change.stored.facts.outcome.unexpected)
    hashes: dict[str, str] = {}
    written = []
    for file, tensors in change.stored.files.items():
        known = {name: each for name, each in tensors.items() if name not in lost}
        if known:
            hashes |= _write(tables, file, known, into)
            written.append(file)
    found = {file: read_header(into / file) for file in written}
    _write_index(change.stored, found, into)
    _write_configs(change, into)
    origins = [change.origins(each) for each in change.tables for _ in each.names]
    started = sum(int((each == STARTED).sum()) for each in origins)
    untouched = {name: each for held in found.values() for name, each in held.items() if name in hashes}
    return Rewritten(
        files=len(written),
        bytes=sum((into / file).stat().st_size for file in written),
        untouched=len(untouched),
        untouched_bytes=sum(each.size for each in untouched.values()),
        sha256=sha256("".join(f"{name} {hashes[name]}\n" for name in sorted(hashes)).encode()).hexdigest(),
        kept=sum(map(len, origins)) - started,
        started=started,
    )


def _write(tables: _Tables, file: str, tensors: Mapping[str, Tensor], into: Path) -> dict[str, str]:
    """Write one file and read it back; name → hash of what the vocabulary does not size."""
    source = tables.change.stored.folder / file
    sized = {name: tables.sized(name, each) for name, each in tensors.items()}
    # wider numbers first: a table of half precision with an odd number of rows must not stand before them
    order = sorted(tensors, key=lambda name: -_item_bytes(tensors[name]))
    hashes = {}
    with source.open("rb") as old, (into / file).open("wb", buffering=0) as new:
        _put(new, header_bytes({name: sized[name] for name in order}, read_metadata(source)))
        for name in order:
            if name in tables.names:
                for part in tables.parts(name):
                    _put(new, part.reshape(-1).data)
            else:
                hashes[name] = _hashed(old, tensors[name], into=new)
    found = read_header(into / file)
    with (into / file).open("rb") as again:
        for name, tensor in found.items():
            same = (
                _is_written(again, tensor, tables.parts(name))
                if name in tables.names
                else _hashed(again, tensor) == hashes[name]
            )
            if not same:
                raise NegativeResultError(
                    f"{name} read back differs from what was written; nothing was saved"
                )
    return hashes


def _put(file: BinaryIO, content: bytes | memoryview) -> None:
    """Write all of it: an unbuffered file may take a part."""
    view = memoryview(content)
    while len(view):
        view = view[file.write(view) :]


def _hashed(file: BinaryIO, tensor: Tensor, *, into: BinaryIO | None = None) -> str:
    """The hash of a tensor's bytes, which are copied on the way."""
    digest, room = sha256(), np.empty(min(CHUNK, tensor.size), np.uint8)
    for at in range(0, tensor.size, CHUNK):
        part = room[: min(CHUNK, tensor.size - at)]
        _read(file, tensor.start + at, part)
        digest.update(part.data)
        if into is not None:
            _put(into, part.data)
    return digest.hexdigest()


def _is_written(file: BinaryIO, tensor: Tensor, parts: Iterator[Part]) -> bool:
    at = tensor.start
    for part in parts:
        found = np.empty_like(part)
        _read(file, at, found)
        if not np.array_equal(found, part):
            return False
        at += part.size
    return at == tensor.start + tensor.size


def _read(file: BinaryIO, start: int, into: Part) -> None:
    """Fill an array with the bytes from there on."""
    view = into.reshape(-1).data  # of the same bytes: it is contiguous
    while len(view):
        count = os.preadv(file.fileno(), [view], start)
        if not count:
            raise FileError(f"{file.name} ends at byte {start:,}", fix="take a whole copy of the file")
        view, start = view[count:], start + count


class _Tables:
    """The tables as they are to be, a part of rows after the other."""

    def __init__(self, change: Rewrite) -> None:
        self.change = change
        self.names = {name: table for table in change.tables for name in table.names}
        self.made_of = Origins.of(change.plan, change.start)
        self.drawn: dict[str, list[Part]] = {}
        if change.start.way == "normal":
            self._draw()

    def sized(self, name: str, tensor: Tensor) -> Tensor:
        """What the header says of a tensor afterwards."""
        table = self.names.get(name)
        if table is None:
            return tensor
        rows, shape = len(self.change.origins(table)), list(tensor.shape)
        shape[table.tensor.dimension] = rows
        return replace(tensor, shape=tuple(shape), size=tensor.size // table.rows * rows)

    def parts(self, name: str) -> Iterator[Part]:
        """The bytes of a table, in the order of its file."""
        table = self.names[name]
        path, tensor = self.change.stored.place(name)
        origins = self.change.origins(table)
        with path.open("rb") as file:
            rows = StoredRows(file, tensor, table.tensor.dimension)
            started: Iterable[Part] = self._started(table, rows)
            if rows.blocks > 1:  # new rows are needed once a block
                started = list(started)
            for block in range(rows.blocks):
                new = (row[block] for part in started for row in part)
                for part in _cut(origins, rows.at_once):
                    yield rows.gathered(block, part, new)

    def _started(self, table: StoredTable, rows: StoredRows) -> Iterator[Part]:
        """The new rows (N, blocks, bytes of a row there) of a table, some at a time."""
        if table.name in self.drawn:
            yield from self.drawn[table.name]
            return
        trained = rows.first(self.change.plan.tokens_before)
        if rows.kind in INTEGERS:
            ids = np.array(self.made_of.first_pieces(trained.rows), np.int64)
            yield from map(trained.raw, _cut(ids, rows.at_once))
            return
        for part in self.made_of.started(trained):
            yield as_stored(part, rows.kind).view(np.uint8).reshape(len(part), rows.blocks, rows.bytes)

    def _draw(self) -> None:
        """The rows of all tables in turn: what is drawn for one follows what was drawn before."""
        import torch

        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.change.seed)
            for table in self.change.tables:
                path, tensor = self.change.stored.place(table.names[0])
                with path.open("rb") as file:
                    rows = StoredRows(file, tensor, table.tensor.dimension)
                    self.drawn[table.name] = list(self._started(table, rows))


@dataclass(frozen=True)
class StoredRows:
    """The rows of a tensor in an open file: one stretch of bytes a row, or one in each of several blocks.

    Blocks are what the dimensions before that of the tokens make: one, where the tokens come first.
    """

    file: BinaryIO
    tensor: Tensor
    dimension: int
    limit: int | None = None  # rows from there on are none

    @property
    def rows(self) -> int:
        """How many there are."""
        rows = self.tensor.shape[self.dimension]
        return rows if self.limit is None else min(rows, self.limit)

    @property
    def kind(self) -> str:
        """The type of its numbers, by safetensors' name."""
        return self.tensor.dtype

    @property
    def blocks(self) -> int:
        """How many stretches a row has."""
        return math.prod(self.tensor.shape[: self.dimension])

    @property
    def bytes(self) -> int:
        """The bytes of one stretch of a row."""
        return math.prod(self.tensor.shape[self.dimension + 1 :]) * _item_bytes(self.tensor)

    @property
    def at_once(self) -> int:
        """How many rows are held at a time."""
        return max(1, CHUNK // max(1, self.bytes * self.blocks))

    @property
    def shape(self) -> tuple[int, int]:
        """The rows, and the numbers in one."""
        return self.rows, self.blocks * self.bytes // _item_bytes(self.tensor)

    def first(self, rows: int) -> StoredRows:
        """The first rows of them."""
        return replace(self, limit=rows)

    def take(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """These rows (N, H)."""
        return as_numbers(self.raw(ids), self.kind).astype(np.float32, copy=False)

    def parts(self, rows: int) -> Iterator[NDArray[Any]]:
        """All rows, so many at a time; half precision as float32."""
        for ids in _cut(np.arange(self.rows), rows):
            yield as_numbers(self.raw(ids), self.kind)

    def raw(self, ids: NDArray[np.int64]) -> Part:
        """The bytes (N, blocks, bytes) of these rows."""
        found = np.empty((len(ids), self.blocks, self.bytes), np.uint8)
        for block in range(self.blocks):
            found[:, block] = self.gathered(block, ids, iter(()))
        return found

    def gathered(self, block: int, origins: NDArray[np.int64], new: Iterator[Part]) -> Part:
        """The bytes (N, bytes) of the old rows in a block; where STARTED stands, of the next new one."""
        made = np.empty((len(origins), self.bytes), np.uint8)
        begin = self.tensor.start + block * self.tensor.shape[self.dimension] * self.bytes
        for at in np.flatnonzero(origins == STARTED):
            made[at] = next(new)
        edges = np.flatnonzero(np.diff(origins, prepend=-9, append=-9) != 1)
        for start, stop in pairwise(edges.tolist()):
            if origins[start] != STARTED:
                _read(self.file, begin + int(origins[start]) * self.bytes, made[start:stop])
        return made


def _cut(ids: NDArray[np.int64], most: int) -> Iterator[NDArray[np.int64]]:
    for at in range(0, len(ids), most):
        yield ids[at : at + most]


def _item_bytes(tensor: Tensor) -> int:
    """The bytes of one number; 1 where several share one, or there are none."""
    return max(1, tensor.size // max(1, math.prod(tensor.shape)))


def as_numbers(raw: Part, kind: str) -> NDArray[Any]:
    """The numbers in each row of bytes; half precision as float32, which holds each of its numbers."""
    found = raw.reshape(len(raw), math.prod(raw.shape[1:])).view(KINDS[kind])
    if kind == "BF16":  # the upper half of a float32
        return (found.astype("<u4") << 16).view("<f4")
    return found.astype(np.float32) if kind == "F16" else found


def as_stored(rows: NDArray[np.float32], kind: str) -> NDArray[Any]:
    """Numbers as a file holds them; half precision is rounded to the nearest, and to even between two."""
    if kind != "BF16":
        with np.errstate(over="ignore"):
            return rows.astype(KINDS[kind])
    bits = np.ascontiguousarray(rows, "<f4").view("<u4")
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")
    return np.where(np.isnan(rows), np.uint16(0x7FC0), rounded)


def _write_index(stored: StoredModel, found: Mapping[str, Mapping[str, Tensor]], into: Path) -> None:
    """The index of several files, with the sizes that they have now."""
    path = stored.folder / INDEX
    if not path.exists() or (stored.folder / WEIGHTS).exists():
        return
    index = dict(read_object(path, limit=256 * MIB))
    held = {name: (file, each) for file, tensors in found.items() for name, each in tensors.items()}
    before = stored.tensors
    facts = dict(index.get("metadata") or {})
    facts["total_size"] = sum(each.size for _, each in held.values())
    if isinstance(facts.get("total_parameters"), int):
        more = (math.prod(each.shape) - math.prod(before[name].shape) for name, (_, each) in held.items())
        facts["total_parameters"] += sum(more)
    index |= {"metadata": facts, "weight_map": {name: held[name][0] for name in sorted(held)}}
    _write_json(into / INDEX, index)


def _write_configs(change: Rewrite, into: Path) -> None:
    """config.json with the new sizes and ids, and generation_config.json with the new ids."""
    places = change.stored.facts.growth.places
    sizes = {place: len(change.origins(table)) for table in change.tables for place in places[table.key]}
    for name, values in {CONFIG: sizes, GENERATION: {}}.items():
        path = change.stored.folder / name
        if path.exists():
            raw = read_object(path)
            made = with_values(raw, {**values, **change.edits.get(name, {})})
            if made == raw:
                (into / name).write_bytes(path.read_bytes())
            else:
                _write_json(into / name, made)


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
