"""A ledger whose storage may be down: once that is known, nobody waits to find it out again."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.domain.circuit_breaker import CircuitBreaker
from shared.domain.errors import StorageUnavailable
from shared.domain.usage_record import OpenCall, UsageRecord
from shared.ports.clock import Clock
from shared.ports.usage_ledger import UsageLedger

logger = logging.getLogger(__name__)

# How long a failure stands before one call tries again. Callers are told to wait as long (`retry-after`).
PAUSE_SECONDS = 5.0


class GuardedLedger:
    """
    Fulfils UsageLedger in front of another that does.

    After a write that failed for its whole patience, writes fail at once, but for one every PAUSE_SECONDS;
    the first that succeeds lets all through again.
    """

    def __init__(self, ledger: UsageLedger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._breaker = CircuitBreaker(pause_seconds=PAUSE_SECONDS)

    async def begin(self, call: OpenCall) -> None:
        """See UsageLedger."""
        async with self._trying():
            await self._ledger.begin(call)

    async def end(self, record: UsageRecord) -> None:
        """See UsageLedger."""
        async with self._trying():
            await self._ledger.end(record)

    async def abandon(self, record: UsageRecord) -> None:
        """See UsageLedger."""
        async with self._trying():
            await self._ledger.abandon(record)

    async def withdraw(self, record: UsageRecord) -> None:
        """See UsageLedger."""
        async with self._trying():
            await self._ledger.withdraw(record)

    @asynccontextmanager
    async def _trying(self) -> AsyncIterator[None]:
        if not self._breaker.admits(self._clock.monotonic()):
            raise StorageUnavailable("storage was not there a moment ago")
        try:
            yield
        except StorageUnavailable as error:
            self._note_failure(error)
            raise
        self._note_success()

    def _note_failure(self, error: StorageUnavailable) -> None:
        if not self._breaker.is_open:
            logger.error("storage.down", extra={"reason": str(error)})
        self._breaker.failed(self._clock.monotonic())

    def _note_success(self) -> None:
        if self._breaker.is_open:
            logger.warning("storage.back")
        self._breaker.succeeded()
