"""Drain the spool: record what storage did not take in its time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from datetime import timedelta

from shared.domain.abandoned_call import abandoned
from shared.domain.errors import StorageRejected, StorageUnavailable
from shared.domain.usage_record import OpenCall, UsageRecord
from shared.ports.spool import Spool, SpooledCall
from shared.ports.usage_ledger import UsageLedger
from shared.usecases.record_calls import set_aside

logger = logging.getLogger(__name__)

# On average. Looking costs a listing of a folder that is empty or not there.
_PAUSE_SECONDS = 5.0
# Of the seconds a worker has to go, once its calls have ended.
_CLOSING_SECONDS = 3.0


class DrainSpool:
    """
    Records what is in the spool, again and again from `start` to `close`.

    Killed anywhere it has done no harm: what was recorded and not yet removed is recorded again, as the
    same row.
    """

    def __init__(self, *, spool: Spool, stored: UsageLedger, jitter: Callable[[], float]) -> None:
        """`stored` fails at once while storage is known to be down; `jitter` returns numbers in [0, 1)."""
        self._spool = spool
        self._stored = stored
        self._jitter = jitter
        self._closing = asyncio.Event()
        self._draining: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Drain in the background from now on."""
        self._draining = asyncio.create_task(self._drain_on())

    async def close(self) -> None:
        """Drain once more, as far as there is time, and stop. Never raises."""
        self._closing.set()
        if self._draining is not None:
            await asyncio.wait({self._draining}, timeout=_CLOSING_SECONDS)
            self._draining.cancel()
            await asyncio.wait({self._draining})

    async def __call__(self) -> None:
        """
        Record all that is due, or as much as storage takes.

        Raises:
            StorageUnavailable: the spool cannot be read.
        """
        recorded = 0
        async with aclosing(self._spool.due()) as groups:
            async for group in groups:
                # One goes ahead: while storage is down, one trial is enough.
                results = [await self._record(group[0])]
                if results[0]:
                    results += await asyncio.gather(*map(self._record, group[1:]))
                recorded += sum(results)
                if not all(results):
                    break
        if recorded:
            logger.warning("spool.drained", extra={"calls": recorded})

    async def _drain_on(self) -> None:
        is_closing = False
        while not is_closing:
            is_closing = await self._is_closed_within(_PAUSE_SECONDS * (0.5 + self._jitter()))
            try:
                await self()
            except Exception:
                # Whatever it is, the next round may do better, and nobody else would start one.
                logger.exception("spool.not_drained")

    async def _is_closed_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._closing.wait()
        except TimeoutError:
            return False

    async def _record(self, spooled: SpooledCall) -> bool:
        """Return whether a call is no longer the spool's: recorded, or of no use to try."""
        record = _record_of(spooled.entry)
        try:
            if spooled.entry is record:
                await self._stored.end(record)
            else:
                await self._stored.abandon(record)
        except StorageUnavailable:
            return False
        except StorageRejected as error:
            await set_aside(self._spool, record, error)
        await self._spool.remove(spooled)
        return True


def _record_of(entry: OpenCall | UsageRecord) -> UsageRecord:
    # How long a call ran whose process is gone, nobody knows.
    return entry if isinstance(entry, UsageRecord) else abandoned(entry, timedelta(0))
