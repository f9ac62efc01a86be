"""What UsageLedger and UsageRecords promise: of the fakes, and of Table Storage on a real emulator."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import aiohttp
import pytest
from azure.data.tables.aio import TableServiceClient

from local.azurite import Azurite
from shared.adapters.table_authorization import TableEndpoint
from shared.adapters.table_service import StorageSettings, table_service
from shared.adapters.table_transactions import TableTransactions
from shared.adapters.table_usage_ledger import TableUsageLedger
from shared.adapters.table_usage_records import TableUsageRecords
from shared.adapters.usage_columns import OPEN_CALLS_TABLE, USAGE_TABLE
from shared.domain.usage_record import UsageRecord
from shared.ports.usage_ledger import UsageLedger
from shared.ports.usage_records import UsageRecords
from tests.adapters.records import BEGUN_AT, TENANT_ID, open_call, record
from tests.fakes import FakeUsageLedger, FakeUsageRecords

ALWAYS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


class SystemClock:
    """The machine's clock: the emulator refuses signatures of another day."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class Fakes:
    """The fakes, behind what the tests use."""

    def __init__(self) -> None:
        self.fake = FakeUsageLedger()
        self.ledger: UsageLedger = self.fake
        self.records: UsageRecords = FakeUsageRecords(self.fake)

    async def open_call_ids(self) -> list[str]:
        return sorted(self.fake.open)


class Tables:
    """The adapters on Azurite, behind the same."""

    def __init__(self, service: TableServiceClient, session: aiohttp.ClientSession) -> None:
        transactions = TableTransactions(
            TableEndpoint.of(service),
            session,
            create_table=service.create_table_if_not_exists,
            clock=SystemClock(),
            jitter=random.random,
        )
        self.table_ledger = TableUsageLedger(transactions, worker_id="worker-1", lease_seconds=90)
        self.ledger: UsageLedger = self.table_ledger
        self.records: UsageRecords = TableUsageRecords(service)
        self._service = service

    async def open_call_ids(self) -> list[str]:
        await self.table_ledger.close()
        await self._service.create_table_if_not_exists(OPEN_CALLS_TABLE)
        open_calls = self._service.get_table_client(OPEN_CALLS_TABLE)
        return sorted([row["RowKey"] async for row in open_calls.query_entities("RowKey lt '~'")])


Store = Fakes | Tables


@pytest.fixture(params=["fakes", "azurite"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """Yield an empty ledger. On Azurite it has no tables yet, as a new account."""
    if request.param == "fakes":
        yield Fakes()
        return
    azurite: Azurite = request.getfixturevalue("azurite")
    async with AsyncExitStack() as stack:
        settings = StorageSettings(connection_string=azurite.connection_string)
        service = await stack.enter_async_context(table_service(settings))
        for table in (USAGE_TABLE, OPEN_CALLS_TABLE):
            await service.delete_table(table)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        tables = Tables(service, session)
        stack.push_async_callback(tables.table_ledger.close)
        yield tables


async def read(
    store: Store,
    begun_from: datetime = ALWAYS[0],
    begun_before: datetime = ALWAYS[1],
    object_id: str | None = None,
) -> list[UsageRecord]:
    tenant_id = TENANT_ID if object_id else None
    pages = store.records.between(begun_from, begun_before, tenant_id=tenant_id, object_id=object_id)
    return [each async for page in pages for each in page]


async def test_a_call_that_begins_and_ends_is_one_record(store: Store) -> None:
    """The first promise."""
    await store.ledger.begin(open_call("c1"))
    await store.ledger.end(record("c1"))

    assert await read(store) == [record("c1")]
    assert await store.open_call_ids() == []


async def test_a_call_that_has_not_ended_is_open(store: Store) -> None:
    """The sweeper finds it when its worker is gone."""
    await store.ledger.begin(open_call("c1"))
    await store.ledger.begin(open_call("c2"))
    await store.ledger.end(record("c2"))

    assert await read(store) == [record("c2")]
    assert await store.open_call_ids() == ["c1"]


async def test_the_same_events_twice_are_one_record(store: Store) -> None:
    """Whoever is not sure that a write was done repeats it."""
    for _ in range(2):
        await store.ledger.begin(open_call("c1"))
    for _ in range(2):
        await store.ledger.end(record("c1"))

    assert await read(store) == [record("c1")]


async def test_the_last_end_wins(store: Store) -> None:
    """A late end knows more than the sweeper that took the call for abandoned."""
    await store.ledger.end(record("c1", prompt_tokens=1))
    await store.ledger.end(record("c1", prompt_tokens=2))

    assert await read(store) == [record("c1", prompt_tokens=2)]


async def test_an_abandoned_call_is_a_record(store: Store) -> None:
    """Its worker cannot write it any more."""
    await store.ledger.begin(open_call("c1"))
    for _ in range(2):
        await store.ledger.abandon(record("c1"))

    assert await read(store) == [record("c1")]


async def test_an_end_that_is_recorded_is_not_abandoned(store: Store) -> None:
    """The worker died between the end and taking the open call away."""
    await store.ledger.end(record("c1", prompt_tokens=1))
    await store.ledger.abandon(record("c1", prompt_tokens=2))

    assert await read(store) == [record("c1", prompt_tokens=1)]


async def test_a_late_end_replaces_an_abandoned_call(store: Store) -> None:
    """The worker was only paused, and knows more than whoever took it for gone."""
    await store.ledger.abandon(record("c1", prompt_tokens=1))
    await store.ledger.end(record("c1", prompt_tokens=2))

    assert await read(store) == [record("c1", prompt_tokens=2)]


async def test_an_end_may_come_before_its_beginning(store: Store) -> None:
    """Writes that time out arrive late."""
    await store.ledger.end(record("c1"))
    await store.ledger.begin(open_call("c1"))

    assert await read(store) == [record("c1")]


async def test_an_end_needs_no_beginning(store: Store) -> None:
    """A call refused by us is recorded, and was never open."""
    await store.ledger.end(record("c1"))

    assert await read(store) == [record("c1")]
    assert await store.open_call_ids() == []


async def test_many_calls_at_once_are_a_record_each(store: Store) -> None:
    """They share transactions; none may be lost or doubled in them."""

    async def call(number: int) -> None:
        call_id, object_id = f"c{number:03}", f"user{number % 5}"
        await store.ledger.begin(open_call(call_id, object_id=object_id))
        await store.ledger.end(record(call_id, object_id=object_id))

    await asyncio.gather(*(call(number) for number in range(250)))

    assert sorted(each.call.call_id for each in await read(store)) == [f"c{number:03}" for number in range(250)]
    assert await store.open_call_ids() == []


async def test_a_range_holds_its_beginning_and_not_its_end(store: Store) -> None:
    """Two ranges side by side count every call once, to the microsecond."""
    microsecond = timedelta(microseconds=1)
    for number in range(4):
        await store.ledger.end(record(f"c{number}", begun_at=BEGUN_AT + number * microsecond))

    found = await read(store, BEGUN_AT + microsecond, BEGUN_AT + 3 * microsecond)
    assert [each.call.call_id for each in found] == ["c1", "c2"]
    assert await read(store, BEGUN_AT, BEGUN_AT) == []


async def test_records_come_by_day_and_principal(store: Store) -> None:
    """So a reader can total a day without holding it."""
    midnight = datetime(2026, 11, 24, tzinfo=UTC)
    for number, (begun_at, object_id) in enumerate(
        [
            (midnight, "alice"),
            (midnight - timedelta(hours=1), "bob"),
            (midnight - timedelta(microseconds=1), "alice"),
            (midnight - timedelta(hours=2), "bob"),
        ]
    ):
        await store.ledger.end(record(f"c{number}", begun_at=begun_at, object_id=object_id))

    assert [each.call.call_id for each in await read(store)] == ["c2", "c3", "c1", "c0"]


async def test_a_principal_reads_its_own_records_only(store: Store) -> None:
    """Also those of another whose id begins as its own does."""
    for number, object_id in enumerate(["alice", "alice2", "alic", "bob"]):
        await store.ledger.end(record(f"c{number}", object_id=object_id))
    await store.ledger.end(record("c9", object_id="alice", begun_at=BEGUN_AT + timedelta(days=2)))

    found = await read(store, BEGUN_AT, BEGUN_AT + timedelta(days=3), object_id="alice")
    assert [each.call.call_id for each in found] == ["c0", "c9"]


async def test_a_quote_in_an_id_stays_in_its_query(store: Store) -> None:
    """Ids of this form cannot be principals, but the query must not rely on that."""
    await store.ledger.end(record("c1"))

    assert await read(store, BEGUN_AT, BEGUN_AT + timedelta(days=1), object_id="' or PartitionKey ge '") == []


async def test_times_of_other_zones_are_the_same_times(store: Store) -> None:
    """A day is a day of UTC, whatever zone the caller of the API wrote."""
    tokyo = timezone(timedelta(hours=9))
    begun_at = datetime(2026, 11, 24, 1, tzinfo=tokyo)
    await store.ledger.end(record("c1", begun_at=begun_at))

    found = await read(store, begun_at, begun_at + timedelta(hours=1), object_id="alice")
    assert [each.call.begun_at for each in found] == [datetime(2026, 11, 23, 16, tzinfo=UTC)]


async def test_nothing_recorded_is_no_error(store: Store) -> None:
    """A new account has no table yet."""
    assert await read(store) == []


async def test_what_callers_choose_cannot_break_a_record(store: Store) -> None:
    """Text that ends a line, a part of a transaction, a string of JSON or one of the filter."""
    hostile = "'\"\\ 日本 \U0001f600 --changeset_ HTTP/1.1 {"
    records = [
        replace(record(f"c{number}"), call=replace(open_call(f"c{number}"), user_label=hostile)) for number in range(3)
    ]
    await asyncio.gather(*(store.ledger.end(each) for each in records))

    assert await read(store) == records


async def test_a_record_that_is_withdrawn_is_gone(store: Store) -> None:
    """It was made of Azure's logs, and turned out to be ours; to withdraw it again does no harm."""
    await store.ledger.end(record("bypass-1"))
    await store.ledger.end(record("c1"))
    await store.ledger.withdraw(record("bypass-1"))
    await store.ledger.withdraw(record("bypass-1"))

    assert await read(store) == [record("c1")]


async def test_what_was_never_there_can_be_withdrawn(store: Store) -> None:
    """Nor need there be a table."""
    await store.ledger.withdraw(record("bypass-1"))

    assert await read(store) == []
