"""Pass an answer on as it comes, and write down how it ended before the caller sees its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.answer_filter import AnswerFilter, answer_filter, is_event_stream
from shared.domain.errors import UpstreamError, UpstreamTimedOut
from shared.domain.relayed_headers import headers_for_caller
from shared.domain.usage_record import Outcome
from shared.ports.upstream import Header, UpstreamResponse
from shared.usecases.attempt import Attempt

# The specification's own advice against silence: a comment, which every client ignores.
# https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes
_KEEP_ALIVE = b": keep-alive\n\n"


class OnHangup(StrEnum):
    """What becomes of upstream's answer when its caller has gone."""

    DRAIN = "drain"  # read on to the usage Azure reports, within bounds
    ABORT = "abort"  # stop, and estimate from what arrived


@dataclass(frozen=True, slots=True, kw_only=True)
class HangupPolicy:
    """Bounds on what is read for callers who have gone."""

    on_hangup: OnHangup
    drain_seconds: float
    drains: asyncio.Semaphore


class RelayedAnswer:
    """
    An answer of Azure OpenAI on its way to the caller.

    Pass `chunks()` on, and call `close()` when the caller has them all or is gone: whatever
    happens, the attempt is ended and the connection let go.
    """

    def __init__(
        self,
        response: UpstreamResponse,
        attempt: Attempt,
        *,
        is_metered: bool,
        drops_usage_chunk: bool,
        hangup: HangupPolicy,
        keep_alive_seconds: float,
    ) -> None:
        self.status = response.status
        self._response = response
        self._attempt = attempt
        self._hangup = hangup
        self._is_metered = is_metered
        self._is_stream = is_event_stream(response.header("content-type"))
        self._keep_alive_seconds = keep_alive_seconds if self._is_stream else None
        self._drops_usage_chunk = drops_usage_chunk and self._is_stream
        self._filter = self._make_filter()
        self._read_ahead: bytes | None = None

    @property
    def headers(self) -> Sequence[Header]:
        """Azure's headers. The length goes where a chunk may be taken out of the body."""
        headers = headers_for_caller(self._response.headers)
        if self._drops_usage_chunk:
            headers = [(name, value) for name, value in headers if name.lower() != b"content-length"]
        return headers

    async def chunks(self) -> AsyncIterator[bytes]:
        """
        Yield the bytes of the answer, as they arrive.

        Raises:
            UpstreamCut, UpstreamTimedOut: it broke off; so must what the caller gets.
        """
        try:
            while (chunk := await self._next_chunk()) != b"":
                if chunk is None:
                    yield _KEEP_ALIVE
                    continue
                passed_on = self._filter.feed(chunk)
                if self._filter.is_at_end:
                    await self._attempt.end(self._outcome())
                if passed_on:
                    yield passed_on
        except UpstreamError as error:
            held = self._filter.close()
            await self._attempt.end(_outcome_of(error))
            if held:
                yield held
            raise
        held = self._filter.close()
        await self._attempt.end(self._outcome())
        if held:
            yield held

    async def is_refusal_of(self, option: bytes) -> bool:
        """
        Return whether Azure refused the request for an option of this name.

        If so this attempt is over. If not, nothing is lost: what was read is passed on first.

        Raises:
            UpstreamError: the refusal broke off.
        """
        if self.status != 400:
            return False
        try:
            self._read_ahead = await self._response.next_chunk()
        except UpstreamError as error:
            await self._attempt.end(_outcome_of(error))
            await self._response.close()
            raise
        if option not in self._read_ahead:
            return False
        self._attempt.saw(self._read_ahead)
        self._filter.feed(self._read_ahead)
        self._filter.close()
        await self._attempt.end(Outcome.REFUSED_BY_AZURE)
        await self._response.close()
        return True

    async def close(self, *, is_shutdown: bool = False) -> None:
        """
        End the attempt if it is not ended, and let go of upstream. Call it once, shielded.

        `is_shutdown` says that it is the worker that stops, and not the caller that has gone.
        """
        try:
            if not self._attempt.is_ended:
                if not is_shutdown:
                    await self._hear_out()
                self._filter.close()
            await self._attempt.end(Outcome.CUT_BY_SHUTDOWN if is_shutdown else Outcome.CUT_BY_CALLER)
        finally:
            await self._response.close()

    def _make_filter(self) -> AnswerFilter:
        length = self._response.header("content-length")
        return answer_filter(
            self._attempt.watcher,
            is_metered=self._is_metered,
            is_error=self.status >= 400,
            content_type=self._response.header("content-type"),
            content_encoding=self._response.header("content-encoding"),
            content_length=int(length) if length and length.isdecimal() else None,
            drops_usage_chunk=self._drops_usage_chunk,
        )

    async def _next_chunk(self) -> bytes | None:
        """Return the next bytes, b"" at the end, None where a stream has been silent for long."""
        if self._read_ahead is not None:
            chunk, self._read_ahead = self._read_ahead, None
        else:
            try:
                async with asyncio.timeout(self._keep_alive_seconds):
                    chunk = await self._response.next_chunk()
            except TimeoutError:
                return None
        if chunk:
            self._attempt.saw(chunk)
        return chunk

    def _outcome(self) -> Outcome:
        """Return what an answer was whose bytes ended as they should."""
        if self.status >= 400:
            return Outcome.REFUSED_BY_AZURE
        watcher = self._attempt.watcher
        if self._is_stream and self._is_metered and not (watcher.is_complete or watcher.finish_reason):
            return Outcome.CUT_BY_UPSTREAM
        return Outcome.COMPLETED

    async def _hear_out(self) -> None:
        """Read on for a caller who has gone, so that what is charged is what Azure reports."""
        policy = self._hangup
        if not self._is_metered or policy.on_hangup is OnHangup.ABORT or policy.drains.locked():
            return
        # What has arrived when time is up, or when upstream breaks off too, is what is known.
        with contextlib.suppress(TimeoutError, UpstreamError):
            async with policy.drains, asyncio.timeout(policy.drain_seconds):
                await self._read_to_end()

    async def _read_to_end(self) -> None:
        while not self._filter.is_at_end and (chunk := await self._response.next_chunk()):
            self._attempt.saw(chunk)
            self._filter.feed(chunk)


def _outcome_of(error: UpstreamError) -> Outcome:
    return Outcome.TIMED_OUT if isinstance(error, UpstreamTimedOut) else Outcome.CUT_BY_UPSTREAM
