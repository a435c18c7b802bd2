"""Run the app; turn errors into words and exit codes.

0 fine · 1 the answer is no · 2 asked wrongly · 3 our bug · 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence

from tokbench.errors import FileError, ResourceError, TokbenchError, UsageError
from tokbench.escapes import safe_json
from tokbench.reporting.destination import tell

TYPE_CHECKING = False  # not typing's, whose import takes longer than `tokbench --help`
if TYPE_CHECKING:
    from typing import Any, NoReturn, TextIO

READERS = ("tokbench.formats.recognize", "tokbench.corpus.reading")  # they note what they read as what
OUR_BUG = 3
STOPPED = 130
UNUSABLE = (errno.ENAMETOOLONG, errno.ELOOP, errno.EIO, errno.ENXIO)  # of a name, or of what is read there
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_TEMPORARY = "No usable temporary directory"  # as Python's tempfile says it, of TMPDIR, /tmp and others
SECONDS_FOR_THE_FIRST = 15.0  # on a busy machine it may come to the same error that much later


def main(words: Sequence[str] | None = None) -> int:
    """Carry out one command line and give its exit code; the only place that catches everything."""
    words = list(sys.argv[1:] if words is None else words)
    _prepare_streams()
    # torch reads it once, when it is imported: its idle threads then sleep instead of spinning, which
    # is worth four to six times on two busy cores
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Typer reads options through pydantic, whose plugins would be looked for among all that is installed
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    for name in READERS:
        if reader := sys.modules.get(name):
            reader.NOTES.clear()  # what this process read before it was given this command
    before = _end_by_sigterm_as_by_ctrl_c()
    try:
        return _told(_run(words))
    except KeyboardInterrupt:
        return _told(STOPPED)
    except BaseException as error:  # a panic of the Rust library is no Exception
        return _ended(error, words)
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def _say_notes(words: list[str]) -> None:
    """What was read in another format, and the trouble with the user's cache; once, unless it is quiet."""
    cache, *readers = (sys.modules.get(name) for name in ("tokbench.io.cache", *READERS))
    notes = [each for each in (*(each and each.NOTES for each in readers), cache and cache.TROUBLES) if each]
    if notes and _leads() and not {"-q", "--quiet"} & set(words):
        for said in (said for each in notes for said in each.values()):
            tell(f"Note:  {said}")
    for each in notes:
        each.clear()


def _end_by_sigterm_as_by_ctrl_c() -> Any:  # noqa: ANN401
    """Let SIGTERM clean up, too; the handler there was, or None where it is not ours to set."""
    if threading.current_thread() is not threading.main_thread():
        return None
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return None
    return signal.signal(signal.SIGTERM, signal.default_int_handler)


def _ended(error: BaseException, words: list[str]) -> int:
    """The exit code of a command that ended in this error, which is said."""
    if isinstance(error, BrokenPipeError):  # the reader has enough and left, as head does
        _write_no_more()
        return 0
    if _debugging() or isinstance(error, SystemExit | GeneratorExit):
        raise error
    told = error if isinstance(error, TokbenchError) else _foreseen(error, words)
    if told is None and _was_stopped(error):
        return _told(STOPPED)
    if told is None:
        _say(_bug(error), "run it again with TOKBENCH_DEBUG=1 and send us the traceback", words)
        return OUR_BUG
    if told.exit_code != STOPPED or _leads():
        _say(told.message, told.fix, words)
    return told.exit_code


def _was_stopped(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error: what came while a library was imported, it may tell as its own."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _foreseen(error: BaseException, words: list[str]) -> TokbenchError | None:
    """The error in words of what any command may meet: a full disk, a name that a library does not take."""
    if isinstance(error, OSError):
        return _refused_by_the_system(error)
    if isinstance(error, RuntimeError) and str(error).startswith("Symlink loop"):  # pathlib's word for ELOOP
        return FileError(f"a name cannot be used: {error}", fix=f"ls -l {str(error).partition(' from ')[2]}")
    if isinstance(error, UnicodeEncodeError):
        for word in words:
            if word != word.encode(errors="replace").decode():
                return UsageError(
                    f"{word} is not a UTF-8 name, and this command cannot use one", fix="rename it"
                )
    return None


def _refused_by_the_system(error: OSError) -> ResourceError | FileError | None:
    """What the system would not do, in words: no room on the disk, no temporary file, a name of its own."""
    if error.errno in FULL:
        if error.filename is None:  # stdout, most often
            _write_no_more()
        what = "what was to be shown" if error.filename is None else error.filename
        return ResourceError(
            f"the disk is full: {what} was not written whole", fix="make room, or write to another disk"
        )
    if str(error.strerror).startswith(NO_TEMPORARY):
        return ResourceError(
            f"temporary files cannot be written: {error.strerror}",
            fix="make room in one of these, or set TMPDIR to a folder that can be written",
        )
    if error.errno in UNUSABLE:
        name = error.filename or "a file"
        return FileError(
            f"{name} cannot be used: {error.strerror}", fix="check the names on the command line"
        )
    return None


def _write_no_more() -> None:
    from tokbench.cli.output import write_no_more

    write_no_more()


def _run(words: list[str]) -> int:
    if sys.platform == "win32":  # files are locked by fcntl
        raise UsageError("tokbench runs on Linux and macOS only", fix="on Windows, run it in WSL")
    if sys.stdout is None:
        raise UsageError("stdout is closed, and results go there", fix="leave >&- out, or write > /dev/null")
    if words in (["-h"], ["--help"], ["--version"]):  # at once: Typer's import takes longer than the answer
        return _answer(words[0])
    from tokbench.cli.app import app
    from tokbench.cli.usage import Fault, in_our_words

    try:
        code = app(words, prog_name="tokbench", standalone_mode=False)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except Fault as fault:
        if type(fault).__name__ != "NoArgsIsHelpError":
            raise in_our_words(fault, words) from fault
        tell(str(fault))  # the help page, for no words at all
        code = UsageError.exit_code
    sys.stdout.flush()
    _say_notes(words)
    return code if isinstance(code, int) else 0


def _leads() -> bool:
    from tokbench.progress import leading  # not for help, which has nothing to report

    return leading()


def _told(code: int) -> int:
    if code == STOPPED and _leads():
        tell("Stopped; nothing was written.")
    return code


def _answer(word: str) -> int:
    from tokbench import __version__
    from tokbench.cli.commands import page

    print(f"tokbench {__version__}" if word == "--version" else page(), flush=True)  # noqa: T201
    return 0


def _bug(error: BaseException) -> str:
    words = " ".join(str(error).split()) or "no message"
    return f"tokbench broke, which is our bug: {type(error).__name__}: {words[:300]}"


def _debugging() -> bool:
    return os.environ.get("TOKBENCH_DEBUG", "") not in ("", "0")


def _say(message: str, fix: str, words: list[str]) -> None:
    if not _leads():  # what is wrong for all is said once: the first has time to, and the launcher ends us
        time.sleep(SECONDS_FOR_THE_FIRST)
        message = f"process {os.environ['RANK']} of the run: {message}"
    if "--json" in words:
        import json

        line = json.dumps({"schema": "tokbench/error/1", "error": message, "hint": fix}, ensure_ascii=False)
        tell(safe_json(line))
        return
    tell(f"Error: {message}")
    if fix:
        tell(f"Hint:  {fix}")


def _prepare_streams() -> None:
    """Streams that are there, write whole, and show escapes on a terminal without UTF-8.

    A stream that was closed would be missed by libraries, and its number taken by the next file. Unbuffered
    ones (python -u) may write a part and not say so.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            _fill(number)
            if name != "stdout":
                setattr(sys, name, os.fdopen(number, "w" if name == "stderr" else "r", closefd=False))
        elif name != "stdin" and stream is getattr(sys, f"__{name}__") and _is_raw(stream):
            whole = open(number, "wb", closefd=False)  # noqa: SIM115  a number is no path
            setattr(sys, name, io.TextIOWrapper(whole, "utf-8", "backslashreplace", line_buffering=True))
        elif name != "stdin" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _is_raw(stream: TextIO) -> bool:
    return isinstance(getattr(stream, "buffer", None), io.RawIOBase)


def _fill(number: int) -> None:
    """Nothing behind a file descriptor that was closed, before a file of ours takes its number."""
    try:
        os.fstat(number)
    except OSError:
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != number:
            os.dup2(nowhere, number)
            os.close(nowhere)


def run_program() -> NoReturn:
    """The program: main, and its exit code.

    Who pressed Ctrl-C does not wait while Python takes down torch, thread by thread: all that had to be
    closed is closed, and the system takes the rest.
    """
    code = main()
    if code == STOPPED:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    run_program()
