"""Files of a repository on the hub: from the local cache first; without a network the no comes at once."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from tokbench.errors import FileError
from tokbench.io.quiet import quiet_hub

NAME = re.compile(r"(\w[\w.-]*/)?\w[\w.-]{0,95}", re.ASCII)
PATIENCE = 3.0  # seconds for a first connection; the hub's own client tries for 23 s
FILE_ENDINGS = (
    ".json", ".jsonl", ".txt", ".toml", ".model", ".bin", ".safetensors", ".csv", ".tsv", ".zip", ".gz",
)  # fmt: skip


def may_be_on_hub(name: str) -> bool:
    """Whether a name that is nothing on this disk can be one on the hub: `name` or `org/name`.

    >>> [may_be_on_hub(name) for name in ("gpt2", "org/name.en", "./my-tok", "a/b/c", "tok.json")]
    [True, True, False, False, False]
    """
    is_path = name.startswith((".", "/", "~")) or Path(name).suffix.lower() in FILE_ENDINGS
    return not is_path and NAME.fullmatch(name) is not None


def cached(name: str, file: str) -> Path | None:
    """The newest copy of a repository's file in the local cache; touches no network."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(name, file)
    return Path(found) if isinstance(found, str) else None


def fetch(name: str, required: Sequence[str], optional: Sequence[str] = ()) -> Path:
    """A local folder with these files of the repository; the optional ones as far as it has them."""
    files = [*required, *optional]
    have = all(cached(name, file) for file in required) and all(_is_settled(name, file) for file in optional)
    if not have and _reachable():
        _download(name, files, set(required))
    found = [cached(name, file) for file in required]
    if found and found[0] is not None and all(found):
        return found[0].parent
    raise FileError(
        f"{name} is no folder here and not in the local cache, and the hub cannot be reached",
        fix="check the spelling, or fetch it once while online",
    )


def _is_settled(name: str, file: str) -> bool:
    """Whether the cache knows the file, or knows that the repository does not have it."""
    from huggingface_hub import try_to_load_from_cache

    return try_to_load_from_cache(name, file) is not None


def _download(name: str, files: Sequence[str], required: set[str]) -> None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

    for file in files:
        try:
            with quiet_hub():
                hf_hub_download(name, file, etag_timeout=PATIENCE)
        except LocalEntryNotFoundError:  # the connection broke: what is cached decides
            return
        except EntryNotFoundError as error:
            if file in required:
                raise FileError(f"{name} on the hub has no {file}", fix="choose another one") from error
        except HfHubHTTPError as error:
            raise FileError(
                f"{name} is no folder here, and the hub does not give it: {_reason(error)}",
                fix="check the spelling; for a private or gated one log in with: hf auth login",
            ) from error


def _reason(error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    known = {401: "unknown or private", 403: "no access", 404: "unknown", 429: "too many requests"}
    return known.get(status, f"answer {status}") if isinstance(status, int) else type(error).__name__


def _reachable() -> bool:
    """Whether anything answers where the hub is; asked in a thread, for a name server may keep silent."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    answers: list[bool] = []
    asking = threading.Thread(target=_ask, args=(constants.ENDPOINT, answers), daemon=True)
    asking.start()
    asking.join(PATIENCE)
    return bool(answers)


def _ask(endpoint: str, answers: list[bool]) -> None:
    url = urlsplit(endpoint)
    host = url.hostname or ""
    import urllib.request  # with http and mail, which a local path need not wait for

    proxy = urllib.request.getproxies().get(url.scheme)
    if proxy and not urllib.request.proxy_bypass(host):
        url = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    port = url.port or (80 if url.scheme == "http" else 443)
    with contextlib.suppress(OSError), socket.create_connection((url.hostname or "", port), timeout=PATIENCE):
        answers.append(True)
