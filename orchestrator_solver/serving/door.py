"""Through which every request comes: what is not on the list is not there, and no body is longer than it may be.

Gradio answers many more addresses than this page needs (files by their path, other servers through this one, calls past
the queue), and fetches what a call names as a file, be it of this machine or at an address. Here a call names uploads
alone, by the words that their senders were told. What is answered has headers by which a browser asks nobody else.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import suppress
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse

from dataset_builder.runtime.untrusted import parse_json

from .hearing import NOT_UPLOADED
from .uploads import Uploads

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

_OPEN = {
    "GET": re.compile(
        r"/|/config/?|/theme\.css|/favicon\.ico|/robots\.txt|/manifest\.json|/(assets|static|svelte|takes|live)/[^/].*"
        r"|/gradio_api/(info/?|openapi\.json|startup-events|upload_progress|queue/data|queue/status|heartbeat/[\w-]+"
        r"|call/\w+/\w+|app_id/?)"
    ),
    "POST": re.compile(r"/gradio_api/(upload|queue/join|call/(v2/)?\w+/?|cancel|reset/?)"),
}
_OPEN["HEAD"] = _OPEN["GET"]
_UPLOAD = "/gradio_api/upload"
_LARGEST_CALL = 1_000_000  # bytes of what is no upload
_HEADERS = {
    # Gradio's own page has its script inline.
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; object-src 'none'; "
    "frame-ancestors 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class Door:
    """Passes on what is asked of the page and of the API.

    Args:
        app: behind it.
        uploads: files that calls may name.
        largest_upload: bytes.
    """

    def __init__(self, app: Application, uploads: Uploads, largest_upload: int) -> None:
        self._app, self._uploads, self._largest_upload = app, uploads, largest_upload

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request."""
        with suppress(asyncio.CancelledError):  # the server ends, and some are still listening
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send) if scope["type"] == "lifespan" else None
        method, path = scope["method"], scope["path"]
        if method not in _OPEN or not _OPEN[method].fullmatch(path):
            return await PlainTextResponse("There is nothing here.", 404)(scope, receive, send)
        if method == "POST" and path == _UPLOAD:
            refusal = _too_long(scope, self._largest_upload)
        elif method == "POST":
            refusal = _too_long(scope, _LARGEST_CALL)
        else:
            return await self._app(scope, receive, _with_headers(send))
        if refusal:
            await _read(receive, keep=False)  # before its end no client listens to an answer
            return await PlainTextResponse(*refusal)(scope, receive, send)
        if path != _UPLOAD:
            try:
                receive = _again(self._with_paths(await _read(receive)), receive)
            except ValueError as error:
                return await JSONResponse({"detail": str(error)}, 400)(scope, receive, send)
        return await self._app(scope, receive, _with_headers(send))

    def _with_paths(self, body: bytes) -> bytes:
        """A call, in which uploads are named by where they are.

        Raises:
            ValueError: if it is no JSON, or names any other file or address, which Gradio would fetch.
        """
        call = parse_json(body)
        for named in _naming_files(call):
            found = self._uploads.path_of(named["path"])
            if found is None:
                raise ValueError(NOT_UPLOADED)
            named["path"] = str(found)
        return json.dumps(call).encode()


def _naming_files(value: Any) -> Iterator[dict[str, Any]]:
    """Objects in a JSON value that have a path."""
    if isinstance(value, dict):
        if "path" in value:
            yield value
        value = list(value.values())
    for one in value if isinstance(value, list) else ():
        yield from _naming_files(one)


def _too_long(scope: Message, most: int) -> tuple[str, int] | None:
    """What is answered, and its status, to a body of more than `most` bytes, or that does not say how long it is."""
    length = dict(scope["headers"]).get(b"content-length", b"")
    if not length.isdigit():
        return "It does not say its length: send a content-length.", 411
    if int(length) > most:
        return f"It is longer than the {most / 1e6:.3g} MB that this server takes: send less.", 413
    return None


async def _read(receive: Receive, keep: bool = True) -> bytes:
    """A body, or nothing of it once it has come to its end."""
    parts, more = [b""], True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        parts += [message.get("body", b"")] if keep else []
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """What receives this body, and then whatever else comes."""
    coming = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receiving() -> Message:
        return next(coming, None) or await receive()

    return receiving


def _with_headers(send: Send) -> Send:
    """What sends an answer, with our headers."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            ours = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
            message = {**message, "headers": [*message.get("headers", ()), *ours]}
        await send(message)

    return sending
