"""Through which every request comes: what is not on the list is not there, and no body is longer than it may be.

Gradio answers many more addresses than this page needs (files by their path, other servers through this one, calls past
the queue). What passes gets headers by which a browser asks nobody but this server.
"""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.responses import PlainTextResponse

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

_OPEN = {
    "GET": re.compile(
        r"/|/config/?|/theme\.css|/favicon\.ico|/robots\.txt|/manifest\.json|/(assets|static|svelte|takes|live)/[^/].*"
        r"|/gradio_api/(info/?|openapi\.json|startup-events|upload_progress|queue/data|queue/status|heartbeat/\w+"
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


class TooLong(Exception):
    """A body goes on after it should have ended."""


class Door:
    """Passes on what is asked of the page and of the API.

    Args:
        app: behind it.
        largest_upload: bytes.
    """

    def __init__(self, app: Application, largest_upload: int) -> None:
        self._app, self._largest_upload = app, largest_upload

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send) if scope["type"] == "lifespan" else None
        method, path = scope["method"], scope["path"]
        if method not in _OPEN or not _OPEN[method].fullmatch(path):
            return await PlainTextResponse("There is nothing here.", 404)(scope, receive, send)
        most = self._largest_upload if path == _UPLOAD else _LARGEST_CALL
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            if message["type"] == "http.response.start":
                ours = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", ()), *ours]}
            await send(message)

        try:
            return await self._app(scope, _bounded(receive, most), sending)
        except TooLong:
            if not begun:
                text = f"It is longer than the {most / 1e6:g} MB that this server takes: send less."
                await PlainTextResponse(text, 413)(scope, receive, send)


def _bounded(receive: Receive, most: int) -> Receive:
    """What receives a body, and stops in its middle when it is longer than `most` bytes."""
    left = most

    async def receiving() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise TooLong
        return message

    return receiving
