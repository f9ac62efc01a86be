"""Exports of days: exact, whole, the same when repeated, and right when two run at once or one is killed."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from pyarrow import parquet

from shared.adapters.parquet_format import ParquetFormat
from shared.domain.csv_format import CsvFormat
from shared.domain.errors import StorageUnavailable
from shared.domain.exports import ExportedFile, FileFacts, file_name, whole_days
from shared.domain.usage_record import Charge, UsageRecord
from shared.ports.export_files import ExportFiles
from shared.ports.usage_records import UsageRecords
from shared.usecases.export_recent_days import ExportRecentDays
from shared.usecases.export_usage import Export, ExportUsage, RecordTable
from tests.adapters.records import record
from tests.domain.focus.focus_records import table as focus_table
from tests.domain.focus.focus_records import unpriced
from tests.fakes import FakeClock, FakeUsageLedger, FakeUsageRecords
from tests.fakes_exports import FakeExportFiles, FakeNewFile

DAY = date(2026, 11, 23)
PARQUET = "usage/day=2026-11-23/part-00000.parquet"
CSV = "usage_csv/day=2026-11-23/part-00000.csv"
RECORDS = [
    Export(folder="usage", table=lambda _: RecordTable(), format=ParquetFormat()),
    Export(folder="usage_csv", table=lambda _: RecordTable(), format=CsvFormat()),
]


class Bench:
    """An exporter on fakes."""

    def __init__(self, exports: Sequence[Export] = RECORDS) -> None:
        self.ledger = FakeUsageLedger()
        self.records = FakeUsageRecords(self.ledger)
        self.files = FakeExportFiles()
        self.export = ExportUsage(self.records, self.files, exports)

    async def write(self, *records: UsageRecord) -> None:
        for each in records:
            await self.ledger.end(each)

    def rows(self, name: str = PARQUET) -> list[dict[str, object]]:
        return parquet.read_table(io.BytesIO(self.files.files[name][0])).to_pylist()  # type: ignore[no-any-return]


def costing(call_id: str, cost: str, *, begun_at: datetime) -> UsageRecord:
    return replace(record(call_id, begun_at=begun_at), charge=Charge(cost_usd=Decimal(cost), price_source="list"))


def at(hour: float, day: int = 23) -> datetime:
    return datetime(2026, 11, day, tzinfo=UTC) + timedelta(hours=hour)


async def test_a_file_holds_the_calls_of_its_day_and_no_other() -> None:
    """A call at midnight belongs to one day: two files that both have it, or neither, do not sum to the month."""
    bench = Bench()
    await bench.write(
        record("before", begun_at=at(0) - timedelta(microseconds=1)),
        record("first", begun_at=at(0)),
        record("last", begun_at=at(24) - timedelta(microseconds=1)),
        record("after", begun_at=at(24)),
    )
    await bench.export(DAY)

    assert [row["call_id"] for row in bench.rows()] == ["first", "last"]
    assert b"first" in bench.files.files[CSV][0]
    assert b"after" not in bench.files.files[CSV][0]


async def test_costs_of_a_file_sum_to_the_ledgers() -> None:
    """Finance sums the file, and the page the ledger."""
    costs = ["0.1", "0.2", "0.000000000000000001", "123456.789"]
    bench = Bench()
    await bench.write(*(costing(f"c{number}", cost, begun_at=at(number)) for number, cost in enumerate(costs)))
    await bench.export(DAY)

    assert sum(row["cost_usd"] for row in bench.rows()) == sum(map(Decimal, costs))  # type: ignore[misc]


async def test_a_day_without_calls_is_a_file_of_no_rows() -> None:
    """A missing file could also mean that the export has failed."""
    bench = Bench()
    files = await bench.export(DAY)

    assert bench.rows() == []
    assert [(file.facts.rows, file.is_new) for file in files] == [(0, True), (0, True)]


async def test_an_export_that_is_repeated_writes_nothing() -> None:
    """Event Grid tells of every write, and Azure Data Explorer takes the day in once more."""
    bench = Bench()
    await bench.write(record("c1"))
    first = await bench.export(DAY)
    again = await bench.export(DAY)

    assert bench.files.commits == [PARQUET, CSV]
    assert [file.is_new for file in first] == [True, True]
    assert [file.is_new for file in again] == [False, False]
    assert [file.facts for file in first] == [file.facts for file in again]


async def test_a_day_that_has_changed_is_exported_again() -> None:
    """A record may come a day late: from the spool, or from Azure's logs."""
    bench = Bench()
    await bench.write(record("c1"))
    await bench.export(DAY)
    await bench.write(record("late", begun_at=at(3)))
    await bench.export(DAY)

    assert sorted(str(row["call_id"]) for row in bench.rows()) == ["c1", "late"]


class PausedRecords(FakeUsageRecords):
    """Records that are read before somebody writes one more, and given out after it."""

    def __init__(self, ledger: FakeUsageLedger) -> None:
        super().__init__(ledger)
        self.go_on = asyncio.Event()
        self.have_read = asyncio.Event()

    async def between(
        self,
        begun_from: datetime,
        begun_before: datetime,
        *,
        tenant_id: str | None = None,
        object_id: str | None = None,
    ) -> AsyncIterator[Sequence[UsageRecord]]:
        pages = [page async for page in super().between(begun_from, begun_before)]
        self.have_read.set()
        await self.go_on.wait()
        for page in pages:
            yield page


async def test_of_two_at_once_the_one_that_read_earlier_does_not_win() -> None:
    """Its file lacks what came in between, and would stand there for a day."""
    bench = Bench()
    await bench.write(record("c1"))
    slow_records = PausedRecords(bench.ledger)
    slow = asyncio.create_task(ExportUsage(slow_records, bench.files, RECORDS)(DAY))
    await slow_records.have_read.wait()
    await bench.write(record("late", begun_at=at(3)))
    await bench.export(DAY)
    slow_records.go_on.set()
    await slow

    assert sorted(str(row["call_id"]) for row in bench.rows()) == ["c1", "late"]
    assert bench.files.commits == [PARQUET, CSV]


async def test_where_one_file_of_a_day_was_written_by_another_all_are_made_again() -> None:
    """Two files of a day that were read at different times would not agree."""
    bench = Bench()
    await bench.write(record("c1"))
    slow_records = PausedRecords(bench.ledger)
    slow = asyncio.create_task(ExportUsage(slow_records, bench.files, RECORDS)(DAY))
    await slow_records.have_read.wait()
    await bench.write(record("late", begun_at=at(3)))
    await ExportUsage(bench.records, bench.files, RECORDS[:1])(DAY)
    slow_records.go_on.set()
    files = await slow

    assert [file.name for file in files] == [PARQUET, CSV]
    assert len(bench.rows()) == 2
    assert b"late" in bench.files.files[CSV][0]


async def test_two_at_once_are_as_one() -> None:
    """The host runs a timer twice when an instance is replaced."""
    bench = Bench()
    await bench.write(*(record(f"c{number}", begun_at=at(number)) for number in range(9)))
    await asyncio.gather(*(bench.export(DAY) for _ in range(3)))

    assert len(bench.rows()) == 9
    assert bench.files.commits == [PARQUET, CSV]


class KilledFiles(FakeExportFiles):
    """Files in whose `last_step`-th step the process is killed: in none of the later ones anything happens."""

    def __init__(self, last_step: int) -> None:
        super().__init__()
        self.last_step = last_step
        self.steps = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps >= self.last_step:
            raise asyncio.CancelledError

    async def begin(self, name: str, media_type: str) -> FakeNewFile:
        self.step()
        return KilledFile(self, name)


class KilledFile(FakeNewFile):
    """A file of those."""

    _files: KilledFiles

    async def write(self, data: bytes) -> None:
        self._files.step()
        await super().write(data)

    async def commit(self, facts: FileFacts) -> bool:
        self._files.step()
        committed = await super().commit(facts)
        self._files.step()
        return committed


@pytest.mark.parametrize("last_step", range(1, 9))
async def test_one_that_is_killed_leaves_whole_files_only(last_step: int) -> None:
    """At whatever step: a half file sums to half a day, and the next run makes it whole."""
    bench = Bench()
    await bench.write(record("c1"), record("c2", begun_at=at(1)), record("c3", begun_at=at(2)))
    killed = KilledFiles(last_step)
    with pytest.raises(asyncio.CancelledError):
        await ExportUsage(bench.records, killed, RECORDS)(DAY)
    left = dict(killed.files)
    killed.last_step = 1_000
    await ExportUsage(bench.records, killed, RECORDS)(DAY)
    await bench.export(DAY)

    assert {name: file[0] for name, file in killed.files.items()} == {
        name: file[0] for name, file in bench.files.files.items()
    }
    assert all(killed.files[name] == file for name, file in left.items())


async def test_a_file_that_others_keep_writing_is_an_error_in_the_end() -> None:
    """Something is wrong then, and to try for ever would keep the instance awake."""

    bench = Bench(RECORDS[:1])
    others = ContendedFiles()
    export = ExportUsage(bench.records, others, RECORDS[:1])

    with pytest.raises(StorageUnavailable, match="2026-11-23"):
        await export(DAY)


class ContendedFiles(FakeExportFiles):
    """Files that somebody else writes as soon as we have begun."""

    async def begin(self, name: str, media_type: str) -> FakeNewFile:
        ours, theirs = await super().begin(name, media_type), await super().begin(name, media_type)
        await theirs.commit(FileFacts(rows=0, sha256=f"{len(self.commits):064}"))
        return ours


async def test_calls_without_a_price_are_told_of_with_the_file() -> None:
    """They are missing in FOCUS files, and whoever sums must know of how many."""
    bench = Bench([Export(folder="focus", table=lambda _: focus_table(), format=CsvFormat())])
    await bench.write(unpriced())
    (file,) = await bench.export(DAY)

    assert (file.facts.rows, file.facts.unpriced_calls) == (0, 1)


async def test_the_timer_exports_the_days_that_are_over_the_newest_first() -> None:
    """Of today a file would be half, and finance waits for yesterday's."""
    bench = Bench(RECORDS[:1])
    clock = FakeClock(datetime(2026, 11, 23, 2, 10, tzinfo=UTC))
    await ExportRecentDays(export=bench.export, send=None, clock=clock, days=3)()

    assert bench.files.commits == [f"usage/day=2026-11-{day}/part-00000.parquet" for day in (22, 21, 20)]


class FailingExport(ExportUsage):
    """An export that fails on one day."""

    def __init__(self, records: UsageRecords, files: ExportFiles, exports: Sequence[Export]) -> None:
        super().__init__(records, files, exports)
        self.seen: list[date] = []

    async def __call__(self, day: date) -> Sequence[ExportedFile]:
        self.seen.append(day)
        if day == date(2026, 11, 22):
            raise StorageUnavailable("down")
        return await super().__call__(day)


async def test_a_day_that_fails_does_not_keep_the_others_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """The host shows a failed execution; the days that can be exported are there all the same."""
    bench = Bench(RECORDS[:1])
    failing = FailingExport(bench.records, bench.files, RECORDS[:1])
    clock = FakeClock(datetime(2026, 11, 23, 2, 10, tzinfo=UTC))
    recent = ExportRecentDays(export=failing, send=None, clock=clock, days=2)
    with pytest.raises(StorageUnavailable):
        await recent()

    assert failing.seen == [date(2026, 11, 22), date(2026, 11, 21)]
    assert bench.files.commits == ["usage/day=2026-11-21/part-00000.parquet"]
    assert [each.message for each in caplog.records if each.levelname == "WARNING"] == ["export.failed"]


async def test_nothing_asked_for_is_nothing_done() -> None:
    """EXPORT_FORMATS=off."""
    await ExportRecentDays(export=None, send=None, clock=FakeClock(), days=3)()


def test_a_name_is_a_partition_that_readers_find() -> None:
    """Spark, DuckDB and Fabric make a column of `day=…`."""
    assert file_name("usage", DAY, ".parquet") == PARQUET
    assert list(whole_days(date(2026, 2, 27), date(2026, 3, 1))) == [date(2026, 2, 27), date(2026, 2, 28)]


def test_a_day_of_many_calls_takes_no_more_memory_than_one_of_few() -> None:
    """An instance has 2 GB for all it does; a hundred thousand rows that were held would take 200 MB of it."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.usecases.export_memory", "20000", "100000"],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )

    assert int(run.stdout) < 64 * 1024 * 1024
