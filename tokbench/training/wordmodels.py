"""What makes ids of new words: byte-level BPE and WordPiece compiled, all else by the library's own model."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from tokbench.training.learner_words import byte_characters
from tokbench.training.machine import Loop
from tokbench.training.pipelines import Split
from tokbench.training.wordids import NewWords, WordIds
from tokbench.training.wordjobs import byte_level_bpe, word_piece

AT_ONCE = 4096  # words in one call of the library


class WordModel:
    """Makes ids of words, each of them as if it stood alone."""

    def __init__(self, tokenizer: Tokenizer, split: Split, lookup: Mapping[str, Loop]) -> None:
        self._split = split
        self._library = Tokenizer(tokenizer.model)
        self._characters = byte_characters()
        make = byte_level_bpe if split.bytewise else word_piece
        self._job = make(tokenizer, lookup) if split.blank == " " else None

    def add(self, new: NewWords, ids: WordIds) -> None:
        """Make the ids of these words."""
        if not len(new.lengths):
            return
        later = np.arange(len(new.lengths)) if self._job is None else self._job.run(new, ids)
        self._ask(new, later, ids)

    def _ask(self, new: NewWords, which: NDArray[np.int64], ids: WordIds) -> None:
        """Make the ids of some of these words by the library's model."""
        ends = np.cumsum(new.lengths, dtype=np.int64)
        for start in range(0, len(which), AT_ONCE):
            part = which[start : start + AT_ONCE]
            words = [
                self._spelled(new.arena[begin:end].tobytes())
                for begin, end in zip((ends - new.lengths)[part].tolist(), ends[part].tolist(), strict=True)
            ]
            [found] = self._library.encode_batch([words], is_pretokenized=True, add_special_tokens=False)
            counts = np.bincount(np.array(found.word_ids, np.int64), minlength=len(words))
            ids.put(new.first + part, np.array(found.ids, np.int32), counts)

    def _spelled(self, word: bytes) -> str:
        """A word as the library spells it."""
        if self._split.bytewise:
            return "".join([self._characters[byte] for byte in word])
        return word.decode().replace(" ", self._split.blank)
