"""How fast records are folded, beside reading the same pages with Microsoft's SDK and doing nothing with them."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from azure.data.tables.aio import TableServiceClient

from bench.querying.calls import MONTH, some_call
from bench.querying.month import WHOLE_MONTH
from bench.querying.store import Store, running_store
from bench.querying.straight_sum import report_sums, summed_by_principal
from shared.adapters.parquet_format import ParquetFormat
from shared.adapters.table_usage_entries import ENTRY_COLUMNS
from shared.adapters.table_wire import TableWrite, upsert
from shared.adapters.usage_columns import USAGE_TABLE, usage_entity
from shared.domain.usage_keys import PrincipalDay
from shared.domain.usage_row import USAGE_COLUMNS, usage_row

_RECORDS_OF_ONE = 1000
# A table holds so many at a time: the emulator looks through all of it for each page, which Azure does not.
_RECORDS_OF_TABLE = 20_000
# The SDK reads so slowly that some of the pages, spread over all of them, must do.
_READ_WITH_SDK = 4
# As many as a fold has.
_CONCURRENT_READS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Folding:
    """Records a second, and whether a report then says what DuckDB does of the exported records."""

    ours: float
    sdks: float
    totals_equal: bool


async def measure_folding(records: int, folder: Path) -> Folding:
    """Write records, read them with the SDK, fold them, and compare: a table's worth at a time."""
    tables = max(records // _RECORDS_OF_TABLE, 1)
    measured = []
    for number in range(tables):
        print(f"folding {records // tables:,} records, table {number + 1} of {tables}", flush=True)
        measured.append(await _measure_table(records // tables, random.Random(number), folder))
    return Folding(
        ours=statistics.harmonic_mean([each.ours for each in measured]),
        sdks=statistics.harmonic_mean([each.sdks for each in measured]),
        totals_equal=all(each.totals_equal for each in measured),
    )


async def _measure_table(records: int, chance: random.Random, folder: Path) -> Folding:
    path = folder / "records.parquet"
    async with running_store() as store:
        with path.open("wb") as file:
            await store.write(USAGE_TABLE, _writes(records, chance, file))
        days = sorted(await store.rollups.entries.principal_days(MONTH.date(), MONTH.date()))
        some = days[::_READ_WITH_SDK]
        sdks = len(some) * _RECORDS_OF_ONE / await _seconds(lambda: _read_with_sdk(store.service, some))
        ours = records / await _fold(store, days)
        folded = await report_sums(store.rollups.query_usage(), WHOLE_MONTH)
    return Folding(ours=ours, sdks=sdks, totals_equal=folded == summed_by_principal(path))


def _writes(records: int, chance: random.Random, file: BinaryIO) -> Iterator[TableWrite]:
    """Yield records as writes, and put them into a file as an export does."""
    encoder = ParquetFormat().begin(USAGE_COLUMNS)
    for principal in range(records // _RECORDS_OF_ONE):
        for number in range(_RECORDS_OF_ONE):
            begun_at = MONTH + timedelta(days=1) * (number / _RECORDS_OF_ONE)
            record = some_call(chance, principal, begun_at)
            file.write(encoder.add([usage_row(record)]))
            yield upsert(usage_entity(record))
    file.write(encoder.finish())


async def _seconds(work: Callable[[], Awaitable[object]]) -> float:
    begun_at = time.perf_counter()
    await work()
    return time.perf_counter() - begun_at


async def _read_with_sdk(service: TableServiceClient, days: list[PrincipalDay]) -> None:
    table, slots = service.get_table_client(USAGE_TABLE), asyncio.Semaphore(_CONCURRENT_READS)

    async def read(day: PrincipalDay) -> None:
        async with slots:
            rows = table.query_entities(f"PartitionKey eq '{day.partition}'", select=list(ENTRY_COLUMNS))
            async for page in rows.by_page():
                async for _ in page:
                    pass

    await asyncio.gather(*map(read, days))


async def _fold(store: Store, days: list[PrincipalDay]) -> float:
    await store.rollups.unfolded.mark_changed(days)
    return await _seconds(store.rollups.roll_up_usage())
