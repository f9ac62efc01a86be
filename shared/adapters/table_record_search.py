"""Finds rows of the table `usage` by principal, time and id: a partition at a time, and of it no more than is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableEntity
from azure.data.tables.aio import TableServiceClient

from shared.adapters.table_partitions import partitions
from shared.adapters.table_service import storage_errors
from shared.adapters.table_usage_records import understood_record
from shared.adapters.usage_columns import USAGE_TABLE
from shared.domain.record_pages import PrincipalId, RecordFilter
from shared.domain.usage_keys import day_prefix, row_time, usage_partition
from shared.domain.usage_record import UsageRecord
from shared.ports.record_search import WrittenRecord

# The characters after "_" and after all that an id may hold.
_AFTER_UNDERSCORE = "`"
_AFTER_IDS = "~"
# To tell that an id is none is enough.
_FEW = 3
_READING = "reading usage records"


class TableRecordSearch:
    """Fulfils RecordSearch, RecordsById and NewRecords. The client is the bootstrap's, to open and to close."""

    def __init__(self, service: TableServiceClient) -> None:
        self._table = service.get_table_client(USAGE_TABLE)

    async def principals(self, day: date) -> Sequence[PrincipalId]:
        """
        Return who has records of a day: a request for each, or for a hundred rows where they have few.

        Raises:
            StorageUnavailable, StorageRejected
        """
        prefix = day_prefix(day)
        with storage_errors(_READING):
            keys = [key async for key in partitions(self._table, prefix, _end_of(prefix))]
        return [principal for key in keys for principal in _principals(key, prefix)]

    async def within(
        self,
        principal: PrincipalId,
        begun_from: datetime,
        begun_before: datetime,
        only: RecordFilter,
        *,
        page_size: int,
    ) -> AsyncIterator[Sequence[UsageRecord]]:
        """
        Yield a principal's records of a part of a day, oldest first, a page at a time.

        A row that cannot be understood is logged and left out: it must not hide the others.

        Raises:
            StorageUnavailable, StorageRejected
        """
        conditions = ["PartitionKey eq @partition", "RowKey ge @first_row", "RowKey lt @end_row"]
        parameters = {
            "partition": usage_partition(begun_from.astimezone(UTC).date(), *principal),
            "first_row": row_time(begun_from),
            "end_row": row_time(begun_before),
        }
        # The service tests these, so that what is not asked for does not travel. A column that is absent is
        # equal to nothing: that one our caller tests.
        for column in ("deployment", "model", "operation", "outcome"):
            if value := getattr(only, column):
                conditions.append(f"{column} eq @{column}")
                parameters[column] = str(value)
        async for page in self._pages(conditions, parameters, page_size):
            yield [record for row in page if (record := understood_record(row))]

    async def with_id(
        self, call_id: str, begun_from: datetime, begun_before: datetime, principal: PrincipalId | None
    ) -> Sequence[UsageRecord]:
        """
        Return the records of a part of a day whose call id is this one, or begins so; at most a few.

        Raises:
            StorageUnavailable, StorageRejected
        """
        day = begun_from.astimezone(UTC).date()
        prefix = usage_partition(day, *principal) if principal else day_prefix(day)
        conditions = [
            "PartitionKey eq @first" if principal else "PartitionKey ge @first and PartitionKey lt @end",
            "RowKey ge @first_row and RowKey lt @end_row and call_id ge @id and call_id lt @end_id",
        ]
        parameters = {
            "first": prefix,
            "end": _end_of(prefix),
            "first_row": row_time(begun_from),
            "end_row": row_time(begun_before),
            "id": call_id,
            "end_id": call_id + _AFTER_IDS,
        }
        found: list[UsageRecord] = []
        async for page in self._pages(conditions, parameters, _FEW):
            found += [record for row in page if (record := understood_record(row))]
            if len(found) >= _FEW:
                break
        return found

    async def written_since(
        self, principal: PrincipalId, begun_from: datetime, day: date, written_after: datetime | None
    ) -> Sequence[WrittenRecord]:
        """
        Return a principal's records of a day, begun at or after a time and written after another.

        Raises:
            StorageUnavailable, StorageRejected
        """
        conditions = ["PartitionKey eq @partition", "RowKey ge @first_row"]
        parameters: dict[str, Any] = {
            "partition": usage_partition(day, *principal),
            "first_row": row_time(begun_from),
        }
        if written_after is not None:
            conditions.append("Timestamp gt @written_after")
            parameters["written_after"] = written_after
        pages = self._pages(conditions, parameters, None)
        return [written async for page in pages for row in page for written in _written(row)]

    async def _pages(
        self, conditions: Sequence[str], parameters: dict[str, Any], page_size: int | None
    ) -> AsyncIterator[list[TableEntity]]:
        query = self._table.query_entities(" and ".join(conditions), parameters=parameters, results_per_page=page_size)
        with storage_errors(_READING):
            try:
                async for page in query.by_page():
                    if rows := [row async for row in page]:
                        yield rows
            except ResourceNotFoundError:
                # No table: nothing has been recorded yet.
                return


def _end_of(prefix: str) -> str:
    """Return what sorts behind all that begins so."""
    return prefix[:-1] + _AFTER_UNDERSCORE


def _principals(partition_key: str, prefix: str) -> Iterator[PrincipalId]:
    """Yield whose partition it is. One that is not ours is nobody's."""
    tenant_id, underscore, object_id = partition_key.removeprefix(prefix).partition("_")
    if underscore and object_id:
        yield PrincipalId(tenant_id, object_id)


def _written(row: TableEntity) -> Iterator[WrittenRecord]:
    record, timestamp = understood_record(row), row.metadata["timestamp"]
    if record is not None and timestamp is not None:
        # The SDK's own class of datetime carries its text along.
        yield WrittenRecord(record=record, written_at=datetime.combine(timestamp.date(), timestamp.timetz()))
