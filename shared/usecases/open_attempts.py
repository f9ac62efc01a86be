"""The attempts under way in this worker, so that none is forgotten when it is told to stop."""

from __future__ import annotations

import asyncio
from typing import Protocol

from shared.domain.errors import ShuttingDown
from shared.domain.usage_record import Outcome


class Endable(Protocol):
    """What OpenAttempts needs of an Attempt."""

    async def end(self, outcome: Outcome) -> None: ...


class OpenAttempts:
    """Those that have begun and are not ended. `close` lets no new one in."""

    def __init__(self) -> None:
        self._open: set[Endable] = set()
        self._is_closing = False
        self._all_ended = asyncio.Event()

    def add(self, attempt: Endable) -> None:
        """
        Note an attempt that begins.

        Raises:
            ShuttingDown: the worker has been told to stop.
        """
        if self._is_closing:
            raise ShuttingDown("the worker has been told to stop")
        self._open.add(attempt)

    def discard(self, attempt: Endable) -> None:
        """Note that an attempt is over."""
        self._open.discard(attempt)
        if self._is_closing and not self._open:
            self._all_ended.set()

    async def close(self, grace_seconds: float) -> None:
        """Let no new attempt in, wait for those under way, and end what is left as what it is."""
        self._is_closing = True
        if not self._open:
            return
        try:
            async with asyncio.timeout(grace_seconds):
                await self._all_ended.wait()
        except TimeoutError:
            cut = [attempt.end(Outcome.CUT_BY_SHUTDOWN) for attempt in self._open]
            await asyncio.gather(*cut)
