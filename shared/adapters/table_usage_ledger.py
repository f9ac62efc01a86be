"""The ledger in Table Storage: `opencalls` for calls that have begun, `usage` for those that have ended.

A call's row in `usage` is keyed by when it began, so whoever ends it, and however often, there is one
row. Its row in `opencalls` is taken away after that is durable, in the background: a crash in between
leaves a row that the sweeper finds ended.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from shared.adapters.group_commit import GroupCommit, Transactions
from shared.adapters.table_wire import TableWrite, delete, insert, upsert
from shared.adapters.table_worker_heartbeat import TableWorkerHeartbeat
from shared.adapters.usage_columns import OPEN_CALLS_TABLE, USAGE_TABLE, open_call_entity, usage_entity, usage_keys
from shared.domain.usage_record import OpenCall, UsageRecord

logger = logging.getLogger(__name__)

# Long enough for a hundred calls a second to share a transaction, short beside a call.
_TIDY_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a write is tried before it is reported as failed."""

    begin_seconds: float = 10.0  # a caller waits, and can be told to come again
    end_seconds: float = 30.0  # the call is paid for: not to record it is worse than to wait


class TableUsageLedger:
    """Fulfils UsageLedger. Close it, or rows of ended calls are left in `opencalls` for the sweeper."""

    def __init__(
        self,
        transactions: Transactions,
        *,
        worker_id: str,
        lease_seconds: float,
        patience: Patience | None = None,
    ) -> None:
        """
        `worker_id` names this process and is never used again: the partition of its open calls.

        When this process has given no sign of life for `lease_seconds`, sweepers take it for gone.
        """
        patience = patience or Patience()
        self._worker_id = worker_id
        self._begins = GroupCommit(transactions, OPEN_CALLS_TABLE, patience_seconds=patience.begin_seconds)
        self._heartbeat = TableWorkerHeartbeat(self._begins, worker_id=worker_id, lease_seconds=lease_seconds)
        self._ends = GroupCommit(transactions, USAGE_TABLE, patience_seconds=patience.end_seconds)
        # Apart from the begins, which must not wait behind them.
        self._deletes = GroupCommit(transactions, OPEN_CALLS_TABLE, patience_seconds=patience.end_seconds)
        self._open: set[str] = set()
        self._ended: list[str] = []
        self._tidying: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    async def begin(self, call: OpenCall) -> None:
        """
        Make the beginning of a call durable, and before the first that this worker lives. May be repeated.

        A call whose beginning failed is not to be made, nor begun again: its row, if there is one, goes.

        Raises:
            StorageUnavailable, StorageRejected
        """
        write = upsert(open_call_entity(self._worker_id, call))
        first_heartbeat = self._heartbeat.start()
        begun = self._begins.submit(write)
        self._open.add(call.call_id)
        try:
            await asyncio.shield(begun)
            if first_heartbeat is not None:
                await asyncio.shield(first_heartbeat)
        except BaseException:
            # The call will not be made, but its row may be there, or still on its way.
            begun.add_done_callback(lambda _: self._forget(call.call_id))
            raise

    async def end(self, record: UsageRecord) -> None:
        """
        Make the end of a call durable, begun here, elsewhere or never. A repeated end replaces.

        Raises:
            StorageUnavailable, StorageRejected
        """
        await self._ends.submit(upsert(usage_entity(record)))
        self._forget(record.call.call_id)

    async def abandon(self, record: UsageRecord) -> None:
        """
        Make the record of a call durable whose worker is gone; one that is there already stays.

        Raises:
            StorageUnavailable, StorageRejected
        """
        await self._ends.submit(insert(usage_entity(record)))

    async def withdraw(self, record: UsageRecord) -> None:
        """
        Take a record away again; one that is not there is as good.

        Raises:
            StorageUnavailable, StorageRejected
        """
        await self._ends.submit(delete(*usage_keys(record.call)))

    async def close(self) -> None:
        """Return when all writes have been done or have failed. Never raises."""
        self._closing.set()
        await self._begins.close()
        await self._ends.close()
        if self._tidying is not None:
            await self._tidying
        await self._heartbeat.close(is_idle=not self._open)

    def _forget(self, call_id: str) -> None:
        # A call refused before it began has no row to take away.
        if call_id not in self._open:
            return
        self._open.discard(call_id)
        self._ended.append(call_id)
        if self._tidying is None or self._tidying.done():
            self._tidying = asyncio.create_task(self._tidy())

    async def _tidy(self) -> None:
        while self._ended:
            await self._wait_for_company()
            ended, self._ended = self._ended, []
            await self._delete([delete(self._worker_id, call_id) for call_id in ended])

    async def _wait_for_company(self) -> None:
        try:
            async with asyncio.timeout(_TIDY_SECONDS):
                await self._closing.wait()
        except TimeoutError:
            return

    async def _delete(self, writes: list[TableWrite]) -> None:
        results = await asyncio.gather(*map(self._deletes.submit, writes), return_exceptions=True)
        failures = [result for result in results if isinstance(result, Exception)]
        if failures:
            logger.warning("opencalls.not_deleted", extra={"rows": len(failures), "reason": str(failures[0])})
