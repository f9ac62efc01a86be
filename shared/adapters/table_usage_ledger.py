"""The ledger in Table Storage: `opencalls` for calls that have begun, `usage` for those that have ended.

A call's row in `usage` is keyed by when it began, so whoever ends it, and however often, there is one
row. Once that is durable it is noted for the rollups, and then its row in `opencalls` is taken away, both in
the background: a crash in between leaves a row that the sweeper finds ended.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from shared.adapters.group_commit import GroupCommit, Transactions
from shared.adapters.landed_calls import LandedCall, LandedCalls
from shared.adapters.table_usage_entries import read_entry
from shared.adapters.table_wire import TableWrite, delete, insert, upsert
from shared.adapters.table_worker_heartbeat import TableWorkerHeartbeat
from shared.adapters.usage_columns import OPEN_CALLS_TABLE, USAGE_TABLE, open_call_entity, usage_entity, usage_keys
from shared.domain.usage_entry import UsageEntry
from shared.domain.usage_record import OpenCall, UsageRecord


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
        self._landed = LandedCalls(transactions, worker_id=worker_id, patience_seconds=patience.end_seconds)
        self._open: set[str] = set()

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
            begun.add_done_callback(lambda _: self._never_made(call.call_id))
            raise

    async def end(self, record: UsageRecord) -> None:
        """
        Make the end of a call durable, begun here, elsewhere or never. A repeated end replaces.

        Raises:
            StorageUnavailable, StorageRejected
        """
        write = upsert(usage_entity(record))
        entry = read_entry(write.body)
        if record.audit is not None and self._landed.says_nothing_new(entry):
            # The same record once more, with another count beside it.
            await self._ends.submit(write)
            return
        await self._land(write, record.call.call_id, entry)

    async def abandon(self, record: UsageRecord) -> None:
        """
        Make the record of a call durable whose worker is gone; one that is there already stays.

        Raises:
            StorageUnavailable, StorageRejected
        """
        # Which of the two it is that stands there, only the table knows.
        await self._land(insert(usage_entity(record)), record.call.call_id, None)

    async def withdraw(self, record: UsageRecord) -> None:
        """
        Take a record away again; one that is not there is as good.

        Raises:
            StorageUnavailable, StorageRejected
        """
        await self._land(delete(*usage_keys(record.call)), record.call.call_id, None)

    async def close(self) -> None:
        """Return when all writes have been done or have failed. Never raises."""
        self._landed.hurry()
        await self._begins.close()
        await self._ends.close()
        await self._landed.close()
        await self._heartbeat.close(is_idle=not self._open and self._landed.is_tidy)

    async def _land(self, write: TableWrite, call_id: str, entry: UsageEntry | None) -> None:
        """
        Write a row of `usage`, or take one away, so that rollups learn of it wherever this process is killed.

        `entry` is what the row says now; None where only the table knows.
        """
        held_id = None
        if call_id not in self._open:
            # No row in `opencalls` says that one may land.
            held_id = await self._landed.hold(write.partition_key, write.row_key)
        await self._ends.submit(write)
        self._landed.add(
            LandedCall(
                key=(write.partition_key, write.row_key),
                entry=entry,
                open_call_id=None if held_id else call_id,
                held_id=held_id,
            )
        )
        self._open.discard(call_id)

    def _never_made(self, call_id: str) -> None:
        self._open.discard(call_id)
        self._landed.add(LandedCall(open_call_id=call_id))
