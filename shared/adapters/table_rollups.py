"""Keeps rollups in the table `rollups`: a row each, written where it is still of the version that was read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec

from shared.adapters.group_commit import Transactions
from shared.adapters.rollup_columns import (
    ROLLUPS_TABLE,
    day_partition,
    day_rollup,
    day_rollup_entity,
    month_partition,
    month_rollup,
    month_rollup_entity,
    owner_row,
    wanted_columns,
)
from shared.adapters.table_conditional_writes import TableConditionalWrites
from shared.adapters.table_pages import RowRange, TablePages
from shared.adapters.table_wire import TableWrite, insert, replace
from shared.domain.errors import StorageRejected
from shared.domain.usage_keys import Owner, PrincipalDay
from shared.ports.rollups import EVERYTHING, DayRollup, Detail, MonthRollup

logger = logging.getLogger(__name__)

# Of a busy principal a rollup takes a millisecond or two to understand, and as much of memory as ten rows.
_ROWS_AT_A_TIME = 25

_Row = Mapping[str, Any]


class _Rows(msgspec.Struct):
    value: list[dict[str, Any]]


_rows = msgspec.json.Decoder(_Rows).decode


class TableRollups:
    """Fulfils Rollups. Pages and transactions are the bootstrap's, to open and to close."""

    def __init__(self, pages: TablePages, transactions: Transactions) -> None:
        self._pages = pages
        self._writes = TableConditionalWrites(transactions)

    async def day(self, whose: PrincipalDay, detail: Detail = EVERYTHING) -> DayRollup:
        """See Rollups."""
        rows = _one(day_partition(whose.day), whose.owner, detail)
        async for page in self._read(rows):
            for row in page:
                return day_rollup(row, row["odata.etag"], detail)
        return DayRollup(whose=whose)

    async def days(self, first: date, last: date, detail: Detail) -> AsyncIterator[Sequence[DayRollup]]:
        """See Rollups."""
        rows = RowRange(
            table=ROLLUPS_TABLE,
            partition_from=day_partition(first),
            partition_before=day_partition(last + timedelta(days=1)),
            columns=wanted_columns(detail),
            with_versions=True,
        )
        async for page in self._read(rows):
            # Between the days of two months are the rows of the later one.
            yield [day_rollup(row, row["odata.etag"], detail) for row in page if not _is_month(row)]

    async def month(self, month: date, owner: Owner, detail: Detail = EVERYTHING) -> MonthRollup:
        """See Rollups."""
        rows = _one(month_partition(month), owner, detail)
        async for page in self._read(rows):
            for row in page:
                return month_rollup(row, row["odata.etag"], detail)
        return MonthRollup(month=month, owner=owner)

    async def months(self, month: date, detail: Detail) -> AsyncIterator[Sequence[MonthRollup]]:
        """See Rollups."""
        rows = RowRange(
            table=ROLLUPS_TABLE,
            partition=month_partition(month),
            columns=wanted_columns(detail),
            with_versions=True,
        )
        async for page in self._read(rows):
            yield [month_rollup(row, row["odata.etag"], detail) for row in page]

    async def keep(self, rollups: Sequence[DayRollup] | Sequence[MonthRollup]) -> list[bool]:
        """See Rollups."""
        writes = [_write(rollup) for rollup in rollups]
        done = iter(await self._writes.do(ROLLUPS_TABLE, [write for write in writes if write]))
        return [next(done) if write else False for write in writes]

    async def _read(self, rows: RowRange) -> AsyncIterator[list[dict[str, Any]]]:
        async for page in self._pages.pages(rows):
            found = _rows(page.body).value
            for start in range(0, len(found), _ROWS_AT_A_TIME):
                yield found[start : start + _ROWS_AT_A_TIME]
                # Calls of this worker go on meanwhile.
                await asyncio.sleep(0)


def _one(partition: str, owner: Owner, detail: Detail) -> RowRange:
    row = owner_row(owner)
    # The row alone: no id holds what sorts directly behind the end of another.
    return RowRange(
        table=ROLLUPS_TABLE,
        partition=partition,
        row_from=row,
        row_before=f"{row} ",
        columns=wanted_columns(detail),
        with_versions=True,
    )


def _is_month(row: _Row) -> bool:
    return len(row["PartitionKey"]) == len("2026-11")


def _write(rollup: DayRollup | MonthRollup) -> TableWrite | None:
    try:
        entity = day_rollup_entity(rollup) if isinstance(rollup, DayRollup) else month_rollup_entity(rollup)
        return replace(entity, rollup.version) if rollup.version else insert(entity)
    except (StorageRejected, OverflowError) as error:
        # The latter where Azure reported numbers that add up to more than 64 bits. Either way the records stay
        # unfolded: reports are as exact, and take longer.
        logger.error("rollups.too_large", extra={"reason": str(error)})  # noqa: TRY400 - an event
        return None
