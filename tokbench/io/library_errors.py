"""The tokenizers library's bare errors and panics become errors that say where and what helps."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tokenizers import Tokenizer

from tokbench.errors import FileError, TokbenchError, UsageError
from tokbench.escapes import safe_lines

REMEDY = "save it again with tokenizers or transformers, or take a whole copy of it"


def parse_tokenizer(text: str | bytes, *, name: str) -> Tokenizer:
    """The tokenizer written in the JSON `text`; `name` is what an error calls it."""
    with wrap_library_errors(name, also=(ValueError,)):  # what from_buffer raises
        return Tokenizer.from_str(text) if isinstance(text, str) else Tokenizer.from_buffer(text)


@contextmanager
def wrap_library_errors(
    name: str, *, fix: str = REMEDY, also: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Turn whatever the library throws inside into a FileError about `name`, without its panic text."""

    def file_error(error: BaseException) -> FileError:
        return FileError(f"{name} is not a tokenizer the library can use: {_short(error)}", fix=fix)

    with library_errors_as(file_error, also=also):
        yield


@contextmanager
def library_errors_as(
    ours: Callable[[BaseException], TokbenchError], *, also: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Raise the error that `ours` makes of the library's, and of exceptions of the classes `also`."""
    with _held_stderr() as forget:
        try:
            yield
        except TokbenchError:
            raise
        except BaseException as error:
            if not (is_of_the_library(error) or isinstance(error, also)):
                raise
            forget()
            raise ours(error) from error


def cannot_encode(name: str, error: BaseException) -> UsageError:
    """The error for a text on which the library failed, or panicked: a pattern that runs away, no [UNK]."""
    return UsageError(
        f"{name} cannot encode this text: {_short(error)}", fix=f"tokbench check {shlex.quote(name)}"
    )


def is_of_the_library(error: BaseException) -> bool:
    """Whether `error` is one of the Rust library's: a bare Exception, or a panic (which is no Exception).

    >>> is_of_the_library(Exception("invalid type: null")), is_of_the_library(ValueError("ours"))
    (True, False)
    """
    return type(error) is Exception or is_panic(error)


def is_panic(error: BaseException) -> bool:
    """Whether the Rust library broke, rather than refused."""
    return type(error).__name__ == "PanicException"


def _short(error: BaseException) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= 200 else words[:199] + "…"


@contextmanager
def _held_stderr() -> Iterator[Callable[[], None]]:
    """Hold back what is written to file descriptor 2; hand it on at the end unless it shall be forgotten.

    A panic writes its own report there before Python hears of it. What is handed on may quote tokens and
    texts, so it is escaped; no bar that draws itself anew may be held.
    """
    try:
        before = os.dup(2)
    except OSError:  # no stderr at all: nothing to hold back
        yield lambda: None
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield lambda: os.ftruncate(held.fileno(), 0)
        finally:
            os.dup2(before, 2)
            os.close(before)
            held.seek(0)
            _hand_on(held.read())


def _hand_on(text: bytes) -> None:
    if text:
        os.write(2, safe_lines(text.decode(errors="backslashreplace")).encode())
