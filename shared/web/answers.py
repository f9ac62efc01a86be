"""A relayed answer as a response that streams, notices a hang-up, and always closes the call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from types import TracebackType

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from shared.domain.errors import UpstreamError
from shared.usecases.pass_on_answer import RelayedAnswer


class RelayResponse(Response):
    """
    Sends an answer as it comes.

    Starlette's StreamingResponse may be cancelled before its iterator has started, and then
    runs none of it. This one is called or not; when it is called, the call is closed.
    """

    def __init__(self, answer: RelayedAnswer, body_is_read: asyncio.Event) -> None:
        """`body_is_read` says that the request's body is no longer received by the relay."""
        super().__init__(status_code=answer.status)
        # As Azure spelt and ordered them, repeated ones included.
        self.raw_headers = [(name.lower(), value) for name, value in answer.headers]
        self._answer = answer
        self._body_is_read = body_is_read

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        is_cancelled = False
        try:
            async with _UntilHangup(receive, self._body_is_read):
                await self._send(send)
        except asyncio.CancelledError:
            # Not the caller's doing: the server stops and has lost patience.
            is_cancelled = True
            raise
        finally:
            await _whatever_happens(self._answer.close(is_shutdown=is_cancelled))

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async for chunk in self._answer.chunks():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except UpstreamError:
            # Recorded as cut. To leave without the last message breaks the connection, which is
            # what the caller would have seen of Azure; any other end would look like a whole answer.
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class _UntilHangup:
    """Runs a block until it is done or the caller has hung up, and swallows its own cancellation."""

    def __init__(self, receive: Receive, body_is_read: asyncio.Event) -> None:
        self._receive = receive
        self._body_is_read = body_is_read
        self._has_hung_up = False

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        self._task = task
        self._listener = asyncio.create_task(self._wait_for_hangup())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._listener.cancel()
        if not self._has_hung_up:
            return False
        # As asyncio.timeout does: take back our own cancellation, and only that.
        return self._task.uncancel() == 0 and kind is asyncio.CancelledError

    async def _wait_for_hangup(self) -> None:
        # Upstream may answer while the body still goes through. What is received here is
        # received nowhere else.
        await self._body_is_read.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._has_hung_up = True
        self._task.cancel()


async def _whatever_happens(work: Awaitable[None]) -> None:
    """Finish `work` though we are cancelled meanwhile, then be cancelled."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
