"""Reads the table `usage` with Microsoft's own client: it is not on the path of a call."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableServiceClient

from shared.adapters.table_service import storage_errors
from shared.adapters.usage_columns import USAGE_TABLE, usage_record
from shared.domain.usage_keys import day_prefix, row_time, usage_partition
from shared.domain.usage_record import UsageRecord

logger = logging.getLogger(__name__)

# The character after "_", with which the prefix of a day ends.
_AFTER_UNDERSCORE = "`"


class TableUsageRecords:
    """Fulfils UsageRecords. The client is the bootstrap's, to open and to close."""

    def __init__(self, service: TableServiceClient) -> None:
        self._table = service.get_table_client(USAGE_TABLE)

    async def between(
        self,
        begun_from: datetime,
        begun_before: datetime,
        *,
        tenant_id: str | None = None,
        object_id: str | None = None,
    ) -> AsyncIterator[Sequence[UsageRecord]]:
        """
        Yield the records begun in [begun_from, begun_before), a page at a time, by day and principal.

        A row that cannot be understood is logged and left out: it must not hide the others.

        Raises:
            StorageUnavailable, StorageRejected
        """
        if begun_from >= begun_before:
            return
        for query in _queries(begun_from, begun_before, tenant_id, object_id):
            async for page in self._pages(query):
                if page:
                    yield page

    async def _pages(self, query: _Query) -> AsyncIterator[list[UsageRecord]]:
        with storage_errors("reading usage records"):
            pages = self._table.query_entities(query.filter, parameters=query.parameters).by_page()
            try:
                async for rows in pages:
                    yield [record async for row in rows if (record := understood_record(row))]
            except ResourceNotFoundError:
                # No table: nothing has been recorded yet.
                return


@dataclass(frozen=True, slots=True)
class _Query:
    """A filter, and what the SDK puts, quoted, for its @names."""

    filter: str
    parameters: dict[str, str]


def _queries(
    begun_from: datetime, begun_before: datetime, tenant_id: str | None, object_id: str | None
) -> Iterator[_Query]:
    rows = "RowKey ge @first_row and RowKey lt @end_row"
    row_range = {"first_row": row_time(begun_from), "end_row": row_time(begun_before)}
    first, last = _day(begun_from), _day(begun_before - timedelta(microseconds=1))
    if tenant_id is None and object_id is None:
        # One range of partitions; all that sorts between two days is a principal of one of them.
        partitions = {"first": day_prefix(first), "end": day_prefix(last)[:-1] + _AFTER_UNDERSCORE}
        yield _Query(f"PartitionKey ge @first and PartitionKey lt @end and {rows}", partitions | row_range)
        return
    if tenant_id is None or object_id is None:
        raise ValueError("a principal is a tenant id and an object id")
    for day in _days(first, last):
        partition = {"partition": usage_partition(day, tenant_id, object_id)}
        yield _Query(f"PartitionKey eq @partition and {rows}", partition | row_range)


def _day(time: datetime) -> date:
    return time.astimezone(UTC).date()


def _days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def understood_record(row: Mapping[str, Any]) -> UsageRecord | None:
    """Return the record of a row; None, and a line in the log, where the row is not one we wrote."""
    try:
        return usage_record(row)
    except ValueError as error:
        keys = {"partition_key": row["PartitionKey"], "row_key": row["RowKey"]}
        logger.warning("usage.row_not_understood", extra={**keys, "reason": str(error)})
        return None
