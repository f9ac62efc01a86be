"""
A month of records as the rollups they fold into, and some that are not folded yet.

Every record of the month goes through the fold; what is not done is to write it first, and to read it back. Days
are made of some hundred different ones, so that DuckDB can have the same records without a file of ten million.
"""

from __future__ import annotations

import asyncio
import gc
import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from bench.querying.calls import DAYS, MONTH, PRINCIPALS, TENANT_ID, object_id, some_call
from bench.querying.store import Store, running_store
from bench.querying.straight_sum import READER, Sums, month_query, report_sums, summed_by_principal
from shared.adapters.parquet_format import ParquetFormat
from shared.adapters.rollup_columns import ROLLUPS_TABLE, day_rollup_entity, digest_of, month_rollup_entity
from shared.adapters.table_usage_entries import read_entry
from shared.adapters.table_usage_ledger import TableUsageLedger
from shared.adapters.table_wire import TableWrite, upsert
from shared.adapters.usage_columns import usage_entity
from shared.domain.rollup import Rollup
from shared.domain.table_columns import Rows
from shared.domain.usage_entry import UsageEntry
from shared.domain.usage_keys import Owner, PrincipalDay
from shared.domain.usage_record import UsageRecord
from shared.domain.usage_row import USAGE_COLUMNS, usage_row
from shared.domain.usage_span import UsageSpan
from shared.ports.rollups import DayRollup, MonthRollup
from shared.web.usage_formats import json_report

WHOLE_MONTH = UsageSpan(begun_from=MONTH, begun_before=MONTH + timedelta(days=DAYS))

_DIFFERENT_DAYS = 100
_LAST_DAY = MONTH + timedelta(days=DAYS - 1)
# On the last day the fold has come so far; what began after it is not folded.
_FOLDED_UNTIL = timedelta(hours=20)
_ROUNDS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthQuery:
    """Seconds that a month by principal takes, and whether it says what DuckDB does."""

    query_s: float
    totals_equal: bool


async def measure_month(records: int, behind: int, folder: Path) -> MonthQuery:
    """Keep the rollups of so many records, write those that are not folded, and ask."""
    print(f"folding {records - behind:,} records into the rollups of a month, and {behind:,} to come", flush=True)
    made = Month(records - behind)
    async with running_store() as store:
        await store.write(ROLLUPS_TABLE, made.day_writes)
        await store.write(ROLLUPS_TABLE, made.month_writes)
        await store.rollups.unfolded.unsettle(_LAST_DAY.date())
        await _write_unfolded(store, made, behind)
        # What this process has made is not what a worker has its garbage collector look through.
        gc.collect()
        gc.freeze()
        seconds = [await _ask(store) for _ in range(_ROUNDS)]
        gc.unfreeze()
        found = await report_sums(store.rollups.query_usage(), WHOLE_MONTH)
    return MonthQuery(query_s=statistics.median(seconds), totals_equal=found == made.straight_sums(folder))


class Month:
    """Records of a month, folded: which of the different days each principal had on each, and rows of rollups."""

    def __init__(self, records: int) -> None:
        """Fold so many records or some more, each for itself; of the last day those until the evening."""
        self._chance = random.Random(records)
        self._records_of_day = -(-records // (PRINCIPALS * DAYS))
        self._sequences = [self._a_day() for _ in range(_DIFFERENT_DAYS)]
        self._drawn = {
            (principal, day): self._chance.randrange(_DIFFERENT_DAYS)
            for day in range(DAYS)
            for principal in range(PRINCIPALS)
        }
        self.unfolded: list[UsageRecord] = []
        months = [MonthRollup(month=MONTH.date(), owner=_owner(number)) for number in range(PRINCIPALS)]
        self.day_writes = list(self._day_writes(months))
        self.month_writes = [upsert(month_rollup_entity(month)) for month in months]

    def draw_unfolded(self, count: int) -> list[UsageRecord]:
        """Return records of the last day's evening."""
        evening = timedelta(days=1) - _FOLDED_UNTIL
        times = sorted(self._chance.random() for _ in range(count))
        self.unfolded = [
            some_call(self._chance, number % PRINCIPALS, _LAST_DAY + _FOLDED_UNTIL + evening * time)
            for number, time in enumerate(times)
        ]
        return self.unfolded

    def straight_sums(self, folder: Path) -> Sums:
        """Return what DuckDB says of all records, each for itself."""
        days, drawn, unfolded = (folder / f"{name}.parquet" for name in ("days", "drawn", "unfolded"))
        rows = [[usage_row(record) for record in day] for day in self._sequences]
        _write_parquet(unfolded, [usage_row(record) for record in self.unfolded])
        for number, day in enumerate(rows):
            _write_parquet(folder / f"day-{number}.parquet", day)
        _tag(folder, days)
        parquet.write_table(
            pa.table(
                {
                    "object_id": [object_id(principal) for principal, _ in self._drawn],
                    "sequence": list(self._drawn.values()),
                }
            ),
            drawn,
        )
        columns = "outcome, total_tokens, prompt_tokens, completion_tokens, cost_usd"
        source = (
            f"(select object_id, {columns} from read_parquet('{drawn}') join"
            f" (select {columns}, sequence from read_parquet('{days}')) using (sequence)"
            f" union all select object_id, {columns} from read_parquet($paths))"
        )
        return summed_by_principal(unfolded, source=source)

    def _a_day(self) -> list[UsageRecord]:
        count = self._records_of_day
        step = _FOLDED_UNTIL / max(count, 1)
        return [some_call(self._chance, 0, MONTH + step * number) for number in range(count)]

    def _day_writes(self, months: list[MonthRollup]) -> Iterator[TableWrite]:
        """Yield the rollups of all days, and add them up: all but the last, which is not settled."""
        entries = [[read_entry(upsert(usage_entity(record)).body) for record in day] for day in self._sequences]
        for (principal, day), drawn in self._drawn.items():
            begun_on = (MONTH + timedelta(days=day)).date()
            rollup = Rollup.of(entries[drawn])
            _rename(rollup, principal, begun_on, entries[drawn])
            whose = PrincipalDay(begun_on, _owner(principal))
            yield upsert(day_rollup_entity(DayRollup(whose=whose, rollup=rollup, folded_through=rollup.named_by)))
            if day < DAYS - 1:
                month = months[principal]
                month.rollup.merge(rollup)
                month.days = {**month.days, begun_on: digest_of(rollup)}


def _owner(principal: int) -> Owner:
    return Owner(TENANT_ID, object_id(principal))


def _rename(rollup: Rollup, principal: int, day: date, entries: list[UsageEntry]) -> None:
    """Make a rollup that of another principal and day."""
    rollup.principal_name = f"app-{principal}"
    rollup.named_by = f"{day:%Y%m%d}{entries[-1].row_key[8:]}"


async def _write_unfolded(store: Store, made: Month, behind: int) -> None:
    """Write them as a worker does."""
    ledger = TableUsageLedger(store.transactions, worker_id="0c0c", lease_seconds=90)
    records = made.draw_unfolded(behind)
    for start in range(0, behind, 100):
        group = records[start : start + 100]
        await asyncio.gather(*(ledger.begin(record.call) for record in group))
        await asyncio.gather(*(ledger.end(record) for record in group))
    await ledger.close()


async def _ask(store: Store) -> float:
    begun_at = time.perf_counter()
    json_report(await store.rollups.query_usage()(month_query(WHOLE_MONTH), READER), None)
    return time.perf_counter() - begun_at


def _write_parquet(path: Path, rows: Rows) -> None:
    encoder = ParquetFormat().begin(USAGE_COLUMNS)
    path.write_bytes(encoder.add(rows) + encoder.finish())


def _tag(folder: Path, path: Path) -> None:
    """Put the different days into one file, each with its number."""
    tables = []
    for number in range(_DIFFERENT_DAYS):
        table = parquet.read_table(folder / f"day-{number}.parquet")
        tables.append(table.append_column("sequence", pa.array([number] * len(table), pa.int64())))
    parquet.write_table(pa.concat_tables(tables), path)
