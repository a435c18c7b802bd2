"""The compiled form of a corpus's sieve: lines that are not blank, out of a block of plain text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tokbench.corpus.cutting import LIMIT
from tokbench.corpus.lines import Sieve, Sieved
from tokbench.progress import Progress, silent
from tokbench.training.kernels import layout as at
from tokbench.training.machine import loops

NUL, CR = 0, ord("\r")


def compiled_sieve(*, progress: Progress = silent) -> Sieve:
    """What takes blank lines out of blocks, some ten times as fast as Python; not to be shared by threads."""
    loop = loops(progress=progress)["sieve"]
    job = np.zeros(at.FIELDS, np.int64)
    job[at.MOST] = LIMIT
    text, out = _room(0), _room(0)

    def sieve(block: bytes) -> Sieved | None:
        nonlocal text, out
        if NUL in block or CR in block:
            return None
        size = len(block)
        if len(text) < size + at.PADDING:
            text, out = _room(size), _room(size)
            job[at.TEXT], job[at.OUT] = text.ctypes.data, out.ctypes.data
        text[:size] = np.frombuffer(block, np.uint8)
        text[size : size + at.PADDING] = 0
        job[at.END] = size
        if loop(job.ctypes.data):
            return None
        texts, blank = int(job[at.TEXTS]), int(job[at.BLANKS])
        return Sieved(out[: job[at.WRITTEN]].tobytes() if blank else block, texts, blank)

    return sieve


def _room(size: int) -> NDArray[np.uint8]:
    """Bytes for a block of this size and its padding."""
    return np.zeros(size + size // 4 + at.PADDING, np.uint8)
