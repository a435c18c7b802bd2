"""What the compiled models go by: tables of merges, tries of tokens."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, models

from tokbench.training.learner_words import byte_characters
from tokbench.training.lookup import layout as of
from tokbench.training.machine import Loop
from tokbench.training.wordids import NewWords, WordIds

FEWEST_BITS = 4


class Job:
    """The task of a compiled model: its numbers, and the arrays they are the addresses of."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.fields = np.zeros(of.MODEL_FIELDS, np.int64)
        self._arrays: dict[int, NDArray[Any]] = {}

    def point(self, field: int, array: NDArray[Any]) -> None:
        """Write the address of an array into the task, and keep the array."""
        self._arrays[field] = array
        self.fields[field] = array.ctypes.data

    def run(self, new: NewWords, ids: WordIds) -> NDArray[np.int64]:
        """Make the ids of these words; return which of them are left to the library."""
        ids.make_room(new.first + len(new.lengths), len(new.arena))
        later = np.zeros(len(new.lengths), np.int32)
        for field, array in (
            (of.ARENA, new.arena),
            (of.LENGTHS, new.lengths),
            (of.IDS, ids.pool),
            (of.ID_PLACES, ids.places),
            (of.LATER, later),
        ):
            self.fields[field] = array.ctypes.data
        self.fields[[of.COUNT, of.NUMBER, of.IDS_USED]] = len(new.lengths), new.first, ids.used
        self.fields[of.LATER_COUNT] = 0
        self._loop(self.fields.ctypes.data)
        ids.used = int(self.fields[of.IDS_USED])
        return later[: self.fields[of.LATER_COUNT]].astype(np.int64)


def byte_level_bpe(tokenizer: Tokenizer, lookup: Mapping[str, Loop]) -> Job | None:
    """BPE on bytes, or None where the model is another one, or has no token for some byte."""
    model, vocab = tokenizer.model, tokenizer.get_vocab(with_added_tokens=False)
    characters = byte_characters()
    if not isinstance(model, models.BPE) or model.dropout is not None or not vocab.keys() >= {*characters}:
        return None
    if model.continuing_subword_prefix or model.end_of_word_suffix:
        return None
    if sorted(vocab.values()) != list(range(len(vocab))):  # the library cannot write such a model as JSON
        return None
    job = Job(lookup["merge"])
    job.point(of.BYTE_IDS, np.array([vocab[each] for each in characters], np.int32))
    job.point(of.RANKS, np.zeros(of.LONGEST, np.int64))
    merges = (each if isinstance(each, list) else each.split(" ") for each in _merges(model))
    _enter(job, lookup["enter"], [vocab[each] for a, b in merges for each in (a, b, a + b)])
    if model.ignore_merges:
        job.fields[of.WHOLE] = 1
        bytes_of = {character: byte for byte, character in enumerate(characters)}
        spelled = ((token, token_id) for token, token_id in vocab.items() if bytes_of.keys() >= {*token})
        _plant(job, lookup["plant"], ((bytes(map(bytes_of.__getitem__, token)), at) for token, at in spelled))
    return job


def word_piece(tokenizer: Tokenizer, lookup: Mapping[str, Loop]) -> Job | None:
    """WordPiece, or None where the model is another one."""
    model, vocab = tokenizer.model, tokenizer.get_vocab(with_added_tokens=False)
    if not isinstance(model, models.WordPiece):
        return None
    job = Job(lookup["cut"])
    prefix = model.continuing_subword_prefix.encode()
    tokens = [(prefix, of.NO_TOKEN), *((token.encode(), token_id) for token, token_id in vocab.items())]
    _plant(job, lookup["plant"], tokens)
    job.fields[of.INNER_ROOT] = len(prefix)  # planted first: one node after the other
    job.fields[of.UNKNOWN] = vocab.get(model.unk_token, of.NO_TOKEN)
    job.fields[of.MOST_CHARACTERS] = min(model.max_input_chars_per_word, np.iinfo(np.int64).max)
    return job


def _merges(model: models.BPE) -> list[Any]:
    """The merges in order, each a list of two tokens or, as it used to be, both with a blank between."""
    found: list[Any] = json.loads(model.__getstate__())["merges"]
    return found


def _enter(job: Job, loop: Loop, merges: list[int]) -> None:
    """Make the table of these merges: left, right and result of one after the other."""
    count = len(merges) // 3
    bits = max(FEWEST_BITS, (2 * count).bit_length())
    job.point(of.PAIRS, np.full(2 << bits, of.EMPTY, np.int64))
    job.point(of.MERGES, np.array(merges, np.int32))
    job.fields[[of.PAIR_BITS, of.MERGE_COUNT]] = bits, count
    loop(job.fields.ctypes.data)


def _plant(job: Job, loop: Loop, tokens: Iterable[tuple[bytes, int]]) -> None:
    """Make the trie of these tokens."""
    utf8, ids = zip(*tokens, strict=True)
    size = sum(map(len, utf8))
    bits = max(FEWEST_BITS, (2 * size).bit_length())
    job.point(of.EDGES, np.full(2 << bits, of.EMPTY, np.int64))
    job.point(of.ACCEPTS, np.full(size + 1, of.NO_TOKEN, np.int32))
    job.point(of.TOKENS, np.frombuffer(b"".join(utf8) or b"\0", np.uint8))
    job.point(of.TOKEN_ENDS, np.cumsum([*map(len, utf8)], dtype=np.int32))
    job.point(of.TOKEN_IDS, np.array(ids, np.int32))
    job.fields[[of.EDGE_BITS, of.TOKEN_COUNT]] = bits, len(ids)
    loop(job.fields.ctypes.data)
