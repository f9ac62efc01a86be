"""ASGI applications on a real uvicorn, and played by hand where the instant matters."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message

from tests.raw_http import Connection


@contextlib.asynccontextmanager
async def running(app: ASGIApp) -> AsyncIterator[str]:
    """Run the application on the server that the Functions worker uses, and yield its URL."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        config = uvicorn.Config(
            app,
            http="httptools",
            lifespan="off",
            log_config=None,
            date_header=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[sock]))
        try:
            while not server.started:
                await asyncio.sleep(0.005)
            yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@contextlib.asynccontextmanager
async def calling(url: str, request: bytes) -> AsyncIterator[Connection]:
    """Send a request as it is and yield the connection it went over, which is closed at the end."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request)
        yield Connection(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


class Caller:
    """The caller's side of ASGI: `sent` is what it was sent; it hangs up when `hang_up` is set."""

    scope: dict[str, Any] = {"type": "http", "method": "POST"}  # noqa: RUF012 - nobody writes to it

    def __init__(self, *, ticks_a_send: int = 0) -> None:
        self.sent: list[Message] = []
        self.hang_up = asyncio.Event()
        self._ticks_a_send = ticks_a_send

    async def receive(self) -> Message:
        await self.hang_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        await ticks(self._ticks_a_send)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def is_complete(self) -> bool:
        """Whether the answer came to its end."""
        return bool(self.sent) and self.sent[-1].get("more_body") is False


async def ticks(number: int) -> None:
    """Let the event loop turn so often."""
    for _ in range(number):
        await asyncio.sleep(0)


def body_is_read() -> asyncio.Event:
    """Return the event of a request whose body has been read."""
    event = asyncio.Event()
    event.set()
    return event
