"""What RecordSearch, RecordsById and NewRecords promise: of the fake, and of Table Storage on a real emulator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest

from local.azurite import Azurite
from shared.adapters.table_record_search import TableRecordSearch
from shared.adapters.table_service import StorageSettings, table_service
from shared.adapters.usage_columns import USAGE_TABLE
from shared.domain.record_pages import PrincipalId, RecordFilter
from shared.domain.usage_record import Outcome, UsageRecord
from tests.adapters.records import BEGUN_AT, TENANT_ID, record
from tests.adapters.usage_rows import put_records
from tests.fakes_records import FakeRecordSearch

ALICE, BOB = PrincipalId(TENANT_ID, "alice"), PrincipalId(TENANT_ID, "bob")
DAY = BEGUN_AT.date()
MIDNIGHT = BEGUN_AT.replace(hour=0, minute=0, second=0, microsecond=0)
DAY_END = MIDNIGHT + timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """What is searched, and how it is filled."""

    search: TableRecordSearch | FakeRecordSearch
    put: Callable[[Sequence[UsageRecord]], Awaitable[None]]


@pytest.fixture(params=["fake", "tables"])
async def store(request: pytest.FixtureRequest, azurite: Azurite) -> AsyncIterator[Store]:
    async with AsyncExitStack() as stack:
        if request.param == "fake":
            fake = FakeRecordSearch()

            async def put(records: Sequence[UsageRecord]) -> None:
                fake.put(*records)

            yield Store(search=fake, put=put)
            return
        service = table_service(StorageSettings(connection_string=azurite.connection_string))
        await stack.enter_async_context(service)
        await service.delete_table(USAGE_TABLE)
        yield Store(search=TableRecordSearch(service), put=lambda records: put_records(service, records))


async def within(store: Store, only: RecordFilter | None = None, *, page_size: int = 1000) -> list[list[str]]:
    pages = store.search.within(ALICE, MIDNIGHT, DAY_END, only or RecordFilter(), page_size=page_size)
    return [[each.call.call_id for each in page] async for page in pages]


async def test_nothing_recorded_is_nothing_found(store: Store) -> None:
    """A ledger on its first day has no table."""
    assert list(await store.search.principals(DAY)) == []
    assert await within(store) == []
    assert list(await store.search.with_id("c1", MIDNIGHT, DAY_END, None)) == []
    assert list(await store.search.written_since(ALICE, MIDNIGHT, DAY, None)) == []


async def test_a_days_principals_are_named_once(store: Store) -> None:
    """Those with a record and those with many; those of other days are not among them."""
    many = [record(f"c{number}", object_id="bob") for number in range(250)]
    few = [record(f"d{number}", object_id=f"p{number:03}") for number in range(130)]
    await store.put([*many, *few, record("e1", object_id="alice"), record("e2", object_id="zoe")])
    await store.put([record("e3", begun_at=MIDNIGHT - timedelta(seconds=1), object_id="yesterday")])
    await store.put([record("e4", begun_at=DAY_END, object_id="tomorrow")])
    principals = list(await store.search.principals(DAY))

    assert principals == [
        PrincipalId(TENANT_ID, each) for each in ["alice", "bob", *(f"p{number:03}" for number in range(130)), "zoe"]
    ]
    assert list(await store.search.principals(date(2026, 11, 20))) == []


async def test_a_principals_records_come_by_time_a_page_at_a_time(store: Store) -> None:
    """Its own, those of the time alone, whole."""
    times = [MIDNIGHT - timedelta(microseconds=1), MIDNIGHT, BEGUN_AT, BEGUN_AT, DAY_END]
    records = [record(f"c{number}", begun_at=time) for number, time in enumerate(times)]
    await store.put([*reversed(records), record("c9", object_id="alice2"), record("c8", object_id="bob")])
    pages = [each async for each in store.search.within(ALICE, MIDNIGHT, DAY_END, RecordFilter(), page_size=2)]

    assert [list(page) for page in pages] == [records[1:3], records[3:4]]


@pytest.mark.parametrize(
    ("only", "ids"),
    [
        (RecordFilter(deployment="it's"), ["c2"]),
        (RecordFilter(model="gpt-4o-2024-11-20"), ["c1", "c2"]),
        (RecordFilter(operation="chat.completions", outcome=Outcome.ABANDONED), ["c3"]),
        (RecordFilter(operation="embeddings"), []),
    ],
)
async def test_what_is_asked_for_is_told_from_the_rest(store: Store, only: RecordFilter, ids: list[str]) -> None:
    """Every filter; a quote in a name is a part of the name."""
    second = record("c2")
    quoted = replace(second, call=replace(second.call, deployment="it's"))
    await store.put([record("c1"), quoted, replace(record("c3"), model=None, outcome=Outcome.ABANDONED)])

    assert [call_id for page in await within(store, only) for call_id in page] == ids


async def test_an_id_or_its_beginning_is_found(store: Store) -> None:
    """Of everybody's, or of one principal's alone; of a beginning that many have, enough to say so."""
    await store.put([record("abc1"), record("abc2", object_id="bob"), record("b1", object_id="bob")])
    await store.put([record(f"x{number}") for number in range(9)])

    async def ids(call_id: str, principal: PrincipalId | None = None) -> list[str]:
        found = await store.search.with_id(call_id, MIDNIGHT, DAY_END, principal)
        return [each.call.call_id for each in found]

    assert await ids("abc1") == ["abc1"]
    assert await ids("abc") == ["abc1", "abc2"]
    assert await ids("abc", BOB) == ["abc2"]
    assert await ids("b1", ALICE) == []
    assert await ids("' or call_id ge '") == []
    assert len(await ids("x")) == 3
    assert list(await store.search.with_id("abc1", BEGUN_AT + timedelta(seconds=1), DAY_END, None)) == []


async def test_what_was_written_since_is_told_by_storages_clock(store: Store) -> None:
    """A call that began before others may end after them: what it is found by is when it was written."""
    late, early = record("late", begun_at=BEGUN_AT), record("early", begun_at=BEGUN_AT + timedelta(seconds=5))
    await store.put([early])
    (first,) = await store.search.written_since(ALICE, MIDNIGHT, DAY, None)
    await store.put([late, record("c9", object_id="bob")])
    since = await store.search.written_since(ALICE, MIDNIGHT, DAY, first.written_at)
    everything = await store.search.written_since(ALICE, MIDNIGHT, DAY, None)

    assert (first.record, first.written_at.utcoffset()) == (early, timedelta(0))
    assert [each.record for each in since] == [late]
    assert [each.record for each in everything] == [late, early]
    assert list(await store.search.written_since(ALICE, BEGUN_AT + timedelta(seconds=9), DAY, None)) == []
