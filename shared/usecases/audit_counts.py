"""Audit counts: count a share of the calls whose usage Azure reported, and write both side by side."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace

from shared.domain.errors import StorageError
from shared.domain.token_counting import CountableCall
from shared.domain.usage_record import UsageRecord, UsageSource
from shared.ports.token_counter import TokenCounter
from shared.ports.usage_ledger import UsageLedger

logger = logging.getLogger(__name__)

# Audits wait for one another; those that come while so many wait are let go: a share of a
# flood is enough to see a drift by.
_MOST_WAITING = 64


class AuditCounts:
    """
    Counts again, off the path of the call: its row is written, and then written again with our count.

    Which calls are in the share follows from their ids, so that it is the same whoever asks.
    """

    def __init__(self, *, ledger: UsageLedger, counter: TokenCounter, share: float) -> None:
        self._ledger = ledger
        self._counter = counter
        self._share = share
        self._one_at_a_time = asyncio.Lock()
        self._under_way: set[asyncio.Task[None]] = set()

    def consider(self, record: UsageRecord, countable: Callable[[], CountableCall]) -> None:
        """
        Audit a call that has ended, if its usage was reported and it is in the share.

        `countable` is asked only then: most calls are not counted again, and should not pay for it.
        """
        if record.usage.source is not UsageSource.REPORTED or len(self._under_way) >= _MOST_WAITING:
            return
        if _draw(record.call.call_id) >= self._share:
            return
        task = asyncio.create_task(self._audit(record, countable()))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def close(self) -> None:
        """Let go of what still waits: the rows are written, only without a second count."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _audit(self, record: UsageRecord, call: CountableCall) -> None:
        try:
            async with self._one_at_a_time:
                audit = await self._counter.recount(call)
                if audit is not None:
                    await self._ledger.end(replace(record, audit=audit))
        except StorageError as error:
            logger.warning("usage.audit_not_kept", extra={"call_id": record.call.call_id, "reason": str(error)})
        except Exception:
            # A fault in counting must be seen; nothing else hangs on it.
            logger.exception("usage.not_audited", extra={"call_id": record.call.call_id})


def _draw(call_id: str) -> float:
    """Return a number in [0, 1) that belongs to the call."""
    return int.from_bytes(hashlib.sha256(call_id.encode()).digest()[:8]) / 2**64
