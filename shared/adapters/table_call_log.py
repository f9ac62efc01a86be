"""Finds a call in the table `servicecalls` by Azure's id for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableServiceClient

from shared.adapters.log_columns import log_entry
from shared.adapters.table_partitions import partitions
from shared.adapters.table_service import storage_errors
from shared.domain.call_story import LoggedCall
from shared.domain.logs.entries import CallUsage, LogEntry, ServiceCall
from shared.domain.logs.keys import SERVICE_CALLS_TABLE, key_part, usage_row
from shared.domain.usage_record import UsageRecord

logger = logging.getLogger(__name__)

_E = TypeVar("_E", bound=LogEntry)

_HOUR = timedelta(hours=1)
# By when the tokens of a call are logged after its end; they stand in the hour of that.
_USAGE_LAG = timedelta(minutes=15)
_LONGEST_CALL = timedelta(hours=12)
# Azure's clock and ours.
_SKEW = timedelta(minutes=5)
_AFTER_UNDERSCORE = "`"


class TableCallLog:
    """Fulfils CallLog. The client is the bootstrap's, to open and to close."""

    def __init__(self, service: TableServiceClient) -> None:
        self._table = service.get_table_client(SERVICE_CALLS_TABLE)

    async def of_record(self, record: UsageRecord) -> LoggedCall | None:
        """
        Return what Azure logged under the id it gave the answer, in the hours the call was under way.

        Raises:
            StorageUnavailable, StorageRejected
        """
        correlation_id = (record.apim_request_id or "").lower()
        if not correlation_id:
            return None
        # A call that was swept ended whenever somebody noticed.
        last = min(record.ended_at + _USAGE_LAG, record.call.begun_at + _LONGEST_CALL)
        hours = _hours(record.call.begun_at - _SKEW, last)
        with storage_errors("reading service calls"):
            keys = [
                key for hour in hours async for key in partitions(self._table, f"{hour}_", hour + _AFTER_UNDERSCORE)
            ]
            call, usage = await asyncio.gather(
                self._first(keys, key_part(correlation_id), ServiceCall),
                self._first(keys, usage_row(correlation_id), CallUsage),
            )
        return LoggedCall(call=call, usage=usage) if call or usage else None

    async def _first(self, keys: list[str], row_key: str, kind: type[_E]) -> _E | None:
        found = await asyncio.gather(*(self._get(key, row_key, kind) for key in keys))
        return next((entry for entry in found if entry), None)

    async def _get(self, partition_key: str, row_key: str, kind: type[_E]) -> _E | None:
        try:
            return log_entry(await self._table.get_entity(partition_key, row_key), kind)
        except ResourceNotFoundError:
            return None
        except ValueError as error:
            keys = {"partition_key": partition_key, "row_key": row_key}
            logger.warning("servicecalls.row_not_understood", extra={**keys, "reason": type(error).__name__})
            return None


def _hours(first: datetime, last: datetime) -> Iterator[str]:
    """Yield what the partitions of each hour begin with."""
    hour = first.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while hour <= last:
        yield f"{hour:%Y%m%dT%H}"
        hour += _HOUR
