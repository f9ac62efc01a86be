"""When each window was looked at and what it came to, in the table `reconciliation`.

| partition | row | what it is |
| --- | --- | --- |
| `20261123T09` | `~window` | the state of an hour |
| `20261123T09` | the resource | what the hour came to |
| `20261123` | `~window` | the state of a day of control-plane events |
| `~marks` | the window | that it is to be looked at again |
| `~names` | the host name | the resource it is of |
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
from azure.data.tables.aio import TableClient

from shared.adapters.table_conditional_rows import ConditionalRows, cell, version_of
from shared.domain.logs.keys import key_part
from shared.domain.reconciliation.marks import Mark
from shared.domain.reconciliation.totals import HourTotals
from shared.domain.reconciliation.windows import OpenRun, Window, WindowState
from shared.domain.table_entity import Int64, TableEntity, Value, is_int64, storable_text

logger = logging.getLogger(__name__)

TABLE = "reconciliation"

_STATE_ROW = "~window"
_MARKS = "~marks"
_NAMES = "~names"
_AFTER_RESOURCES = "~"
_MAX_NAME_LENGTH = 1024
_MILLISECOND = timedelta(milliseconds=1)
_COUNTS = (
    "matched",
    "matched_by_likeness",
    "ours_only",
    "azure_only",
    "late",
    "our_prompt_tokens",
    "our_completion_tokens",
    "azure_prompt_tokens",
    "azure_completion_tokens",
)
_RUNS = msgspec.json.Decoder(list[tuple[int, datetime]])


class TableWindows:
    """Fulfils Windows. The client is the bootstrap's, to open and to close."""

    def __init__(self, table: TableClient) -> None:
        self._rows = ConditionalRows(table)

    async def states(self, begun_from: datetime, begun_before: datetime) -> Mapping[Window, WindowState]:
        """Return the hours that have been looked at. Raises StorageError."""
        query = "PartitionKey ge @first and PartitionKey lt @end and RowKey eq @row"
        parameters = {**_hours(begun_from, begun_before), "row": _STATE_ROW}
        states = [state async for rows in self._rows.pages(query, parameters) for row in rows for state in _states(row)]
        return {state.window: state for state in states if not state.window.is_day}

    async def state(self, window: Window) -> WindowState:
        """Return a window's state, one of nothing done where there is none. Raises StorageError."""
        row = await self._rows.get(str(window), _STATE_ROW)
        if row is None:
            return WindowState(window=window)
        # One that cannot be understood is replaced, or the window would fail for ever.
        return next(_states(row), WindowState(window=window, version=version_of(row)))

    async def put(self, state: WindowState) -> WindowState | None:
        """Keep a state in place of the one it was made from; None where somebody was here meanwhile. See Windows."""
        version = await self._rows.put(state_entity(state), state.version)
        return replace(state, version=version) if version else None

    async def finish(self, state: WindowState, totals: Sequence[HourTotals]) -> bool:
        """Keep a state as `put`, and with it what the window comes to. See Windows."""
        entities = [totals_entity(each) for each in totals]
        query = "PartitionKey eq @partition and RowKey lt @end"
        parameters = {"partition": str(state.window), "end": _AFTER_RESOURCES}
        before = {row["RowKey"] async for rows in self._rows.pages(query, parameters) for row in rows}
        gone = sorted(before - {entity.row_key for entity in entities})
        return await self._rows.put_with(state_entity(state), state.version, entities, gone)

    async def totals(self, begun_from: datetime, begun_before: datetime) -> AsyncIterator[Sequence[HourTotals]]:
        """Yield what the hours between two times come to, oldest first. Raises StorageError."""
        query = "PartitionKey ge @first and PartitionKey lt @end and RowKey lt @row"
        async for rows in self._rows.pages(query, {**_hours(begun_from, begun_before), "row": _AFTER_RESOURCES}):
            yield [totals for row in rows for totals in _totals(row)]

    async def mark(self, windows: Iterable[Window]) -> None:
        """Have windows looked at again. Raises StorageError."""
        for window in sorted(windows):
            await self._rows.upsert(TableEntity(partition_key=_MARKS, row_key=str(window), properties={}))

    async def marks(self) -> Sequence[Mark]:
        """Return all marks. Raises StorageError."""
        pages = self._rows.pages("PartitionKey eq @partition", {"partition": _MARKS})
        return [mark async for rows in pages for row in rows for mark in _marks(row)]

    async def unmark(self, mark: Mark) -> None:
        """Take a mark away, unless it has been made again since. Raises StorageError."""
        await self._rows.delete(_MARKS, str(mark.window), mark.version)

    async def names(self) -> Mapping[str, str]:
        """Return the resource ids that are known of host names. Raises StorageError."""
        pages = self._rows.pages("PartitionKey eq @partition", {"partition": _NAMES})
        return {row["host"]: row["resource"] async for rows in pages for row in rows}

    async def learn(self, host: str, resource_id: str) -> None:
        """Keep the resource id of a host name, unless one is kept already. Raises StorageError."""
        await self._rows.put(name_entity(host, resource_id), version="")


def state_entity(state: WindowState) -> TableEntity:
    """Return a state as a row."""
    runs = [(run.number, run.claimed_at) for run in state.open_runs]
    slow = state.slow_arrival
    properties: dict[str, Value | None] = {
        "last_run": Int64(state.last_run),
        "open_runs": msgspec.json.encode(runs).decode(),
        "reconciled_at": state.reconciled_at,
        "due_at": state.due_at,
        "settled": state.settled,
        "slow_arrival_ms": Int64(slow // _MILLISECOND) if slow is not None else None,
    }
    return TableEntity(partition_key=str(state.window), row_key=_STATE_ROW, properties=_known(properties))


def totals_entity(totals: HourTotals) -> TableEntity:
    """Return what an hour of a resource came to as a row."""
    counts = {name: getattr(totals, name) for name in _COUNTS}
    properties: dict[str, Value | None] = {
        "resource": storable_text(totals.resource, _MAX_NAME_LENGTH),
        "hour": totals.hour,
        # Of lines that say what no call can have used, the sum is not known.
        **{name: Int64(count) if count is not None and is_int64(count) else None for name, count in counts.items()},
        "settled": totals.settled,
        "reconciled_at": totals.reconciled_at,
    }
    return TableEntity(
        partition_key=str(Window.of_hour(totals.hour)), row_key=key_part(totals.resource), properties=_known(properties)
    )


def name_entity(host: str, resource_id: str) -> TableEntity:
    """Return the resource of a host name as a row."""
    properties = {"host": storable_text(host), "resource": storable_text(resource_id, _MAX_NAME_LENGTH)}
    return TableEntity(partition_key=_NAMES, row_key=key_part(host), properties=properties)


def _known(properties: Mapping[str, Value | None]) -> dict[str, Value]:
    return {name: value for name, value in properties.items() if value is not None}


def _hours(begun_from: datetime, begun_before: datetime) -> dict[str, str]:
    # The partitions of days sort between those of hours.
    last = Window.of_hour(begun_before - _MILLISECOND)
    return {"first": str(Window.of_hour(begun_from)), "end": f"{last}~"}


def _marks(row: Mapping[str, Any]) -> Iterator[Mark]:
    try:
        yield Mark(Window.parse(row["RowKey"]), version_of(row))
    except ValueError as error:
        # People make them, too.
        _log_not_understood(row, error)


def _states(row: Mapping[str, Any]) -> Iterator[WindowState]:
    try:
        slow_ms = cell(row, "slow_arrival_ms")
        yield WindowState(
            window=Window.parse(row["PartitionKey"]),
            last_run=cell(row, "last_run"),
            open_runs=tuple(OpenRun(number, at) for number, at in _RUNS.decode(row["open_runs"])),
            reconciled_at=cell(row, "reconciled_at"),
            due_at=cell(row, "due_at"),
            settled=row["settled"],
            slow_arrival=_MILLISECOND * slow_ms if slow_ms is not None else None,
            version=version_of(row),
        )
    except (KeyError, ValueError, msgspec.MsgspecError) as error:
        _log_not_understood(row, error)


def _totals(row: Mapping[str, Any]) -> Iterator[HourTotals]:
    try:
        counts = {name: cell(row, name) for name in _COUNTS if name in row}
        yield HourTotals(
            resource=row["resource"],
            hour=cell(row, "hour"),
            settled=row["settled"],
            reconciled_at=cell(row, "reconciled_at"),
            **counts,
        )
    except KeyError as error:
        _log_not_understood(row, error)


def _log_not_understood(row: Mapping[str, Any], error: Exception) -> None:
    keys = {"partition_key": row["PartitionKey"], "row_key": row["RowKey"]}
    logger.warning("reconciliation.row_not_understood", extra={**keys, "reason": str(error)})
