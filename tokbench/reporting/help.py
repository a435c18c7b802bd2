"""The first page people see: commands in panels, options, examples.

Drawn without rich, whose import alone would cost more than the whole page may (150 ms of CPU).
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence

NAME_WIDTH = 20
WIDEST = 100

OPTIONS = (
    ("--version", "Print the version."),
    ("--install-completion", "Complete commands and options in this shell."),
    ("-h, --help", "Show this page; `tokbench COMMAND -h` shows one command."),
)

EXIT_CODES = "Exit codes: 0 fine, 1 the answer is no, 2 asked wrongly, 3 our bug, 130 stopped."


def help_page(
    commands: Mapping[str, tuple[str, str]], *, panels: Sequence[str], examples: Sequence[str]
) -> str:
    """The page as text; `commands` maps a name to its panel and its line."""
    lines = [_bold("Usage: tokbench COMMAND [OPTIONS]")]
    lines += ["Build tokenizers, look inside, grow them with their models, check and prove them.", ""]
    for panel in panels:
        rows = [(name, line) for name, (where, line) in commands.items() if where == panel]
        lines += _panel(panel, rows) if rows else []
    lines += _panel("Options", OPTIONS)
    lines += ["", _bold("Examples"), *(f"  {example}" for example in examples), "", EXIT_CODES]
    return "\n".join(lines)


def _panel(title: str, rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    width = min(shutil.get_terminal_size().columns, WIDEST)
    yield _dim(f"╭─ {title} {'─' * (width - len(title) - 5)}╮")
    for name, line in rows:
        for first, words in _wrapped(line, width - NAME_WIDTH - 6):
            shown = (name if first else "").ljust(NAME_WIDTH)
            yield f"{_dim('│')} {_name(shown)}  {words} {_dim('│')}"
    yield _dim(f"╰{'─' * (width - 2)}╯")


def _wrapped(line: str, width: int) -> Iterator[tuple[bool, str]]:
    import textwrap

    for place, part in enumerate(textwrap.wrap(line, max(width, 20))):
        yield place == 0, part.ljust(width)


def _coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _bold(text: str) -> str:
    return f"\x1b[1m{text}\x1b[0m" if _coloured() else text


def _dim(text: str) -> str:
    return f"\x1b[2m{text}\x1b[0m" if _coloured() else text


def _name(text: str) -> str:
    return f"\x1b[1;36m{text}\x1b[0m" if _coloured() else text
