"""Reads what Azure has logged, of all its resources, for reconciliation. With Microsoft's own client."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableServiceClient

from shared.adapters.log_columns import log_entry
from shared.adapters.table_service import storage_errors
from shared.domain.logs.entries import AuditEvent, AuditKind, CallUsage, LogEntry, MetricPoint, ServiceCall
from shared.domain.logs.keys import (
    AUDIT_EVENTS_TABLE,
    METRICS_TABLE,
    SERVICE_CALLS_TABLE,
    key_part,
    usage_row,
)
from shared.domain.reconciliation.calls import AzureCall

logger = logging.getLogger(__name__)

_E = TypeVar("_E", bound=LogEntry)

_USAGE_ROW_END = usage_row("")
# The character after "_", with which an hour ends, and a day.
_AFTER_UNDERSCORE = "`"
_MICROSECOND = timedelta(microseconds=1)


class TableLoggedCalls:
    """Fulfils LoggedCalls. The client is the bootstrap's, to open and to close."""

    def __init__(self, service: TableServiceClient) -> None:
        self._service = service

    async def of_hour(self, hour: datetime) -> AsyncIterator[Sequence[AzureCall | CallUsage]]:
        """Yield the calls that began in an hour, and what was logged in it of what calls used. See LoggedCalls."""
        async for rows in self._calls(_partitions_of_hour(hour), "", {}):
            yield [entry for row in rows for entry in _call_or_usage(row)]

    async def begun_between(self, begun_from: datetime, begun_before: datetime) -> AsyncIterator[Sequence[AzureCall]]:
        """Yield the calls of one hour that are known to have begun between two times. See LoggedCalls."""
        where = " and requested_at ge @from and requested_at lt @before"
        times = {"from": begun_from, "before": begun_before}
        async for rows in self._calls(_partitions_of_hour(begun_from), where, times):
            yield [call for row in rows for call in _logged(row)]

    async def usage_between(self, logged_from: datetime, logged_before: datetime) -> AsyncIterator[Sequence[CallUsage]]:
        """Yield what calls used, as far as it was logged between two times of one hour. See LoggedCalls."""
        where = " and logged_at ge @from and logged_at lt @before"
        times = {"from": logged_from, "before": logged_before}
        async for rows in self._calls(_partitions_of_hour(logged_from), where, times):
            usages = (row for row in rows if _is_usage(row))
            yield [usage for row in usages for usage in _entries(row, CallUsage)]

    async def find(self, hour: datetime, correlation_id: str) -> ServiceCall | None:
        """Return a call of an hour, of whatever resource. See LoggedCalls."""
        parameters = {"row": key_part(correlation_id)}
        async for rows in self._calls(_partitions_of_hour(hour), " and RowKey eq @row", parameters):
            for row in rows:
                return next(_entries(row, ServiceCall), None)
        return None

    async def events(
        self, occurred_from: datetime, occurred_before: datetime, kinds: Iterable[AuditKind]
    ) -> Sequence[AuditEvent]:
        """Return the control-plane events of these kinds. See LoggedCalls."""
        wanted = " or ".join(f"kind eq '{kind.value}'" for kind in sorted(kinds))
        query = (
            "PartitionKey ge @first and PartitionKey lt @end and occurred_at ge @from and occurred_at lt @before "
            f"and ({wanted})"
        )
        days = {"first": f"{_day(occurred_from)}_", "end": f"{_day(occurred_before - _MICROSECOND)}{_AFTER_UNDERSCORE}"}
        parameters = {**days, "from": occurred_from, "before": occurred_before}
        pages = self._pages(AUDIT_EVENTS_TABLE, query, parameters, AuditEvent)
        return [event async for rows in pages for row in rows for event in _entries(row, AuditEvent)]

    async def minutes(self, hour: datetime, metric: str) -> Sequence[MetricPoint]:
        """Return the minutes of an hour of a metric. See LoggedCalls."""
        query = "PartitionKey ge @first and PartitionKey lt @end and RowKey ge @row and RowKey lt @end_row"
        row = f"{key_part(metric)}_{hour.astimezone(UTC):%Y%m%dT%H}"
        parameters = {
            "first": f"{_day(hour)}_",
            "end": f"{_day(hour)}{_AFTER_UNDERSCORE}",
            "row": row,
            "end_row": f"{row}~",
        }
        pages = self._pages(METRICS_TABLE, query, parameters, MetricPoint)
        return [point async for rows in pages for row in rows for point in _entries(row, MetricPoint)]

    def _calls(
        self, partitions: Mapping[str, str], where: str, parameters: Mapping[str, Any]
    ) -> AsyncIterator[list[Mapping[str, Any]]]:
        query = f"PartitionKey ge @first and PartitionKey lt @end{where}"
        # Of a row of usage, the columns are among those of a call but for one.
        return self._pages(SERVICE_CALLS_TABLE, query, {**partitions, **parameters}, ServiceCall, CallUsage)

    async def _pages(
        self, table: str, query: str, parameters: Mapping[str, Any], *kinds: type[LogEntry]
    ) -> AsyncIterator[list[Mapping[str, Any]]]:
        # All but what is long: `extra` may be half a megabyte.
        columns = {name for kind in kinds for name in kind.__struct_fields__} - {"extra"}
        select = sorted(columns | {"PartitionKey", "RowKey", "Timestamp"})
        with storage_errors(f"reading table {table!r}"):
            client = self._service.get_table_client(table)
            try:
                async for rows in client.query_entities(query, parameters=dict(parameters), select=select).by_page():
                    yield [row async for row in rows]
            except ResourceNotFoundError:
                # No table: nothing has been logged yet.
                return


def _partitions_of_hour(hour: datetime) -> Mapping[str, str]:
    text = f"{hour.astimezone(UTC):%Y%m%dT%H}"
    return {"first": f"{text}_", "end": f"{text}{_AFTER_UNDERSCORE}"}


def _day(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y%m%d}"


def _is_usage(row: Mapping[str, Any]) -> bool:
    return str(row["RowKey"]).endswith(_USAGE_ROW_END)


def _call_or_usage(row: Mapping[str, Any]) -> Iterator[AzureCall | CallUsage]:
    return _entries(row, CallUsage) if _is_usage(row) else _logged(row)


def _logged(row: Any) -> Iterator[AzureCall]:
    arrived_at = row.metadata["timestamp"]
    for call in _entries(row, ServiceCall):
        yield AzureCall(call, datetime.combine(arrived_at.date(), arrived_at.timetz()))


def _entries(row: Mapping[str, Any], kind: type[_E]) -> Iterator[_E]:
    try:
        # A column of the other kind that was asked for, and is not there, is None.
        yield log_entry({name: value for name, value in row.items() if value is not None}, kind)
    except (ValueError, msgspec.MsgspecError) as error:
        keys = {"partition_key": row["PartitionKey"], "row_key": row["RowKey"]}
        logger.warning("logs.row_not_understood", extra={**keys, "reason": str(error)})
