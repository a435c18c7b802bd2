"""The worker of library.py: a process that trains with the tokenizers library and may be killed at any time.

Run as a file and never imported by the house, so it knows only the standard library and tokenizers. It reads
frames on stdin (eight bytes of length, then JSON: first the request, then batches of texts; an empty frame
ends them) and answers on stdout: "+" and the result, or "-" and the name and words of what was raised.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

from tokenizers import Tokenizer, trainers

LENGTH = struct.Struct(">Q")


def end_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies; elsewhere only the reading stage notices."""
    if sys.platform == "linux":
        import ctypes

        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def frames(source: BinaryIO) -> Iterator[Any]:
    """Every frame up to the empty one; when the source ends before that, so does this process."""
    while True:
        head = source.read(LENGTH.size)
        size = LENGTH.unpack(head)[0] if len(head) == LENGTH.size else -1
        if size == 0:
            return
        body = source.read(size) if size > 0 else b""
        if len(body) != size:
            os._exit(1)  # the parent is gone; raising here, inside the library's thread, would abort noisily
        yield json.loads(body)


def work(request: dict[str, str], batches: Iterator[list[str]]) -> bytes:
    """Train as asked; return the tokenizer as JSON, or the trainer's state, which holds its word counts."""
    tokenizer = Tokenizer.from_str(request["tokenizer"])
    trainer = getattr(trainers, request["trainer"])()
    trainer.__setstate__(request["state"].encode())
    tokenizer.train_from_iterator(batches, trainer)
    if request["answer"] == "state":
        state: bytes = trainer.__getstate__()
        return state
    return tokenizer.to_str().encode()


def answer_request() -> None:
    """Answer one request. What escapes is told by the hook: a Rust panic is no Exception to catch by name."""
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the library prints there
    end_with_parent()

    def tell(kind: type[BaseException], error: BaseException, _: object) -> None:
        with answer:
            answer.write(b"-" + json.dumps([kind.__name__, str(error)]).encode())

    sys.excepthook = tell
    told = frames(sys.stdin.buffer)
    result = work(next(told), told)
    with answer:
        answer.write(b"+")
        answer.write(result)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    answer_request()
