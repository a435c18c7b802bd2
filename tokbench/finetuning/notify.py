"""A message when a long run has ended, well or not, to wherever apprise can send one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tokbench.errors import TokbenchError, UsageError
from tokbench.io.extras import require

HIDDEN = "***"
# Tokens of the hub, of GitHub and of Slack by their prefixes; an address with what follows its scheme.
SECRETS = re.compile(r"\b(?:hf|ghp|gho|xox[abp])[_-][\w-]{8,}|\b[a-z][\w+.-]*://\S+", re.IGNORECASE)


@contextmanager
def notified(
    url: str | None, what: str, *, told: Callable[[str], object] = str
) -> Iterator[Callable[[str], None]]:
    """Send how the work inside ended: the words it gave, or its error; without an address do nothing.

    The address is read before the work begins, is never shown, and no secret is sent. `told` hears of a
    message that did not arrive.
    """
    said: list[str] = []
    if url is None:
        yield said.append
        return
    service = _service(url)

    def send(title: str, body: str) -> None:
        if not service.notify(title=masked(title), body=masked(body)):
            kind = url.partition("://")[0]
            told(f"nobody was told: no message went through to the {kind} address after --notify")

    try:
        yield said.append
    except TokbenchError as error:
        send(f"tokbench: {what} failed", error.message)
        raise
    except BaseException as error:
        send(f"tokbench: {what} broke", type(error).__name__)
        raise
    send(f"tokbench: {what} is done", "\n".join(said) or "done")


def masked(text: str) -> str:
    """The text without what gives access to something.

    >>> masked("sent hf_abcdefgh123 to json://me:word@host/path")
    'sent *** to ***'
    """
    return SECRETS.sub(HIDDEN, text)


def _service(url: str) -> Any:  # noqa: ANN401  apprise's own class
    require("apprise", extra="notify", what="--notify")
    import apprise

    service = apprise.Apprise()
    if not service.add(url):
        raise UsageError(
            "the address after --notify is of no kind that apprise knows",
            fix="for example mailto://, slack:// or json://; see apprise's list of services",
        )
    return service
