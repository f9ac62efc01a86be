"""An HTTP/1.1 server on 127.0.0.1 that is cheaper than anything it stands behind: httptools on uvloop, no framework."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import cast

import httptools
import uvloop

# Method, target and body of a request, and where its answer goes, now or later. Who asks waits for the
# answer before it asks again.
Handler = Callable[[bytes, bytes, bytes, asyncio.Transport], None]


def serve(handle: Handler) -> None:
    """Serve on a free port, say which as `ready URL`, and return upon SIGTERM."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(handle))


async def _serve(handle: Handler) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    server = await loop.create_server(lambda: _Connection(handle), "127.0.0.1", 0, backlog=2048)
    print(f"ready http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await ended.wait()
    server.close()


class _Connection(asyncio.Protocol):
    """Calls the handler with each whole request. The `on_` names are httptools'."""

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's are transports, though no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._target = b""
        self._body: list[bytes] = []

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._handle(self._parser.get_method(), self._target, b"".join(self._body), self._transport)


def answer(status: str, body: bytes = b"", content_type: str = "application/json") -> bytes:
    """Return a whole answer. `status` is its code and reason, as `200 OK`."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
