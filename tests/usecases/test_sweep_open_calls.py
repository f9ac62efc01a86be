"""The sweeper: what dead workers have left open becomes a record each, and nothing else does."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.errors import StorageRejected, StorageUnavailable
from shared.domain.liveness import Heartbeat
from shared.domain.usage_record import Outcome, UsageRecord
from shared.usecases.sweep_open_calls import SweepOpenCalls
from tests.adapters.records import BEGUN_AT, open_call, record
from tests.fakes import FakeOpenCalls, FakeUsageLedger

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


class Bench:
    """A sweeper on fakes, and workers that live or do not."""

    def __init__(self) -> None:
        self.ledger = FakeUsageLedger()
        self.open_calls = FakeOpenCalls(self.ledger, now=NOW)
        self.sweep = SweepOpenCalls(self.open_calls, self.ledger)

    def beat(self, worker_id: str, *, seconds_ago: float) -> None:
        self.open_calls.heartbeats[worker_id] = Heartbeat(
            worker_id=worker_id,
            beat_at=NOW - timedelta(seconds=seconds_ago),
            lease=timedelta(seconds=90),
            version=str(seconds_ago),
        )

    async def begin(self, worker_id: str, *call_ids: str, seconds_ago: float = 200) -> None:
        for call_id in call_ids:
            await self.ledger.begin(open_call(call_id))
            self.open_calls.written[call_id] = (worker_id, NOW - timedelta(seconds=seconds_ago))


@pytest.fixture
async def bench() -> Bench:
    """Return two workers with three calls each: `dead` has not beaten for 100 s, `live` for 10."""
    bench = Bench()
    await bench.begin("dead", "d1", "d2", "d3")
    await bench.begin("live", "l1", "l2", "l3")
    bench.beat("dead", seconds_ago=100)
    bench.beat("live", seconds_ago=10)
    return bench


async def test_calls_of_a_dead_worker_are_recorded_and_those_of_a_live_one_are_not(bench: Bench) -> None:
    """The promise: kill the process at any instant, and every call has one record."""
    await bench.sweep()

    assert sorted(bench.ledger.records) == ["d1", "d2", "d3"]
    assert {each.outcome for each in bench.ledger.records.values()} == {Outcome.ABANDONED}
    assert sorted(bench.ledger.open) == ["l1", "l2", "l3"]
    assert list(bench.open_calls.heartbeats) == ["live"]


async def test_an_abandoned_call_ran_until_its_worker_was_last_seen(bench: Bench) -> None:
    """By the service's clock alone: that of an instance may be an hour off."""
    await bench.sweep()

    found = bench.ledger.records["d1"]
    assert found.duration_ms == 100_000
    assert found.ended_at == BEGUN_AT + timedelta(seconds=100)


async def test_a_sweep_after_a_sweep_does_nothing(bench: Bench) -> None:
    """Nor do two at once."""
    await asyncio.gather(bench.sweep(), bench.sweep())
    first = dict(bench.ledger.records)
    await bench.sweep()

    assert bench.ledger.records == first
    assert len(first) == 3


async def test_an_end_that_was_recorded_stays(bench: Bench) -> None:
    """The worker died between the end and taking the open call away."""
    bench.ledger.records["d1"] = record("d1")
    await bench.sweep()

    assert bench.ledger.records["d1"] == record("d1")
    assert "d1" not in bench.ledger.open


async def test_a_late_end_wins(bench: Bench) -> None:
    """The worker was paused, not dead."""
    await bench.sweep()
    await bench.ledger.end(record("d1"))
    await bench.sweep()

    assert bench.ledger.records["d1"] == record("d1")


async def test_calls_without_a_heartbeat_are_judged_by_their_own_age(bench: Bench) -> None:
    """Their worker is forgotten, or has never beaten."""
    await bench.begin("nobody", "n1", seconds_ago=91)
    await bench.begin("nobody", "n2", seconds_ago=89)
    await bench.sweep()

    assert "n1" in bench.ledger.records
    assert "n2" in bench.ledger.open


async def test_what_storage_refuses_stops_nothing_else(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """It is told by its id, and left with its worker's heartbeat."""
    abandon = bench.ledger.abandon

    async def refuse_one(record: UsageRecord) -> None:
        if record.call.call_id == "d2":
            raise StorageRejected("a limit")
        await abandon(record)

    bench.ledger.abandon = refuse_one  # type: ignore[method-assign]
    with caplog.at_level(logging.WARNING):
        await bench.sweep()

    (refused,) = [each for each in caplog.records if each.message == "opencalls.not_swept"]
    assert refused.__dict__["call_id"] == "d2"
    assert sorted(bench.ledger.records) == ["d1", "d3"]
    assert sorted(bench.ledger.open) == ["d2", "l1", "l2", "l3"]
    assert sorted(bench.open_calls.heartbeats) == ["dead", "live"]


async def test_a_store_that_is_down_ends_the_sweep_and_loses_nothing(bench: Bench) -> None:
    """The next one finds all of it again."""
    bench.ledger.end_failure = StorageUnavailable("down")
    with pytest.raises(StorageUnavailable):
        await bench.sweep()
    still_open = len(bench.ledger.open)
    bench.ledger.end_failure = None
    await bench.sweep()

    assert still_open == 6
    assert sorted(bench.ledger.records) == ["d1", "d2", "d3"]


async def test_a_call_is_taken_away_only_when_its_record_is_durable(bench: Bench) -> None:
    """A sweeper can be killed, too."""
    taken_away = bench.open_calls.take_away

    async def watched(row: object) -> None:
        assert row.call.call_id in bench.ledger.records  # type: ignore[attr-defined]
        await taken_away(row)  # type: ignore[arg-type]

    bench.open_calls.take_away = watched  # type: ignore[method-assign]
    await bench.sweep()

    assert len(bench.ledger.open) == 3


async def test_a_sweep_that_found_something_says_so(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A worker died: the operator wants to know. One that finds nothing, each minute, is silent."""
    with caplog.at_level(logging.WARNING):
        await bench.sweep()
        await bench.sweep()

    assert [(each.message, each.__dict__["calls"]) for each in caplog.records] == [("opencalls.swept", 3)]
