"""The worker process that TB500 starts: it loads a tokenizer.json and encodes texts, and may die of it.

Run as a file and never imported, so it knows only the standard library and tokenizers.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress

from tokenizers import Tokenizer


def try_loading() -> None:
    """Do what the request on stdin says: a file, a limit of memory in bytes, texts."""
    request = json.load(sys.stdin)
    with suppress(ImportError, ValueError, OSError):  # no such limit on this system, or a lower one holds
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (request["memory"], request["memory"]))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    tokenizer = Tokenizer.from_file(request["file"])
    tokenizer.no_truncation()
    tokenizer.no_padding()
    for text in request["texts"]:
        ids = tokenizer.encode(text).ids
        tokenizer.encode(text, text)
        tokenizer.decode(ids)


if __name__ == "__main__":
    try_loading()
