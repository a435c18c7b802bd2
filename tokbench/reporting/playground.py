"""A page served to the reader's own machine: several tokenizers encode a text as it is typed."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from tokbench.encoding.encode import encode
from tokbench.errors import TokbenchError, UsageError, clipped
from tokbench.io.extras import require
from tokbench.reporting.elements import chip_kinds
from tokbench.reporting.html import page, served_page

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response as Answer

    from tokbench.pretrained.folder import TokenizerFolder

HOST = "127.0.0.1"
NAMES = [HOST, "localhost"]  # a page elsewhere that resolves its name to this machine is refused
LARGEST_REQUEST = 2**20  # bytes
LONGEST_TEXT = 100_000  # characters
MOST_CHIPS = 10_000  # tokens of a text that are sent and drawn; more are counted
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def listening(port: int) -> socket.socket:
    """A socket on this machine only; a UsageError when the port is taken. Port 0 takes a free one."""
    place = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        place.bind((HOST, port))
    except OSError as error:
        place.close()
        raise UsageError(
            f"port {port} cannot be used: {error.strerror}", fix="--port 0 takes a free one"
        ) from error
    return place


def serve(tokenizers: Mapping[str, TokenizerFolder], place: socket.socket, *, text: str = "") -> None:
    """Serve the page on the socket until interrupted."""
    application = app(tokenizers, text=text)
    import uvicorn

    settings = uvicorn.Config(
        application, log_level="warning", server_header=False, timeout_graceful_shutdown=1
    )
    uvicorn.Server(settings).run(sockets=[place])


def app(tokenizers: Mapping[str, TokenizerFolder], *, text: str = "") -> Starlette:
    """The web application: the page at /, and POST /encode of {"tokenizer", "text"}.

    A request larger than LARGEST_REQUEST bytes, a text longer than LONGEST_TEXT characters and a host that
    is not this machine are refused. Raises MissingExtraError without the extra `web`.
    """
    for package in ("starlette", "uvicorn"):
        require(package, extra="web", what="the playground")
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import ClientDisconnect
    from starlette.responses import HTMLResponse, JSONResponse, Response
    from starlette.routing import Route

    whole = page("tokbench playground", [], live=served_page(list(tokenizers), text), server=True)

    async def home(_: Request) -> Answer:
        return HTMLResponse(whole, headers=SAFE)

    async def encoded(request: Request) -> Answer:
        from starlette.concurrency import run_in_threadpool

        try:
            asked = _asked(await _body(request))
            answer = await run_in_threadpool(_answer, tokenizers, *asked)
        except TokbenchError as error:
            return JSONResponse({"error": error.message}, status_code=400, headers=SAFE)
        except ClientDisconnect:  # who asked has typed on, or left: nobody reads an answer
            return Response(status_code=400)
        return JSONResponse(answer, headers=SAFE)

    return Starlette(
        routes=[Route("/", home), Route("/encode", encoded, methods=["POST"])],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=NAMES)],
    )


async def _body(request: Request) -> bytes:
    """The request's body, read no further than it may be long."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_REQUEST:
            raise UsageError(f"the request is longer than {LARGEST_REQUEST:,} bytes")
    return body


def _asked(body: bytes) -> tuple[str, str]:
    """The tokenizer's name and the text; a UsageError for anything else."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:  # nested without end, which is JSON, too
        raise UsageError("the request is not JSON that can be read") from error
    name, text = (data.get("tokenizer"), data.get("text")) if isinstance(data, dict) else (None, None)
    if not isinstance(name, str) or not isinstance(text, str):
        raise UsageError("the request needs a tokenizer and a text")
    if len(text) > LONGEST_TEXT:
        raise UsageError(f"the text is longer than {LONGEST_TEXT:,} characters")
    return name, text


def _answer(tokenizers: Mapping[str, TokenizerFolder], name: str, text: str) -> dict[str, Any]:
    """The first MOST_CHIPS tokens of the text, and how many there are."""
    if name not in tokenizers:
        raise UsageError(f"no tokenizer here is called {clipped(name)}")
    clean = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    done = encode(tokenizers[name], clean)
    kinds = chip_kinds(done.special, done.partial, done.unknown)
    rows = zip(done.tokens, done.ids, kinds, done.shown, done.partial, done.offsets, strict=True)
    tokens = [
        {
            "token": token,
            "id": number,
            "kind": kind,
            "text": words or token,
            "partial": partial,
            "details": f"{token} has id {number} and stands for characters {start}–{end}",
        }
        for token, number, kind, words, partial, (start, end) in islice(rows, MOST_CHIPS)
    ]
    return {"tokens": tokens, "count": len(done.ids)}
