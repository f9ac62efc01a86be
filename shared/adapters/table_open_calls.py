"""Reads the table `opencalls` for the sweeper, with Microsoft's own client: it is not on the path of a call."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import TableEntity
from azure.data.tables.aio import TableServiceClient

from shared.adapters.group_commit import GroupCommit, Transactions
from shared.adapters.table_service import storage_errors
from shared.adapters.table_wire import delete, upsert
from shared.adapters.usage_columns import (
    HEARTBEAT_ROW,
    OPEN_CALLS_TABLE,
    SWEEPER_KEY,
    heartbeat,
    open_call,
    sweeper_entity,
)
from shared.domain.liveness import Heartbeat, LeftOpen, Workers

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

_PATIENCE_SECONDS = 30.0
# Calls sort before it, heartbeats and the sweeper's row do not.
_AFTER_CALLS = "~"


class TableOpenCalls:
    """Fulfils OpenCalls. Client and transactions are the bootstrap's, to open and to close."""

    def __init__(self, service: TableServiceClient, transactions: Transactions, *, lease_seconds: float) -> None:
        """`lease_seconds` is for how long calls of a worker without a heartbeat may be open."""
        self._table = service.get_table_client(OPEN_CALLS_TABLE)
        self._commits = GroupCommit(transactions, OPEN_CALLS_TABLE, patience_seconds=_PATIENCE_SECONDS)
        self._lease = timedelta(seconds=lease_seconds)

    async def workers(self) -> Workers:
        """
        Return the workers by the service's clock.

        Raises:
            StorageUnavailable, StorageRejected
        """
        now = await self._service_time()
        with storage_errors("reading heartbeats"):
            rows = self._table.query_entities(f"RowKey eq '{HEARTBEAT_ROW}'")
            heartbeats = [beat async for row in rows for beat in _heartbeats(row)]
        return Workers(now=now, lease=self._lease, heartbeats={beat.worker_id: beat for beat in heartbeats})

    async def pages(self) -> AsyncIterator[Sequence[LeftOpen]]:
        """
        Yield all open calls, a page at a time. One that cannot be understood is logged and left out.

        Raises:
            StorageUnavailable, StorageRejected
        """
        with storage_errors("reading open calls"):
            try:
                async for rows in self._table.query_entities(f"RowKey lt '{_AFTER_CALLS}'").by_page():
                    yield [call async for row in rows for call in _left_open(row)]
            except ResourceNotFoundError:
                # No table: nothing has begun yet.
                return

    async def take_away(self, row: LeftOpen) -> None:
        """
        Let go of a call that is recorded.

        Raises:
            StorageUnavailable, StorageRejected
        """
        await self._commits.submit(delete(row.worker_id, row.call.call_id))

    async def forget(self, heartbeat: Heartbeat) -> None:
        """
        Take a heartbeat away, unless the worker has beaten since.

        Raises:
            StorageUnavailable, StorageRejected
        """
        with storage_errors("removing a heartbeat"):
            try:
                await self._table.delete_entity(
                    heartbeat.worker_id,
                    HEARTBEAT_ROW,
                    etag=heartbeat.version,
                    match_condition=MatchConditions.IfNotModified,
                )
            except ResourceModifiedError:
                # It was only paused.
                return

    async def close(self) -> None:
        """Return when all writes have been done or have failed. Never raises."""
        await self._commits.close()

    async def _service_time(self) -> datetime:
        """Return the service's time: the date it gives a row that is written now. It makes the table, too."""
        await self._commits.submit(upsert(sweeper_entity()))
        with storage_errors("reading the service's time"):
            return _written_at(await self._table.get_entity(SWEEPER_KEY, SWEEPER_KEY))


def _left_open(row: TableEntity) -> Iterator[LeftOpen]:
    try:
        yield LeftOpen(worker_id=row["PartitionKey"], written_at=_written_at(row), call=open_call(row))
    except ValueError as error:
        _log_not_understood(row, error)


def _heartbeats(row: TableEntity) -> Iterator[Heartbeat]:
    try:
        yield heartbeat(row, _written_at(row), _given(row.metadata["etag"], "version"))
    except ValueError as error:
        _log_not_understood(row, error)


def _log_not_understood(row: TableEntity, error: ValueError) -> None:
    keys = {"partition_key": row["PartitionKey"], "row_key": row["RowKey"]}
    logger.warning("opencalls.row_not_understood", extra={**keys, "reason": str(error)})


def _written_at(row: TableEntity) -> datetime:
    timestamp = _given(row.metadata["timestamp"], "date")
    # The SDK's own class of datetime carries its text along.
    return datetime.combine(timestamp.date(), timestamp.timetz())


def _given(value: _T | None, what: str) -> _T:
    # The service gives every row both, whoever wrote it.
    if value is None:
        raise ValueError(f"the service gave the row no {what}")
    return value
