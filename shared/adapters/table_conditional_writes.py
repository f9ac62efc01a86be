"""Writes that are done only where a row is still as it was read, in transactions as large as they may be."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from shared.adapters.group_commit import Transactions
from shared.adapters.table_wire import Refusal, TableWrite
from shared.domain.table_entity import MAX_BATCH_BYTES, MAX_BATCH_ENTITIES

logger = logging.getLogger(__name__)

_PATIENCE_SECONDS = 30.0
_CONCURRENT_COMMITS = 8
# The closing lines of a transaction.
_ENVELOPE_BYTES = 512
# Somebody was faster: the row is there, has changed, or has gone.
_OTHER_THAN_THOUGHT = frozenset({"EntityAlreadyExists", "UpdateConditionNotSatisfied", "ResourceNotFound"})


class TableConditionalWrites:
    """Does writes whose rows are as they were thought to be, and says which those were."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._slots = asyncio.Semaphore(_CONCURRENT_COMMITS)

    async def do(self, table: str, writes: Sequence[TableWrite]) -> list[bool]:
        """
        Return of each write, each of another row, whether it was done. One that is refused for itself is logged.

        One that was done and whose answer was lost may be taken for one that was not.

        Raises:
            StorageUnavailable: nobody knows which were done.
        """
        results: dict[tuple[str, str], bool] = {}
        groups = list(_groups(writes))
        await asyncio.gather(*(self._settle(table, group, results) for group in groups))
        return [results[write.partition_key, write.row_key] for write in writes]

    async def _settle(self, table: str, group: list[TableWrite], results: dict[tuple[str, str], bool]) -> None:
        """Commit a group, or what is left of it when those are out that are refused."""
        groups = [group]
        while groups:
            group = groups.pop()
            async with self._slots:
                deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
                refusal = await self._transactions.commit(table, group, deadline=deadline)
            if refusal is None:
                results |= {(write.partition_key, write.row_key): True for write in group}
            elif len(group) > 1:
                groups += _taken_apart(group, refusal)
            else:
                results[group[0].partition_key, group[0].row_key] = _is_done(table, group[0], refusal)


def _is_done(table: str, write: TableWrite, refusal: Refusal) -> bool:
    if write.method == "DELETE" and write.is_done(refusal):
        return True
    if refusal.code not in _OTHER_THAN_THOUGHT:
        keys = {"partition_key": write.partition_key, "row_key": write.row_key}
        logger.error("storage.row_refused", extra={"table": table, **keys, "reason": str(refusal)})
    return False


def _taken_apart(group: list[TableWrite], refusal: Refusal) -> list[list[TableWrite]]:
    guilty = refusal.index
    if guilty is None or guilty >= len(group):
        middle = len(group) // 2
        return [group[:middle], group[middle:]]
    return [part for part in (group[:guilty] + group[guilty + 1 :], [group[guilty]]) if part]


def _groups(writes: Iterable[TableWrite]) -> Iterator[list[TableWrite]]:
    """Yield writes in groups that one transaction can hold."""
    partitions: defaultdict[str, list[TableWrite]] = defaultdict(list)
    for write in writes:
        partitions[write.partition_key].append(write)
    for in_partition in partitions.values():
        group: list[TableWrite] = []
        size = _ENVELOPE_BYTES
        for write in in_partition:
            if len(group) == MAX_BATCH_ENTITIES or (group and size + write.batch_bytes > MAX_BATCH_BYTES):
                yield group
                group, size = [], _ENVELOPE_BYTES
            group.append(write)
            size += write.batch_bytes
        yield group
