"""Sweep open calls: what workers that are gone have left open becomes a record each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from shared.domain.abandoned_call import abandoned
from shared.domain.errors import StorageRejected
from shared.domain.liveness import LeftOpen, Workers
from shared.ports.open_calls import OpenCalls
from shared.ports.usage_ledger import UsageLedger

logger = logging.getLogger(__name__)


class SweepOpenCalls:
    """Run it again and again, on as many instances as there are: no call is recorded twice."""

    def __init__(self, open_calls: OpenCalls, ledger: UsageLedger) -> None:
        self._open_calls = open_calls
        self._ledger = ledger

    async def __call__(self) -> None:
        """
        Record and take away the open calls of workers that are gone, and forget those workers.

        A call that storage refuses to record is logged and left; it stops no other.

        Raises:
            StorageError: the open calls cannot be read, or what became of them not be written. The next
                sweep goes on from there.
        """
        workers = await self._open_calls.workers()
        swept, workers_with_more = 0, set[str]()
        async for page in self._open_calls.pages():
            left = [row for row in page if workers.have_left(row)]
            refused = await self._sweep(left, workers)
            swept += len(left) - len(refused)
            workers_with_more.update(row.worker_id for row in refused)
        await self._forget(workers, workers_with_more)
        if swept:
            logger.warning("opencalls.swept", extra={"calls": swept})

    async def _sweep(self, left: Sequence[LeftOpen], workers: Workers) -> list[LeftOpen]:
        """Return those that storage refuses."""
        results = await asyncio.gather(*(self._sweep_one(row, workers) for row in left), return_exceptions=True)
        refused = []
        for row, result in zip(left, results, strict=True):
            if isinstance(result, StorageRejected):
                refused.append(row)
                logger.warning("opencalls.not_swept", extra={"call_id": row.call.call_id, "reason": str(result)})
            elif result is not None:
                raise result
        return refused

    async def _sweep_one(self, row: LeftOpen, workers: Workers) -> None:
        await self._ledger.abandon(abandoned(row.call, workers.known_to_run(row)))
        # Only now: whatever happens in between, the next sweep finds it.
        await self._open_calls.take_away(row)

    async def _forget(self, workers: Workers, workers_with_more: set[str]) -> None:
        for heartbeat in workers.gone():
            if heartbeat.worker_id not in workers_with_more:
                await self._open_calls.forget(heartbeat)
