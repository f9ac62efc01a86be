"""Open calls of workers that are gone, on a real emulator: who is judged gone, and what becomes of their calls."""

from __future__ import annotations

import asyncio
import logging
import random
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta

import aiohttp
import pytest
from azure.data.tables.aio import TableServiceClient

from local.azurite import Azurite
from shared.adapters import landed_calls
from shared.adapters.system_clock import SystemClock
from shared.adapters.table_authorization import TableEndpoint
from shared.adapters.table_open_calls import TableOpenCalls
from shared.adapters.table_service import StorageSettings, table_service
from shared.adapters.table_transactions import TableTransactions
from shared.adapters.table_usage_ledger import TableUsageLedger
from shared.adapters.table_usage_records import TableUsageRecords
from shared.adapters.usage_columns import HEARTBEAT_ROW, OPEN_CALLS_TABLE, SWEEPER_KEY, USAGE_TABLE
from shared.domain.liveness import LeftOpen
from shared.domain.usage_record import Outcome, UsageRecord, UsageSource
from shared.usecases.sweep_open_calls import SweepOpenCalls
from tests.adapters.records import BEGUN_AT, open_call, record

# For workers that are to be found gone.
SHORT_SECONDS = 0.3
# For those that must be found alive first, however busy the machine is.
LONG_SECONDS = 2.0
ENTITY = {"PartitionKey": "w9", "RowKey": "c9"}


class Bench:
    """Workers and sweepers on one account."""

    def __init__(self, service: TableServiceClient, session: aiohttp.ClientSession, stack: AsyncExitStack) -> None:
        self.open_table = service.get_table_client(OPEN_CALLS_TABLE)
        self._service = service
        self._session = session
        self._stack = stack
        self.records_of = TableUsageRecords(service)

    def worker(self, worker_id: str, *, lease_seconds: float = SHORT_SECONDS) -> TableUsageLedger:
        ledger = TableUsageLedger(self._transactions(), worker_id=worker_id, lease_seconds=lease_seconds)
        self._stack.push_async_callback(ledger.close)
        return ledger

    def open_calls(self, *, lease_seconds: float = SHORT_SECONDS) -> TableOpenCalls:
        return TableOpenCalls(self._service, self._transactions(), lease_seconds=lease_seconds)

    def sweeper(self, *, lease_seconds: float = SHORT_SECONDS) -> SweepOpenCalls:
        return SweepOpenCalls(self.open_calls(lease_seconds=lease_seconds), self.worker("sweeper"))

    async def open_rows(self) -> list[tuple[str, str]]:
        rows = [(row["PartitionKey"], row["RowKey"]) async for row in self.open_table.list_entities()]
        return [row for row in rows if row != (SWEEPER_KEY, SWEEPER_KEY)]

    async def records(self) -> dict[str, UsageRecord]:
        day = timedelta(days=1)
        pages = self.records_of.between(BEGUN_AT - day, BEGUN_AT + day)
        records = [each async for page in pages for each in page]
        assert len({each.call.call_id for each in records}) == len(records)
        return {each.call.call_id: each for each in records}

    def _transactions(self) -> TableTransactions:
        return TableTransactions(
            TableEndpoint.of(self._service),
            self._session,
            create_table=self._service.create_table_if_not_exists,
            clock=SystemClock(),
            jitter=random.random,
        )


@pytest.fixture
async def bench(azurite: Azurite) -> AsyncIterator[Bench]:
    """Yield an account without tables, as a new one."""
    async with AsyncExitStack() as stack:
        settings = StorageSettings(connection_string=azurite.connection_string)
        service = await stack.enter_async_context(table_service(settings))
        for table in (USAGE_TABLE, OPEN_CALLS_TABLE):
            await service.delete_table(table)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Bench(service, session, stack)


async def stop(worker: TableUsageLedger) -> None:
    """Stop a worker as SIGSTOP does: it beats no more. Its next beginning has it go on."""
    beating = worker._heartbeat._beating
    assert beating is not None
    beating.cancel()
    await asyncio.wait([beating])
    worker._heartbeat._beating = None


async def lease_over(seconds: float = SHORT_SECONDS) -> None:
    await asyncio.sleep(seconds + 0.2)


async def test_calls_of_a_dead_worker_are_recorded_and_its_rows_go(bench: Bench) -> None:
    """And those of one that lives are let be."""
    dead, live = bench.worker("dead"), bench.worker("live", lease_seconds=LONG_SECONDS)
    for number in range(3):
        await dead.begin(open_call(f"d{number}"))
        await live.begin(open_call(f"b{number}"))
    await stop(dead)
    await lease_over()
    await bench.sweeper()()

    records = await bench.records()
    assert sorted(records) == ["d0", "d1", "d2"]
    assert {each.outcome for each in records.values()} == {Outcome.ABANDONED}
    assert await bench.open_rows() == [("live", "b0"), ("live", "b1"), ("live", "b2"), ("live", HEARTBEAT_ROW)]


async def test_nothing_has_begun_and_nothing_is_swept(bench: Bench) -> None:
    """A new account has no tables."""
    assert [page async for page in bench.open_calls().pages()] == []

    await bench.sweeper()()
    assert await bench.open_rows() == []


async def test_a_worker_lives_as_long_as_it_beats(bench: Bench) -> None:
    """A call may be silent for many leases."""
    worker = bench.worker("w1", lease_seconds=LONG_SECONDS)
    await worker.begin(open_call("c1"))
    for _ in range(2):
        await lease_over(LONG_SECONDS)
        await bench.sweeper()()

    assert await bench.records() == {}
    assert ("w1", "c1") in await bench.open_rows()


async def test_two_sweepers_at_once_do_no_harm(bench: Bench) -> None:
    """Timers overlap while a new version of the app is rolled out."""
    dead = bench.worker("dead")
    await asyncio.gather(*(dead.begin(open_call(f"{number:03x}")) for number in range(120)))
    await stop(dead)
    await lease_over()
    await asyncio.gather(*(bench.sweeper()() for _ in range(3)))

    assert len(await bench.records()) == 120
    assert await bench.open_rows() == []


async def test_a_paused_worker_that_returns_carries_on(bench: Bench) -> None:
    """Its late end wins, it beats again, and its new calls are its own."""
    paused = bench.worker("w1", lease_seconds=LONG_SECONDS)
    await paused.begin(open_call("c1"))
    await stop(paused)
    await lease_over(LONG_SECONDS)
    await bench.sweeper()()
    after_sweep = await bench.records()
    await paused.begin(open_call("c2"))
    await paused.end(record("c1"))
    await lease_over(LONG_SECONDS)
    await bench.sweeper(lease_seconds=LONG_SECONDS)()

    assert after_sweep["c1"].outcome is Outcome.ABANDONED
    assert await bench.records() == {"c1": record("c1")}
    assert ("w1", "c2") in await bench.open_rows()
    assert ("w1", HEARTBEAT_ROW) in await bench.open_rows()


async def test_a_worker_that_returns_during_a_sweep_keeps_its_heartbeat(bench: Bench) -> None:
    """It was judged gone, and has beaten since."""
    worker = bench.worker("w1")
    await worker.begin(open_call("c1"))
    await stop(worker)
    await lease_over()
    open_calls = bench.open_calls()
    (judged,) = (await open_calls.workers()).gone()
    await worker._heartbeat._commits.submit(worker._heartbeat._beat)
    await open_calls.forget(judged)

    assert ("w1", HEARTBEAT_ROW) in await bench.open_rows()


async def test_a_heartbeat_is_forgotten_once(bench: Bench) -> None:
    """Of two sweepers one comes second."""
    worker = bench.worker("w1")
    await worker.begin(open_call("c1"))
    await stop(worker)
    await lease_over()
    open_calls = bench.open_calls()
    (judged,) = (await open_calls.workers()).gone()
    await asyncio.gather(open_calls.forget(judged), open_calls.forget(judged))

    assert await bench.open_rows() == [("w1", "c1")]


async def test_a_worker_killed_between_end_and_tidying_leaves_one_record(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end is what it was, and the open row goes."""
    monkeypatch.setattr(landed_calls, "_TIDY_SECONDS", 60.0)
    worker = bench.worker("w1")
    await worker.begin(open_call("c1"))
    await worker.end(record("c1"))
    await stop(worker)
    before = await bench.open_rows()
    await lease_over()
    await bench.sweeper()()

    assert ("w1", "c1") in before
    assert await bench.records() == {"c1": record("c1")}
    assert await bench.open_rows() == []


@pytest.mark.parametrize("hours", [-1, 1])
async def test_the_clock_of_an_instance_does_nothing(bench: Bench, hours: int) -> None:
    """It says when a call began, as well as it can; who is gone only the service's clock says."""
    begun_at = BEGUN_AT + timedelta(hours=hours)
    dead, live = (bench.worker(worker_id, lease_seconds=LONG_SECONDS) for worker_id in ("dead", "live"))
    await dead.begin(open_call("d1", begun_at=begun_at))
    await live.begin(open_call("b1", begun_at=begun_at))
    await stop(dead)
    await bench.sweeper()()
    too_soon = await bench.records()
    await lease_over(LONG_SECONDS)
    await bench.sweeper()()

    assert too_soon == {}
    (swept,) = (await bench.records()).values()
    assert swept.call.call_id == "d1"
    assert begun_at <= swept.ended_at < begun_at + timedelta(seconds=5)


async def test_a_call_that_ran_for_long_says_so(bench: Bench) -> None:
    """From its beginning to its worker's last beat, and not to the sweep."""
    worker = bench.worker("w1")
    await worker.begin(open_call("c1"))
    await asyncio.sleep(1.0)
    await stop(worker)
    await lease_over()
    await bench.sweeper()()

    (swept,) = (await bench.records()).values()
    assert 500 <= swept.duration_ms < 1400


async def test_calls_without_a_heartbeat_are_judged_by_their_own_rows(bench: Bench) -> None:
    """A beginning that landed after its worker was gone, or whose heartbeat was refused."""
    worker = bench.worker("w1")
    await worker.begin(open_call("c1"))
    await stop(worker)
    await bench.open_table.delete_entity("w1", HEARTBEAT_ROW)
    await bench.sweeper(lease_seconds=LONG_SECONDS)()
    too_soon = await bench.records()
    await lease_over(LONG_SECONDS)
    await bench.sweeper(lease_seconds=LONG_SECONDS)()

    assert too_soon == {}
    assert sorted(await bench.records()) == ["c1"]
    assert await bench.open_rows() == []


async def test_a_row_that_cannot_be_read_is_told_and_left(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """It may be a later version's; it keeps no other call from its record."""
    dead = bench.worker("dead")
    await dead.begin(open_call("c1"))
    await bench.open_table.upsert_entity(ENTITY | {"call_id": "c9"})
    await bench.open_table.upsert_entity(ENTITY | {"RowKey": HEARTBEAT_ROW})
    await stop(dead)
    await lease_over()
    with caplog.at_level(logging.WARNING):
        await bench.sweeper()()

    told = [each.__dict__["row_key"] for each in caplog.records if each.message == "opencalls.row_not_understood"]
    assert sorted(told) == ["c9", HEARTBEAT_ROW]
    assert sorted(await bench.records()) == ["c1"]
    assert await bench.open_rows() == [("w9", "c9"), ("w9", HEARTBEAT_ROW)]


async def test_the_record_has_what_the_beginning_knew(bench: Bench) -> None:
    """Principal, operation, size: all of it, and the estimate that the size gives."""
    call = replace(open_call("c1"), request_bytes=5230, user_label="日本 '\"")
    worker = bench.worker("w1")
    await worker.begin(call)
    await stop(worker)
    await lease_over()
    await bench.sweeper()()

    (swept,) = (await bench.records()).values()
    assert swept.call == call
    assert (swept.usage.prompt_tokens, swept.usage.completion_tokens) == (1000, None)
    assert (swept.usage.source, swept.usage.method) == (UsageSource.ESTIMATED, "request size")


async def test_thousands_of_open_calls_are_read_a_page_at_a_time(bench: Bench) -> None:
    """A region that fails over leaves many; an instance has half a gigabyte."""
    worker = bench.worker("w1")
    await asyncio.gather(*(worker.begin(open_call(f"{number:04x}")) for number in range(2500)))
    sizes = []
    tracemalloc.start()
    async for page in bench.open_calls().pages():
        assert all(isinstance(row, LeftOpen) and isinstance(row.written_at, datetime) for row in page)
        sizes.append(len(page))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (sum(sizes), max(sizes)) == (2500, 1000)
    assert peak < 40 * 1024 * 1024
