"""What storage did not take in its time is recorded when it does: once, and whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from shared.domain.errors import StorageRejected, StorageUnavailable
from shared.domain.usage_record import Outcome, UsageRecord
from shared.usecases import drain_spool
from shared.usecases.drain_spool import DrainSpool
from tests.adapters.records import open_call, record
from tests.fakes import FakeSpool, FakeUsageLedger

DOWN = StorageUnavailable("down")


class Stored(FakeUsageLedger):
    """A ledger that refuses some rows for ever, and counts who tries."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: set[str] = set()
        self.tries: list[str] = []

    async def end(self, record: UsageRecord) -> None:
        self.tries.append(record.call.call_id)
        await asyncio.sleep(0)
        if record.call.call_id in self.refused:
            raise StorageRejected("too long")
        await super().end(record)


@pytest.fixture
def stored() -> Stored:
    return Stored()


@pytest.fixture
def spool() -> FakeSpool:
    return FakeSpool()


@pytest.fixture
def drain(stored: Stored, spool: FakeSpool) -> DrainSpool:
    return DrainSpool(spool=spool, stored=stored, jitter=lambda: 0.5)


async def test_calls_that_have_ended_are_recorded(drain: DrainSpool, stored: Stored, spool: FakeSpool) -> None:
    """Each as it was."""
    for number in range(7):
        await spool.keep(record(f"c{number}"))
    await drain()

    assert stored.records == {f"c{number}": record(f"c{number}") for number in range(7)}
    assert not spool.kept


async def test_calls_under_way_are_left_alone(drain: DrainSpool, stored: Stored, spool: FakeSpool) -> None:
    """Their end is still to come."""
    await spool.keep(open_call("c1"))
    await drain()

    assert spool.kept == {"c1": open_call("c1")}
    assert not stored.records


async def test_calls_of_a_process_that_is_gone_are_recorded_as_what_is_known(
    drain: DrainSpool, stored: Stored, spool: FakeSpool
) -> None:
    """One had ended; of the other nobody will ever tell the end."""
    await spool.keep(record("c1"))
    await spool.keep(open_call("c2"))
    spool.die()
    await drain()

    assert stored.records["c1"] == record("c1")
    assert (stored.records["c2"].call, stored.records["c2"].outcome) == (open_call("c2"), Outcome.ABANDONED)
    assert not spool.left_behind


async def test_a_call_whose_end_is_recorded_is_not_abandoned(
    drain: DrainSpool, stored: Stored, spool: FakeSpool
) -> None:
    """Killed after storage had its end, and before its beginning went from the disk."""
    await spool.keep(open_call("c1"))
    await stored.end(record("c1"))
    spool.die()
    await drain()

    assert stored.records == {"c1": record("c1")}


async def test_a_late_end_takes_the_place_of_an_abandoned_call(
    drain: DrainSpool, stored: Stored, spool: FakeSpool
) -> None:
    """The sweeper was first, and knew less."""
    await stored.abandon(replace(record("c1"), outcome=Outcome.ABANDONED))
    await spool.keep(record("c1"))
    spool.die()
    await drain()

    assert stored.records == {"c1": record("c1")}


async def test_killed_before_it_is_removed_a_call_is_recorded_again_as_the_same_row(
    drain: DrainSpool, stored: Stored, spool: FakeSpool
) -> None:
    """Between the two steps is an instant in which anything may happen."""
    await spool.keep(record("c1"))
    removing, spool.remove = spool.remove, crash  # type: ignore[method-assign, assignment]
    with pytest.raises(KilledError):
        await drain()
    spool.remove = removing  # type: ignore[method-assign]
    spool.die()
    await drain()

    assert stored.tries == ["c1", "c1"]
    assert stored.records == {"c1": record("c1")}
    assert not spool.left_behind


async def test_while_storage_is_down_one_call_tries(drain: DrainSpool, stored: Stored, spool: FakeSpool) -> None:
    """A thousand spooled calls must not storm a storage that is coming up."""
    for number in range(9):
        await spool.keep(record(f"c{number}"))
    stored.end_failure = DOWN
    await drain()

    assert len(stored.tries) == 1
    assert len(spool.kept) == 9


async def test_storage_that_goes_down_midway_gets_the_rest_later(
    drain: DrainSpool, stored: Stored, spool: FakeSpool
) -> None:
    """What is recorded is recorded, what is not stays."""
    for number in range(6):
        await spool.keep(record(f"c{number}"))
    ending, calls = stored.end, 0

    async def end(record: UsageRecord) -> None:
        nonlocal calls
        calls += 1
        if calls > 3:
            raise DOWN
        await ending(record)

    stored.end = end  # type: ignore[method-assign]
    await drain()
    assert len(stored.records) == 3
    assert len(spool.kept) == 3

    stored.end = ending  # type: ignore[method-assign]
    await drain()
    assert len(stored.records) == 6


async def test_a_row_that_storage_will_never_take_is_set_aside(
    drain: DrainSpool, stored: Stored, spool: FakeSpool, caplog: pytest.LogCaptureFixture
) -> None:
    """Else it would be tried for ever, and hold up those behind it."""
    for number in range(4):
        await spool.keep(record(f"c{number}"))
    stored.refused = {"c0", "c3"}
    with caplog.at_level(logging.ERROR):
        await drain()

    assert set(stored.records) == {"c1", "c2"}
    assert set(spool.rejected) == {"c0", "c3"}
    assert not spool.kept
    assert [each.message for each in caplog.records] == ["usage.set_aside"] * 2


async def test_the_operator_hears_how_many_were_recorded_late(
    drain: DrainSpool, spool: FakeSpool, caplog: pytest.LogCaptureFixture
) -> None:
    """And nothing while there is nothing to say."""
    with caplog.at_level(logging.WARNING):
        await drain()
        await spool.keep(record("c1"))
        await drain()

    assert [(each.message, each.__dict__["calls"]) for each in caplog.records] == [("spool.drained", 1)]


async def test_it_drains_in_the_background(drain: DrainSpool, stored: Stored, spool: FakeSpool) -> None:
    """Nobody calls it."""
    async with running(drain):
        await spool.keep(record("c1"))
        await until(lambda: not spool.kept)

    assert stored.records == {"c1": record("c1")}


async def test_a_fault_in_one_round_does_not_end_the_others(
    drain: DrainSpool, stored: Stored, spool: FakeSpool, caplog: pytest.LogCaptureFixture
) -> None:
    """A disk that fails now may not fail later, and nobody would start it again."""
    spool.failure = StorageUnavailable("disk")
    async with running(drain):
        await until(lambda: any(each.message == "spool.not_drained" for each in caplog.records))
        spool.failure = None
        await spool.keep(record("c1"))
        await until(lambda: not spool.kept)

    assert stored.records == {"c1": record("c1")}


async def test_closing_drains_what_it_can(drain: DrainSpool, stored: Stored, spool: FakeSpool) -> None:
    """The machine may go with the worker, and its disk with the machine."""
    drain.start()
    await spool.keep(record("c1"))
    async with asyncio.timeout(1):
        await drain.close()

    assert stored.records == {"c1": record("c1")}


async def test_closing_waits_no_longer_than_there_is_time(
    drain: DrainSpool, stored: Stored, spool: FakeSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on disk is the next one's."""
    monkeypatch.setattr(drain_spool, "_CLOSING_SECONDS", 0.05)

    async def hang(record: UsageRecord) -> None:
        await asyncio.sleep(60)

    stored.end = hang  # type: ignore[method-assign]
    drain.start()
    await spool.keep(record("c1"))
    async with asyncio.timeout(1):
        await drain.close()

    assert spool.kept == {"c1": record("c1")}


async def test_closing_what_was_never_started_is_no_error(drain: DrainSpool) -> None:
    """The app may fail to be built."""
    await drain.close()


class KilledError(Exception):
    """Stands for SIGKILL: no code of ours runs after it."""


async def crash(*_: object) -> None:
    raise KilledError


@asynccontextmanager
async def running(drain: DrainSpool) -> AsyncIterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drain_spool, "_PAUSE_SECONDS", 0.01)
        drain.start()
        try:
            yield
        finally:
            await drain.close()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():
            await asyncio.sleep(0.005)
