"""Group commit: writes of one partition that are in flight together share a transaction.

A write waits for a commit, not for a queue: where nothing is in flight it goes at once; while a
transaction of its partition is in flight it gathers with the others, and they go in the next.
"""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from shared.adapters.table_wire import Refusal, TableWrite
from shared.domain.errors import StorageRejected, StorageUnavailable
from shared.domain.table_entity import MAX_BATCH_BYTES, MAX_BATCH_ENTITIES

# Partitions that commit at the same time; each takes a connection of its own.
_CONCURRENT_COMMITS = 32
# The closing lines of a transaction.
_ENVELOPE_BYTES = 512


class Transactions(Protocol):
    """What GroupCommit needs of TableTransactions."""

    async def commit(self, table: str, writes: Sequence[TableWrite], *, deadline: float) -> Refusal | None:
        """Do all writes or none; see TableTransactions.commit."""
        ...


class GroupCommit:
    """Commits the writes to one table, a transaction at a time for each partition."""

    def __init__(
        self,
        transactions: Transactions,
        table: str,
        *,
        patience_seconds: float,
        concurrent_commits: int = _CONCURRENT_COMMITS,
    ) -> None:
        """A write fails when it is not durable `patience_seconds` after it was submitted."""
        self._transactions = transactions
        self._table = table
        self._patience_seconds = patience_seconds
        self._slots = asyncio.Semaphore(concurrent_commits)
        # Only partitions with something to write: callers come and go, and their partitions with them.
        self._waiting: dict[str, deque[_PendingWrite]] = {}
        self._committers: set[asyncio.Task[None]] = set()

    def submit(self, write: TableWrite) -> asyncio.Future[None]:
        """
        Return a future that is done when the write is durable.

        Who cancels the future stops waiting; the write, and those it shares a transaction with, go on.

        The future raises:
            StorageRejected: the service refuses this row.
            StorageUnavailable: it is not known to be durable, and will not be sent again.
        """
        pending = _PendingWrite(write, self._patience_seconds)
        waiting = self._waiting.get(write.partition_key)
        if waiting is not None:
            waiting.append(pending)
            return pending.durable
        self._waiting[write.partition_key] = waiting = deque([pending])
        committer = asyncio.create_task(self._commit_all(write.partition_key, waiting))
        self._committers.add(committer)
        committer.add_done_callback(self._committers.discard)
        return pending.durable

    async def close(self) -> None:
        """Return when all that was submitted is durable or has failed. Never raises."""
        while self._committers:
            await asyncio.wait(self._committers)

    async def _commit_all(self, partition_key: str, waiting: deque[_PendingWrite]) -> None:
        try:
            while waiting:
                async with self._slots:
                    await self._settle(next_group(waiting))
        finally:
            del self._waiting[partition_key]

    async def _settle(self, group: list[_PendingWrite]) -> None:
        try:
            await self._commit(group)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is those who wait that must hear it
            for pending in group:
                pending.fail(error)

    async def _commit(self, group: list[_PendingWrite]) -> None:
        """Commit a group; where the service refuses it, take it apart until only the guilty rows are left out."""
        groups = [group]
        while groups:
            group = groups.pop()
            refusal = await self._send(group)
            if refusal is None:
                for pending in group:
                    pending.succeed()
            else:
                groups += self._take_apart(group, refusal)

    async def _send(self, group: list[_PendingWrite]) -> Refusal | None:
        if not group:
            return None
        writes = [pending.write for pending in group]
        # Each caller stops waiting at its own deadline; the transaction goes on for the last of them.
        deadline = max(pending.deadline for pending in group)
        return await self._transactions.commit(self._table, writes, deadline=deadline)

    def _take_apart(self, group: list[_PendingWrite], refusal: Refusal) -> list[list[_PendingWrite]]:
        guilty = 0 if len(group) == 1 else refusal.index
        if guilty is None or guilty >= len(group):
            middle = len(group) // 2
            return [group[:middle], group[middle:]]
        group[guilty].refuse(self._table, refusal)
        return [group[:guilty] + group[guilty + 1 :]]


class _PendingWrite:
    """A write and who waits for it."""

    __slots__ = ("deadline", "durable", "write")

    def __init__(self, write: TableWrite, patience_seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self.write = write
        self.deadline = loop.time() + patience_seconds
        self.durable: asyncio.Future[None] = loop.create_future()
        expiry = loop.call_at(self.deadline, self._expire)
        self.durable.add_done_callback(lambda _: expiry.cancel())

    @property
    def is_given_up(self) -> bool:
        """Whether its caller was told that it failed. One that was cancelled was told nothing: its write goes on."""
        return self.durable.done() and not self.durable.cancelled()

    def succeed(self) -> None:
        if not self.durable.done():
            self.durable.set_result(None)

    def refuse(self, table: str, refusal: Refusal) -> None:
        if self.write.is_done(refusal):
            self.succeed()
        else:
            self.fail(StorageRejected(f"table {table!r} refuses the row: {refusal}"))

    def fail(self, error: Exception) -> None:
        if not self.durable.done():
            # A copy for each: those who raise the same exception would add to one another's tracebacks.
            self.durable.set_exception(copy.copy(error))

    def _expire(self) -> None:
        self.fail(StorageUnavailable("the write was not durable in time"))


def next_group(waiting: deque[_PendingWrite]) -> list[_PendingWrite]:
    """Take from the front of the queue what one transaction can hold: a row may be in it only once."""
    group: list[_PendingWrite] = []
    rows: set[str] = set()
    postponed: list[_PendingWrite] = []
    size = _ENVELOPE_BYTES
    while waiting and len(group) < MAX_BATCH_ENTITIES:
        pending = waiting.popleft()
        if pending.is_given_up:
            continue
        if pending.write.row_key in rows:
            postponed.append(pending)
            continue
        if group and size + pending.write.batch_bytes > MAX_BATCH_BYTES:
            postponed.append(pending)
            break
        group.append(pending)
        rows.add(pending.write.row_key)
        size += pending.write.batch_bytes
    # Two writes of one row keep their order.
    waiting.extendleft(reversed(postponed))
    return group
