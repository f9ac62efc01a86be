"""What OpenCalls promises: of the fake, and of Table Storage on a real emulator."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from local.azurite import Azurite
from shared.adapters.system_clock import SystemClock
from shared.adapters.table_authorization import TableEndpoint
from shared.adapters.table_open_calls import TableOpenCalls
from shared.adapters.table_service import StorageSettings, table_service
from shared.adapters.table_transactions import TableTransactions
from shared.adapters.table_usage_ledger import TableUsageLedger
from shared.adapters.usage_columns import OPEN_CALLS_TABLE
from shared.domain.liveness import Heartbeat, LeftOpen
from shared.ports.open_calls import OpenCalls
from tests.adapters.records import open_call
from tests.fakes import FakeOpenCalls, FakeUsageLedger

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
LEASE = timedelta(seconds=90)


class Fakes:
    """The fakes, behind what the tests use."""

    def __init__(self) -> None:
        self._ledger = FakeUsageLedger()
        self._fake = FakeOpenCalls(self._ledger, now=NOW, lease=LEASE)
        self.open_calls: OpenCalls = self._fake

    async def begin(self, worker_id: str, *call_ids: str) -> None:
        await self.beat(worker_id)
        for call_id in call_ids:
            await self._ledger.begin(open_call(call_id))
            self._fake.written[call_id] = (worker_id, NOW)

    async def beat(self, worker_id: str) -> None:
        version = str(random.random())
        self._fake.heartbeats[worker_id] = Heartbeat(worker_id=worker_id, beat_at=NOW, lease=LEASE, version=version)


class Tables:
    """The adapters on Azurite, behind the same."""

    def __init__(self, open_calls: OpenCalls, transactions: TableTransactions, stack: AsyncExitStack) -> None:
        self.open_calls = open_calls
        self._transactions = transactions
        self._stack = stack
        self._workers: dict[str, TableUsageLedger] = {}

    async def begin(self, worker_id: str, *call_ids: str) -> None:
        if worker_id not in self._workers:
            worker = TableUsageLedger(self._transactions, worker_id=worker_id, lease_seconds=LEASE.total_seconds())
            self._stack.push_async_callback(worker.close)
            self._workers[worker_id] = worker
        await asyncio.gather(*(self._workers[worker_id].begin(open_call(call_id)) for call_id in call_ids))

    async def beat(self, worker_id: str) -> None:
        heartbeat = self._workers[worker_id]._heartbeat
        await heartbeat._commits.submit(heartbeat._beat)


Store = Fakes | Tables


@pytest.fixture(params=["fakes", "azurite"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """Yield an account where nothing has begun. On Azurite it has no tables yet, as a new one."""
    if request.param == "fakes":
        yield Fakes()
        return
    azurite: Azurite = request.getfixturevalue("azurite")
    async with AsyncExitStack() as stack:
        settings = StorageSettings(connection_string=azurite.connection_string)
        service = await stack.enter_async_context(table_service(settings))
        await service.delete_table(OPEN_CALLS_TABLE)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        transactions = TableTransactions(
            TableEndpoint.of(service),
            session,
            create_table=service.create_table_if_not_exists,
            clock=SystemClock(),
            jitter=random.random,
        )
        open_calls = TableOpenCalls(service, transactions, lease_seconds=LEASE.total_seconds())
        stack.push_async_callback(open_calls.close)
        yield Tables(open_calls, transactions, stack)


async def rows(store: Store) -> list[LeftOpen]:
    found = [row async for page in store.open_calls.pages() for row in page]
    return sorted(found, key=lambda row: row.call.call_id)


async def test_where_nothing_has_begun_nothing_is_open(store: Store) -> None:
    """A new account."""
    assert await rows(store) == []
    assert (await store.open_calls.workers()).heartbeats == {}


async def test_open_calls_are_found_with_their_workers(store: Store) -> None:
    """With all that was known when they began."""
    await store.begin("w1", "c1", "c2")
    await store.begin("w2", "c3")

    found = await rows(store)
    assert [(row.worker_id, row.call) for row in found] == [
        ("w1", open_call("c1")),
        ("w1", open_call("c2")),
        ("w2", open_call("c3")),
    ]


async def test_workers_and_calls_are_dated_by_one_clock(store: Store) -> None:
    """A worker that has just beaten has not been silent."""
    await store.begin("w1", "c1")
    workers = await store.open_calls.workers()
    (row,) = await rows(store)

    (heartbeat,) = workers.heartbeats.values()
    assert (heartbeat.worker_id, heartbeat.lease, workers.lease) == ("w1", LEASE, LEASE)
    assert timedelta(0) <= workers.now - heartbeat.beat_at < timedelta(seconds=10)
    assert timedelta(0) <= workers.now - row.written_at < timedelta(seconds=10)
    assert workers.gone() == []


async def test_a_call_is_taken_away_once_and_no_other_with_it(store: Store) -> None:
    """Of two sweepers one comes second."""
    await store.begin("w1", "c1", "c2")
    first, second = await rows(store)
    for _ in range(2):
        await store.open_calls.take_away(first)

    assert await rows(store) == [second]


async def test_a_worker_is_forgotten_as_it_was_seen(store: Store) -> None:
    """One that has beaten since was only paused."""
    await store.begin("w1", "c1")
    await store.begin("w2", "c2")
    seen = (await store.open_calls.workers()).heartbeats
    await store.beat("w2")
    for heartbeat in [*seen.values(), *seen.values()]:
        await store.open_calls.forget(heartbeat)

    assert list((await store.open_calls.workers()).heartbeats) == ["w2"]
    assert len(await rows(store)) == 2
