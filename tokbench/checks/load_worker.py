"""The worker process that TB500 starts: it loads a tokenizer.json and encodes texts, and may die of it.

Run as a file and never imported, so it knows only the standard library and tokenizers.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress

from tokenizers import Tokenizer

SLOW = 1.0  # CPU seconds for 2,000 characters


def try_loading() -> None:
    """Do what the request on stdin says: a file, a limit of memory in bytes, texts."""
    request = json.load(sys.stdin)
    with suppress(ImportError, ValueError, OSError):  # no such limit on this system, or a lower one holds
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (request["memory"], request["memory"]))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if "blocks" in request:
        try_blocks(request["blocks"], request["texts"])
        return
    tokenizer = Tokenizer.from_file(request["file"])
    tokenizer.no_truncation()
    tokenizer.no_padding()
    for text in request["texts"]:
        ids = tokenizer.encode(text).ids
        tokenizer.encode(text, text)
        tokenizer.decode(ids)


def try_blocks(blocks: str, texts: list[str]) -> None:
    """Print the first of these texts on which the blocks break, or take longer than a second.

    Each text is named before it is tried, for the one on which the process has to be stopped.
    """
    tokenizer = Tokenizer.from_str(blocks)
    for text in texts:
        sys.stdout.write(f"\n{described(text)}")
        sys.stdout.flush()
        before = time.process_time()
        try:
            tokenizer.encode(text)
        except BaseException as error:  # a panic of the library is no Exception
            sys.stdout.write(f": {type(error).__name__}")
            return
        if time.process_time() - before > SLOW:
            sys.stdout.write(" takes more than a second")
            return
    sys.stdout.write("\n")


def described(text: str) -> str:
    """A text of repeated letters by its beginning and its end."""
    return f"{text[:8]!r}… of {len(text):,} characters, the last {text[-1]!r}"


if __name__ == "__main__":
    try_loading()
