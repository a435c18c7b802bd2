"""Texts → ids, all at once: flat arrays with a start per row, nothing padded yet."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

from tokbench.encoding.encode_texts import encode_batches, served_encoding
from tokbench.errors import ChecksFailedError, DataError, plural
from tokbench.finetuning.data.tagging import Tagged
from tokbench.finetuning.data.token_cache import RowIds, cached_rows, joined_rows, of_encodings, replaced
from tokbench.io.library_errors import wrap_library_errors
from tokbench.native.ragged import Ids, Ragged, starts_of
from tokbench.progress import Progress, silent
from tokbench.training.engine import DIFFERENT, ENCODING_ROWS, choose_engine

if TYPE_CHECKING:
    from tokbench.finetuning.data.rows import Rows
    from tokbench.finetuning.tag_scheme import TagScheme
    from tokbench.finetuning.tasks import Task

UNLABELLED = -100  # what torch's cross entropy leaves out
BETWEEN = -1  # stands after each sentence where several are one array
NO_PIECE = -1


@dataclass(frozen=True)
class Units:
    """The units of all rows, flat; row i has those from starts[i] to starts[i + 1]."""

    piece: Ids  # the place of each unit's piece among all pieces; -1: cut off, or nothing is left of it
    goes_on: NDArray[np.bool_]  # whether the unit shares its piece with the unit before
    labels: Ids
    starts: Ids

    def first(self, count: int) -> Units:
        """The units of the first rows alone."""
        end = self.starts[count]
        return Units(self.piece[:end], self.goes_on[:end], self.labels[:end], self.starts[: count + 1])

    @property
    def lost(self) -> int:
        """Units without a piece."""
        return int((self.piece == NO_PIECE).sum())

    def truth(self) -> Ids:
        """Their labels, -1 after each row."""
        return self._separated(self.labels)

    def answers(self, of_pieces: Ids, task: Task) -> Ids:
        """What was said of each unit's piece, -1 after each row; a unit without a piece counts as outside."""
        outside = task.labels.index(task.outside)
        said = np.where(self.piece == NO_PIECE, outside, of_pieces[self.piece])
        return self._separated(np.where(self.goes_on, going_on(task.labels, task.scheme)[said], said))

    def _separated(self, values: Ids) -> Ids:
        return np.insert(values, self.starts[1:], BETWEEN)


def going_on(labels: tuple[str, ...], scheme: TagScheme | None) -> Ids:
    """For each label the one that continues it: I-X for B-X, any other itself.

    >>> from tokbench.finetuning.tag_scheme import TagScheme
    >>> going_on(("O", "B-PER", "I-PER"), TagScheme()).tolist()
    [0, 2, 2]
    """
    inside = [scheme.continued(label) if scheme else label for label in labels]
    return np.array([labels.index(each) if each in labels else at for at, each in enumerate(inside)])


def layout(units: Sequence[str], *, characters: bool) -> tuple[Ids, list[int]]:
    """For each character of the sentence's text its unit (-1: none), and the units that count.

    Spaces that are units do not count: whether a name goes on over one is said by what follows.
    """
    kept = [index for index, unit in enumerate(units) if not unit.isspace()]
    counted = dict(zip(kept, range(len(kept)), strict=True))
    owner: list[int] = []
    for index, unit in enumerate(units):
        if owner and not characters:
            owner.append(-1)
        owner += [counted.get(index, -1)] * len(unit)
    return np.array(owner, np.int64), kept


def pieces_of_units(offsets: Sequence[tuple[int, int]], owner: Ids, count: int) -> tuple[Ids, list[int]]:
    """For each unit the first piece that holds some of it, and for each piece its first unit (-1: none)."""
    piece = np.full(count, NO_PIECE)
    first = []
    for place, (start, end) in enumerate(offsets):
        inside = [unit for unit in dict.fromkeys(owner[start:end].tolist()) if unit >= 0]
        first.append(inside[0] if inside else -1)
        for unit in inside:
            if piece[unit] == NO_PIECE:
                piece[unit] = place
    return piece, first


def labels_of_pieces(piece: Ids, first: Sequence[int], truth: Ids, later: Ids | None) -> Ids:
    """A label for each piece: that of the first unit it speaks for, else -100.

    `later`, when given, maps a label to the one that continues it: a unit's further pieces get that.
    """
    labels = np.full(len(first), UNLABELLED)
    for place, unit in enumerate(first):
        if unit < 0:
            continue
        if piece[unit] == place:
            labels[place] = truth[unit]
        elif later is not None:
            labels[place] = later[truth[unit]]
    return labels


def counted_labels(rows: Tagged, row: int, kept: Sequence[int]) -> Ids:
    """The labels of the units that count."""
    return np.array(rows.labels[row], np.int64)[list(kept)] if kept else np.empty(0, np.int64)


CHUNK = 8_192  # rows that the library is given at a time
ADDS_NOTHING = ("ByteLevel",)  # it moves offsets only
TEXTS = {"A": 0, "B": 1}


@dataclass(frozen=True)
class Slot:
    """One place of a row: a special token's id, or a text by its number; and its type id."""

    special: int | None
    text: int | None
    type_id: int


PLAIN_PAIR = (Slot(None, 0, 0), Slot(None, 1, 1))  # the library's own, where nothing is added


@dataclass(frozen=True)
class Template:
    """The slots of a row of two texts, each text in it once."""

    slots: tuple[Slot, ...]

    def fill(self, texts: Sequence[Ragged]) -> RowIds:
        """Rows of these first and second texts, which have no special tokens yet; none is cut."""
        special = [0 if each.special is None else each.special for each in self.slots]
        widths = np.ones((len(texts[0]), len(self.slots)), np.int64)
        for number, slot in enumerate(self.slots):
            if slot.text is not None:
                widths[:, number] = texts[slot.text].lengths
        whose = np.repeat(np.tile(np.arange(len(self.slots), dtype=np.uint8), len(widths)), widths.ravel())
        ids: Ids = np.array(special, np.int64)[whose]
        for number, slot in enumerate(self.slots):
            if slot.text is not None:
                ids[whose == number] = texts[slot.text].ids
        types = np.array([each.type_id for each in self.slots], np.int64)
        return RowIds(ids, starts_of(widths.sum(axis=1)), types[whose] if types.any() else None, 0)


def pair_template(tokenizer: Tokenizer) -> Template | None:
    """How the post_processor joins two texts; None for one that is not known to join them always alike."""
    found = [slots for slots in map(_slots, _steps(tokenizer)) if slots != ()]
    if not found:
        return Template(PLAIN_PAIR)
    slots = found[0]
    if len(found) > 1 or slots is None or len(slots) > np.iinfo(np.uint8).max:
        return None
    texts = sorted(each.text for each in slots if each.text is not None)
    return Template(slots) if texts == [0, 1] else None


def _steps(tokenizer: Tokenizer) -> Iterator[dict[str, Any]]:
    """The JSON of each post_processor, whatever sequences they are in."""
    steps = [] if tokenizer.post_processor is None else [json.loads(tokenizer.post_processor.__getstate__())]
    while steps:
        step = steps.pop(0)
        if step["type"] == "Sequence":
            steps = step["processors"] + steps
        else:
            yield step


def _slots(step: dict[str, Any]) -> tuple[Slot, ...] | None:
    """What one post_processor makes of a pair: () where it adds nothing, None where nobody knows."""
    kind = step["type"]
    if kind in ADDS_NOTHING:
        return ()
    if kind == "TemplateProcessing":
        return tuple(slot for piece in step["pair"] for slot in _of_piece(piece, step["special_tokens"]))
    if kind not in ("BertProcessing", "RobertaProcessing"):
        return None
    first, last = Slot(step["cls"][1], None, 0), Slot(step["sep"][1], None, 0)
    if kind == "RobertaProcessing":
        return (first, Slot(None, 0, 0), last, last, Slot(None, 1, 0), last)
    return (first, Slot(None, 0, 0), last, Slot(None, 1, 1), Slot(last.special, None, 1))


def _of_piece(piece: dict[str, Any], special: dict[str, Any]) -> Iterator[Slot]:
    """The slots of one piece of a template; a special token may be several ids."""
    if "Sequence" in piece:
        yield Slot(None, TEXTS[piece["Sequence"]["id"]], piece["Sequence"]["type_id"])
        return
    found = piece["SpecialToken"]
    for number in special[found["id"]]["ids"]:
        yield Slot(number, None, found["type_id"])


PROBED = 64  # rows that the library encodes as well, before the others are believed
Read = Callable[[list[Any]], list[Any]]


def in_bulk(
    backend: Tokenizer, rows: Rows, max_length: int, read: Read, *, said: list[str] | None = None
) -> RowIds | None:
    """The ids of all rows; None where the library has to make them.

    `read` is the library, set to cut. It encodes the rows that are too long, and a sample of the others:
    one that differs leaves all rows to the library, and `said` gets a sentence on that.
    """
    said = [] if said is None else said
    if rows.pairs is None:
        whole = _texts(backend, rows.texts, said)
    else:
        whole = _pairs(backend, rows.texts, rows.pairs, said)
    if whole is None:
        return None
    long = whole.lengths > max_length
    if not _alike(whole, rows, np.flatnonzero(~long), read):
        said.append(f"{DIFFERENT} some of the rows")
        return None
    return replaced(whole, long, of_encodings(read(inputs(rows, np.flatnonzero(long)))))


def inputs(rows: Rows, numbers: Ids | range) -> list[Any]:
    """These rows as the library takes them: texts, or pairs of texts."""
    if rows.pairs is None:
        return [rows.texts[number] for number in numbers]
    return [(rows.texts[number], rows.pairs[number]) for number in numbers]


def _texts(backend: Tokenizer, texts: list[str], said: list[str]) -> RowIds | None:
    """Rows of one text each with their special tokens, none of them cut."""
    found = _encoded(backend, [texts], said, special=True)
    return None if found is None else RowIds(found.ids, found.starts, None, 0)


def _pairs(backend: Tokenizer, firsts: list[str], seconds: list[str], said: list[str]) -> RowIds | None:
    """Rows of two texts each with their special tokens, none of them cut.

    The library, too, encodes each text for itself, and only then puts the special tokens around them.
    """
    template = pair_template(backend)
    both = None if template is None else _encoded(backend, [firsts, seconds], said, special=False)
    if template is None or both is None:
        return None
    half = len(firsts)
    place = both.starts[half]
    first = Ragged(both.ids[:place], both.starts[: half + 1])
    return template.fill((first, Ragged(both.ids[place:], both.starts[half:] - place)))


def _encoded(
    backend: Tokenizer, batches: list[list[str]], said: list[str], *, special: bool
) -> Ragged | None:
    """The texts of these batches one after the other; None where the compiled loops do not serve them."""
    characters = sum(sum(map(len, batch)) for batch in batches)
    served = partial(served_encoding, backend, special=special)
    if not batches[0] or not choose_engine(ENCODING_ROWS, size=characters, served=served).compiled:
        return None
    found = encode_batches(backend, batches, special=special, engine="compiled")
    said += [found.choice.why] if found.choice.fell_back else []
    return Ragged(found.ids.astype(np.int64), found.starts)


def _alike(whole: RowIds, rows: Rows, numbers: NDArray[np.int64], read: Read) -> bool:
    """Whether the library makes the same of a sample of these rows: some from all over, and the longest."""
    if not len(numbers):
        return True
    probes = numbers[np.linspace(0, len(numbers) - 1, min(PROBED, len(numbers)), dtype=np.int64)]
    probes = np.append(probes, numbers[whole.lengths[numbers].argmax()])
    types = whole.segments
    for number, known in zip(probes, read(inputs(rows, probes)), strict=True):
        if whole[number].tolist() != known.ids or types[number].tolist() != known.type_ids:
            return False
    return True


@dataclass(frozen=True, eq=False)
class EncodedRows(Ragged):
    """The ids of labelled rows; labels are class ids or scores, one a row, or 0 and 1 (rows, labels).

    Where words are tagged, `units` says which piece speaks for which, and labels stand one a piece. note: why
    the library encoded rows for which the compiled loops gave something else, "" when they did not.
    """

    type_ids: Ids
    labels: NDArray[Any]
    truncated: int  # rows that were cut
    units: Units | None = None
    note: str = ""

    def first(self, count: int) -> EncodedRows:
        """The first rows alone."""
        starts = self.starts[: count + 1]
        end = starts[-1]
        labels = self.labels[: count if self.units is None else end]
        units = None if self.units is None else self.units.first(count)
        return EncodedRows(self.ids[:end], starts, self.type_ids[:end], labels, self.truncated, units)


def tokenize_rows(
    tokenizer: PreTrainedTokenizerBase,
    rows: Rows | Tagged,
    *,
    max_length: int,
    task: Task,
    cache: bool = False,
    progress: Progress = silent,
) -> EncodedRows:
    """The ids of all rows with their special tokens, cut to `max_length` as the tokenizer itself cuts.

    With `cache` those of many rows come from the token cache. Rows with tagged words are encoded each time.
    """
    if isinstance(rows, Tagged):
        return _encode_tagged(tokenizer, rows, max_length=max_length, task=task, progress=progress)
    read = _reader(tokenizer, max_length)
    backend, said = tokenizer.backend_tokenizer, list[str]()

    def make() -> RowIds:
        found = in_bulk(backend, rows, max_length, read, said=said)
        return _by_library(read, rows, progress) if found is None else found

    found = cached_rows(backend, rows, max_length, make) if cache else make()
    progress("tokenize", len(rows), len(rows))
    _none_empty(found.lengths, rows, tokenizer.name_or_path)
    labels = _label_array(rows, task)
    return EncodedRows(
        found.ids, found.starts, found.segments.ids, labels, found.truncated, note="; ".join(said)
    )


def _label_array(rows: Rows, task: Task) -> NDArray[Any]:
    """Class ids or scores (rows,); where a row has several labels, 0 or 1 for each: (rows, labels)."""
    if not task.multi_label:
        return np.array(rows.labels, np.float32 if task.regression else np.int64)
    found = np.zeros((len(rows), len(task.labels)), np.float32)
    for row, each in zip(found, rows.labels, strict=True):
        row[list(each) if isinstance(each, tuple) else []] = 1
    return found


def _by_library(read: Read, rows: Rows, progress: Progress) -> RowIds:
    """The ids of all rows, made by the library."""
    parts = []
    for start in range(0, len(rows), CHUNK):
        parts.append(of_encodings(read(inputs(rows, range(start, min(start + CHUNK, len(rows)))))))
        progress("tokenize", start, len(rows))
    return joined_rows(parts)


def _encode_tagged(
    tokenizer: PreTrainedTokenizerBase, rows: Tagged, *, max_length: int, task: Task, progress: Progress
) -> EncodedRows:
    """Each sentence as one text, as a model was trained on texts; units are found again by their place."""
    read = _reader(tokenizer, max_length, offsets=True)
    later = going_on(task.labels, task.scheme) if task.all_pieces else None
    texts = rows.texts
    ids, types, labels, speaks, truths, cut, before = [], [], [], [], [], 0, 0
    for start in range(0, len(texts), CHUNK):
        for row, found in enumerate(read(texts[start : start + CHUNK]), start):
            owner, kept = layout(rows.units[row], characters=rows.characters)
            piece, first = pieces_of_units(found.offsets, owner, len(kept))
            truth = counted_labels(rows, row, kept)
            labels.append(labels_of_pieces(piece, first, truth, later))
            speaks.append(np.where(piece == NO_PIECE, NO_PIECE, piece + before))
            truths.append(truth)
            ids.append(np.array(found.ids, np.int64))
            types.append(np.array(found.type_ids, np.int64))
            cut += bool(found.overflowing)
            before += len(found.ids)
        progress("tokenize", len(ids), len(texts))
    starts = starts_of([*map(len, ids)])
    _none_empty(np.diff(starts), rows, tokenizer.name_or_path)
    piece = np.concatenate(speaks)
    goes_on = np.diff(piece, prepend=NO_PIECE) == 0
    units = Units(
        piece, goes_on & (piece != NO_PIECE), np.concatenate(truths), starts_of([*map(len, truths)])
    )
    return EncodedRows(np.concatenate(ids), starts, np.concatenate(types), np.concatenate(labels), cut, units)


def in_row_order(computed: NDArray[np.float32], order: Ids, encoded: EncodedRows) -> NDArray[np.float32]:
    """What was computed row after row in `order`, in the rows' own order; pieces where words are tagged."""
    result = np.empty_like(computed)
    places = order
    if encoded.units is not None:
        ends = encoded.starts[1:]
        places = np.concatenate([np.arange(encoded.starts[row], ends[row]) for row in order])
    result[places] = computed
    return result


def _reader(tokenizer: PreTrainedTokenizerBase, max_length: int, *, offsets: bool = False) -> Read:
    """The wrapper's own backend, set as the wrapper sets it when it is called with truncation."""
    backend = tokenizer.backend_tokenizer
    backend.no_padding()
    backend.enable_truncation(max_length, direction=tokenizer.truncation_side)
    backend.encode_special_tokens = tokenizer.split_special_tokens
    # without a post_processor the fast encoder gives both texts of a pair to the same segment
    slowly = offsets or backend.post_processor is None

    def read(texts: list[Any]) -> list[Any]:
        with wrap_library_errors(f"the tokenizer in {tokenizer.name_or_path}"):
            return list(backend.encode_batch(texts) if slowly else backend.encode_batch_fast(texts))

    return read


def _none_empty(lengths: Ids, rows: Rows | Tagged, tokenizer: str) -> None:
    empty = np.flatnonzero(lengths == 0)
    if len(empty):
        text = rows.texts[empty[0]]
        raise DataError(
            f"{plural(len(empty), 'row has', 'rows have')} "
            f"no token at all under this tokenizer, first: {text[:60]!r}",
            fix=f"see what the tokenizer cannot read: tokbench check {shlex.quote(tokenizer)}",
        )


@dataclass(frozen=True)
class Limits:
    """What a model's embeddings can take: token rows, type rows (None: no such embedding), positions."""

    rows: int
    types: int | None
    positions: int | None


def must_fit(encoded: EncodedRows, limits: Limits, tokenizer: PreTrainedTokenizerBase, model: str) -> None:
    """Nothing, or an error that names the id a model has no row for; on a GPU it would be a device assert.

    `model` is the folder's name.
    """
    highest = int(encoded.ids.max())
    if highest >= limits.rows:
        token, source = tokenizer.convert_ids_to_tokens(highest), shlex.quote(str(tokenizer.name_or_path))
        raise ChecksFailedError(
            f"{token!r} is id {highest}, and the model has rows for ids below {limits.rows} only",
            fix=f"grow the model to it: tokbench resize {shlex.quote(model)} --tokenizer {source} -o grown",
        )
    if limits.types is not None and int(encoded.type_ids.max()) >= limits.types:
        raise ChecksFailedError(
            f"the tokenizer numbers its segments up to {encoded.type_ids.max()}, and the model knows"
            f" {limits.types}",
            fix="take token_type_ids out of model_input_names in tokenizer_config.json",
        )


def seen_ids(encoded: EncodedRows, size: int) -> NDArray[np.bool_]:
    """For each of `size` ids, whether it occurs."""
    seen = np.zeros(size, np.bool_)
    seen[encoded.ids] = True
    return seen
