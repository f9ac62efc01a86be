"""The limits that Azure's host, an ASP.NET Core server, sets a request before a function sees it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from http import HTTPStatus

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# https://learn.microsoft.com/aspnet/core/fundamentals/servers/kestrel/options; the body limit is
# what the Functions host sets, which FUNCTIONS_REQUEST_BODY_SIZE_LIMIT overrides.
BODY_BYTES = 104_857_600
HEADER_BYTES = 32_768
HEADER_COUNT = 100
REQUEST_LINE_BYTES = 8_192

_DRAIN_SECONDS = 5.0


class RequestLimits:
    """ASGI middleware that answers 413, 414 or 431 to what is over a limit, and closes the connection."""

    def __init__(self, app: ASGIApp, *, body_bytes: int = BODY_BYTES) -> None:
        self._app = app
        self._body_bytes = body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if its head is within the limits, and count its body as it is read."""
        refusal = _refused_head(scope) or self._refused_length(scope)
        if refusal:
            await _drain(receive)
            await _refuse(refusal, scope, receive, send)
        else:
            gauge = _BodyGauge(scope, receive, send, self._body_bytes)
            await self._app(scope, gauge.receive, gauge.send)

    def _refused_length(self, scope: Scope) -> HTTPStatus | None:
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE if int(declared) > self._body_bytes else None


class _BodyGauge:
    """
    Counts a body whose length nobody declared.

    Once it is over the limit the caller gets 413, and the function sees a caller who hung up,
    as behind Azure's front end; an answer it makes of that goes nowhere.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._left = limit
        self._answered = False
        self._refused = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left >= 0:
            return message
        if not self._answered and not self._refused:
            self._refused = True
            if message.get("more_body"):
                await _drain(self._receive)
            await _refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self._scope, self._receive, self._send)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if not self._refused:
            self._answered = True
            await self._send(message)


def _refused_head(scope: Scope) -> HTTPStatus | None:
    query = len(scope["query_string"])
    line = f"{scope['method']}  HTTP/{scope['http_version']}\r\n"
    if len(line) + len(scope["raw_path"]) + (query + 1 if query else 0) > REQUEST_LINE_BYTES:
        return HTTPStatus.REQUEST_URI_TOO_LONG
    headers = scope["headers"]
    # Each header line also has ": " and a line end.
    if len(headers) > HEADER_COUNT or sum(len(n) + len(v) + 4 for n, v in headers) > HEADER_BYTES:
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    return None


async def _drain(receive: Receive) -> None:
    # Closing a connection that still has bytes to read resets it, and the caller may lose the
    # answer: so read on for a while, as Kestrel does.
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            while (await receive()).get("more_body"):
                pass


async def _refuse(status: HTTPStatus, scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("", status, {"connection": "close"})(scope, receive, send)
