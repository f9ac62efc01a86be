"""Days on their way to Log Analytics: every record at least once, and a day that is there not again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from shared.domain.errors import StorageUnavailable
from shared.domain.usage_record import Charge
from shared.usecases.export_recent_days import ExportRecentDays
from shared.usecases.send_usage_logs import SendUsageLogs
from tests.adapters.records import record
from tests.fakes import FakeClock, FakeUsageLedger, FakeUsageRecords
from tests.fakes_exports import FakeExportFiles, FakeLogSink

DAY = date(2026, 11, 23)
NOTE = "log_analytics/day=2026-11-23/part-00000.json"


class Bench:
    """A sender on fakes, and a day of five calls: three pages."""

    def __init__(self) -> None:
        self.ledger = FakeUsageLedger()
        self.notes = FakeExportFiles()
        self.sink = FakeLogSink()
        self.send = SendUsageLogs(FakeUsageRecords(self.ledger), self.notes, self.sink)

    async def calls(self, *call_ids: str) -> None:
        for call_id in call_ids:
            await self.ledger.end(record(call_id))

    def sent(self) -> list[object]:
        return [row["CallId"] for row in self.sink.rows]


@pytest.fixture
async def bench() -> Bench:
    bench = Bench()
    await bench.calls("c1", "c2", "c3", "c4", "c5")
    return bench


async def test_a_day_is_sent_once_however_often_it_is_looked_at(bench: Bench) -> None:
    """Rows are paid by the gigabyte."""
    first, again = await bench.send(DAY), await bench.send(DAY)

    assert bench.sent() == ["c1", "c2", "c3", "c4", "c5"]
    assert (first.is_new, again.is_new) == (True, False)
    assert bench.notes.commits == [NOTE]


async def test_a_day_that_has_changed_is_sent_again(bench: Bench) -> None:
    """A late record must not be missing; the others come twice, and are told by their CallId."""
    await bench.send(DAY)
    await bench.calls("late")
    await bench.send(DAY)

    assert set(bench.sent()[5:]) == {"c1", "c2", "c3", "c4", "c5", "late"}


async def test_a_day_that_was_cut_off_is_sent_again(bench: Bench) -> None:
    """What has arrived by then nobody knows for sure."""
    bench.sink.failure, bench.sink.fail_after = StorageUnavailable("throttled"), 2
    with pytest.raises(StorageUnavailable):
        await bench.send(DAY)
    bench.sink.failure = None
    await bench.send(DAY)

    assert bench.sent() == ["c1", "c2", "c1", "c2", "c3", "c4", "c5"]
    assert bench.notes.commits == [NOTE]


async def test_a_cost_is_there_to_sum_and_exact(bench: Bench) -> None:
    """A custom table knows no decimal."""
    cost = Charge(cost_usd=Decimal("0.000000000000000001"), price_source="list")
    await bench.ledger.end(replace(record("c1"), charge=cost))
    await bench.send(DAY)
    (row,) = (row for row in bench.sink.rows if row["CallId"] == "c1")

    assert (row["CostUsd"], row["CostUsdExact"]) == (1e-18, "0.000000000000000001")
    assert row["TimeGenerated"] == row["BegunAt"] == "2026-11-23T09:01:02.123456Z"


async def test_the_timer_sends_the_days_that_are_over(bench: Bench) -> None:
    """Beside files, or in their place."""
    clock = FakeClock(datetime(2026, 11, 24, 2, 10, tzinfo=UTC))
    await ExportRecentDays(export=None, send=bench.send, clock=clock, days=2)()

    assert len(bench.sent()) == 5
    assert bench.notes.commits == [NOTE, "log_analytics/day=2026-11-22/part-00000.json"]
