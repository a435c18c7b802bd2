"""Run the app; turn errors into words and exit codes.

0 fine · 1 the answer is no · 2 asked wrongly · 3 our bug · 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

from tokbench.errors import TokbenchError, UsageError
from tokbench.progress import leading

OUR_BUG = 3
STOPPED = 130
SECONDS_FOR_THE_FIRST = 15.0  # on a busy machine it may come to the same error that much later


def main(words: Sequence[str] | None = None) -> int:
    """Carry out one command line and give its exit code; the only place that catches everything."""
    words = list(sys.argv[1:] if words is None else words)
    _print_any_character()
    # torch reads it once, when it is imported: its idle threads then sleep instead of spinning, which
    # is worth four to six times on two busy cores
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Typer reads options through pydantic, whose plugins would be looked for among all that is installed
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        return _told(_run(words))
    except BrokenPipeError:  # the reader has enough and left, as head does
        from tokbench.cli.output import write_no_more

        write_no_more()
        return 0
    except TokbenchError as error:
        if _debugging():
            raise
        if error.exit_code != STOPPED or leading():
            _say(error.message, error.fix, words)
        return error.exit_code
    except KeyboardInterrupt:
        return _told(STOPPED)
    except BaseException as error:  # a panic of the Rust library is no Exception
        if _debugging() or isinstance(error, SystemExit | GeneratorExit):
            raise
        _say(_bug(error), "run it again with TOKBENCH_DEBUG=1 and send us the traceback", words)
        return OUR_BUG


def _run(words: list[str]) -> int:
    if sys.platform == "win32":  # files are locked by fcntl
        raise UsageError("tokbench runs on Linux and macOS only", fix="on Windows, run it in WSL")
    if words in (["-h"], ["--help"], ["--version"]):  # at once: Typer's import takes longer than the answer
        return _answer(words[0])
    from tokbench.cli.app import app

    try:
        app(words, prog_name="tokbench")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    finally:
        sys.stdout.flush()
    return 0


def _told(code: int) -> int:
    if code == STOPPED and leading():
        print("Stopped; nothing was written.", file=sys.stderr)  # noqa: T201
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
    if not leading():  # what is wrong for all is said once: the first has time to, and the launcher ends us
        time.sleep(SECONDS_FOR_THE_FIRST)
        message = f"process {os.environ['RANK']} of the run: {message}"
    if "--json" in words:
        import json

        line = json.dumps({"schema": "tokbench/error/1", "error": message, "hint": fix}, ensure_ascii=False)
        print(line, file=sys.stderr)  # noqa: T201  the last words of a program go straight out
        return
    print(f"Error: {message}", file=sys.stderr)  # noqa: T201
    if fix:
        print(f"Hint:  {fix}", file=sys.stderr)  # noqa: T201


def _print_any_character() -> None:
    """A terminal without UTF-8 shows escapes instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
