"""
What logs say, in tables: entity-group transactions of inserts, up to a hundred rows each.

Nearly every line is new, so a row is inserted as if it were, without a look whether it is there. Where the
service says that one of a transaction is, its rows are read, and each becomes what is due: nothing, where
the row says it all; the richer of both, while the row is still of the version that was read; or an insert.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableServiceClient

from shared.adapters.group_commit import Transactions
from shared.adapters.log_columns import log_entity, log_entry
from shared.adapters.table_service import storage_errors
from shared.adapters.table_wire import Refusal, TableWrite, insert, replace
from shared.domain.errors import StorageRejected
from shared.domain.logs.entries import LogEntry
from shared.domain.logs.keys import EntryKey, entry_key
from shared.domain.logs.merging import richer_of
from shared.domain.logs.reading import PutOutcome, PutResult
from shared.domain.table_entity import MAX_BATCH_BYTES, MAX_BATCH_ENTITIES

_PATIENCE_SECONDS = 60.0
_CONCURRENT_COMMITS = 8
_CONCURRENT_READS = 32
# The closing lines of a transaction.
_ENVELOPE_BYTES = 512
# The row is there; it has changed since we read it; it has gone since.
_OTHER_THAN_THOUGHT = frozenset({"EntityAlreadyExists", "UpdateConditionNotSatisfied", "ResourceNotFound"})

_STORED = PutResult(PutOutcome.STORED)
_DUPLICATE = PutResult(PutOutcome.DUPLICATE)


class TableLogStore:
    """Fulfils LogStore. Client and transactions are the bootstrap's, to open and to close."""

    def __init__(
        self, service: TableServiceClient, transactions: Transactions, *, patience_seconds: float = _PATIENCE_SECONDS
    ) -> None:
        """A write that is not durable after `patience_seconds` has failed."""
        self._service = service
        self._transactions = transactions
        self._patience_seconds = patience_seconds
        self._commits = asyncio.Semaphore(_CONCURRENT_COMMITS)
        self._reads = asyncio.Semaphore(_CONCURRENT_READS)

    async def put(self, entries: Sequence[LogEntry]) -> Sequence[PutResult]:
        """
        Make entries durable, and say of each, in order, what came of it; see LogStore.

        Raises:
            StorageUnavailable: it is not known of all of them.
        """
        rows: dict[EntryKey, _Row] = {}
        gathered = [_gather(rows, entry) for entry in entries]
        deadline = asyncio.get_running_loop().time() + self._patience_seconds
        await asyncio.gather(*(self._settle(table, group, deadline) for table, group in _groups(rows.values())))
        return [known or row.result for known, row in gathered]

    async def _settle(self, table: str, group: list[_Row], deadline: float) -> None:
        """Commit a group of rows, or what is left of it when those are out that are there or are refused."""
        groups = [group]
        while groups:
            group = groups.pop()
            async with self._commits:
                writes = [row.write for row in group if row.write]
                refusal = await self._transactions.commit(table, writes, deadline=deadline)
            if refusal is None:
                continue
            if refusal.code in _OTHER_THAN_THOUGHT:
                groups += await self._compared(table, group)
            else:
                groups += _taken_apart(table, group, refusal)

    async def _compared(self, table: str, group: list[_Row]) -> list[list[_Row]]:
        """Return the rows that are still to be written, as a group, when all were held against what is there."""
        await asyncio.gather(*(self._compare(table, row) for row in group))
        left = [row for row in group if row.write]
        return [left] if left else []

    async def _compare(self, table: str, row: _Row) -> None:
        client = self._service.get_table_client(table)
        async with self._reads:
            with storage_errors(f"reading a row of table {table!r}"):
                try:
                    found = await client.get_entity(row.key.partition_key, row.key.row_key)
                except ResourceNotFoundError:
                    row.insert()
                    return
        row.merge_into(found, found.metadata["etag"] or "")


class _Row:
    """An entry on its way into its row: what is to be written, or where that is nothing, what came of it."""

    __slots__ = ("entry", "key", "result", "write")

    def __init__(self, key: EntryKey, entry: LogEntry) -> None:
        self.key = key
        self.entry = entry
        self.write: TableWrite | None = None
        self.result = _STORED

    def insert(self) -> None:
        """Write it as a new row."""
        try:
            self.write = insert(log_entity(self.key, self.entry))
        except StorageRejected as error:
            self.refuse(str(error))

    def merge_into(self, row: Mapping[str, Any], version: str) -> None:
        """Write it as the richer of both; not at all, where the row says as much."""
        try:
            kept = log_entry(row, type(self.entry))
            before, after = (log_entity(self.key, entry) for entry in (kept, richer_of(kept, self.entry)))
            self.write = replace(after, version) if after != before else None
        except ValueError:
            self.refuse("the row that is there is not one we wrote")
        except StorageRejected as error:
            self.refuse(str(error))
        else:
            self.result = _STORED if self.write else _DUPLICATE

    def refuse(self, reason: str) -> None:
        """Write nothing, ever."""
        self.write = None
        self.result = PutResult(PutOutcome.REFUSED, reason)


def _gather(rows: dict[EntryKey, _Row], entry: LogEntry) -> tuple[PutResult | None, _Row]:
    """Return the row of an entry, and what came of the entry where the row does not tell."""
    key = entry_key(entry)
    row = rows.get(key)
    if row is None:
        row = rows[key] = _Row(key, entry)
        return None, row
    richer = richer_of(row.entry, entry)
    is_known = richer == row.entry
    row.entry = richer
    return (_DUPLICATE if is_known else None), row


def _groups(rows: Iterable[_Row]) -> Iterator[tuple[str, list[_Row]]]:
    """Yield rows, as inserts, in groups that one transaction can hold, each with its table."""
    partitions: defaultdict[tuple[str, str], list[_Row]] = defaultdict(list)
    for row in rows:
        row.insert()
        if row.write:
            partitions[row.key.table, row.key.partition_key].append(row)
    for (table, _), in_partition in partitions.items():
        for group in _transactions(in_partition):
            yield table, group


def _transactions(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    group: list[_Row] = []
    size = _ENVELOPE_BYTES
    for row in rows:
        row_size = row.write.batch_bytes if row.write else 0
        if len(group) == MAX_BATCH_ENTITIES or (group and size + row_size > MAX_BATCH_BYTES):
            yield group
            group, size = [], _ENVELOPE_BYTES
        group.append(row)
        size += row_size
    yield group


def _taken_apart(table: str, group: list[_Row], refusal: Refusal) -> list[list[_Row]]:
    """Return what to try again after a refusal: all but the guilty row, or halves where nobody said which it is."""
    guilty = 0 if len(group) == 1 else refusal.index
    if guilty is None or guilty >= len(group):
        middle = len(group) // 2
        return [group[:middle], group[middle:]]
    group[guilty].refuse(f"table {table!r} refuses the row: {refusal}")
    rest = group[:guilty] + group[guilty + 1 :]
    return [rest] if rest else []
