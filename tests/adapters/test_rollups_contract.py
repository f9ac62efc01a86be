"""What Rollups, UnfoldedUsage and UsageEntries promise: of the fakes, and of Table Storage on a real emulator."""

from __future__ import annotations

import asyncio
import logging
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import aiohttp
import pytest
from azure.data.tables.aio import TableServiceClient

from local.azurite import Azurite
from shared.adapters.system_clock import SystemClock
from shared.adapters.table_authorization import TableEndpoint
from shared.adapters.table_service import StorageSettings, table_service
from shared.adapters.table_transactions import TableTransactions
from shared.adapters.table_usage_ledger import TableUsageLedger
from shared.adapters.table_wire import upsert
from shared.adapters.unfolded_columns import UNFOLDED_TABLE, held_entity
from shared.adapters.usage_columns import USAGE_TABLE
from shared.bootstrap.rolling_up import UsageRollups
from shared.domain.rollup import Rollup
from shared.domain.table_entity import TableEntity
from shared.domain.usage_entry import UsageEntry
from shared.domain.usage_keys import Owner, PrincipalDay
from shared.domain.usage_record import UsageRecord
from shared.ports.rollups import EVERYTHING, DayRollup, Detail, MonthRollup, Rollups
from shared.ports.unfolded import UnfoldedUsage
from shared.ports.usage_entries import UsageEntries
from shared.ports.usage_ledger import UsageLedger
from tests.adapters.records import TENANT_ID, open_call, record
from tests.domain.test_rollup import entry
from tests.fakes import FakeUsageLedger
from tests.fakes_rollups import FakeRollups, FakeUnfoldedUsage, FakeUsageEntries, usage_entry

# A month of our own: other tests share the account.
DAY = date(2033, 3, 7)
NOON = datetime(2033, 3, 7, 12, tzinfo=UTC)


class Fakes:
    """The fakes, behind what the tests use."""

    def __init__(self) -> None:
        self.ledger: UsageLedger = (ledger := FakeUsageLedger())
        self.entries: UsageEntries = (entries := FakeUsageEntries(ledger))
        self.unfolded: UnfoldedUsage = FakeUnfoldedUsage(entries, NOON)
        self.rollups: Rollups = FakeRollups()

    async def close(self) -> None:
        """Nothing is left to be done."""


class Tables:
    """The adapters on Azurite, behind the same."""

    def __init__(self, service: TableServiceClient, session: aiohttp.ClientSession) -> None:
        endpoint, clock = TableEndpoint.of(service), SystemClock()
        self.transactions = TableTransactions(
            endpoint, session, create_table=service.create_table_if_not_exists, clock=clock, jitter=random.random
        )
        self._ledger = TableUsageLedger(self.transactions, worker_id=uuid.uuid4().hex, lease_seconds=90)
        self.ledger: UsageLedger = self._ledger
        parts = UsageRollups.over(endpoint, session, self.transactions, clock)
        self.entries: UsageEntries = parts.entries
        self.unfolded: UnfoldedUsage = parts.unfolded
        self.rollups: Rollups = parts.rollups

    async def close(self) -> None:
        await self._ledger.close()

    async def write(self, table: str, entity: TableEntity) -> None:
        deadline = asyncio.get_running_loop().time() + 10
        assert await self.transactions.commit(table, [upsert(entity)], deadline=deadline) is None


Store = Fakes | Tables


@pytest.fixture
async def tables(azurite: Azurite) -> AsyncIterator[Tables]:
    async with AsyncExitStack() as stack:
        settings = StorageSettings(connection_string=azurite.connection_string)
        service = await stack.enter_async_context(table_service(settings))
        yield Tables(service, await stack.enter_async_context(aiohttp.ClientSession()))


@pytest.fixture(params=["fakes", "azurite"])
def store(request: pytest.FixtureRequest) -> Store:
    return Fakes() if request.param == "fakes" else request.getfixturevalue("tables")


def some_record(owner: Owner, seconds: float, call_id: str | None = None) -> UsageRecord:
    """Return a record of a principal of this test's own."""
    return record(call_id or uuid.uuid4().hex, begun_at=NOON + timedelta(seconds=seconds), object_id=owner.object_id)


@pytest.fixture
def owner() -> Owner:
    return Owner(TENANT_ID, uuid.uuid4().hex)


async def entries_of(store: Store, owner: Owner, **bounds: str) -> list[UsageEntry]:
    pages = store.entries.entries(PrincipalDay(DAY, owner), **bounds)
    return [plain(each) async for page in pages for each in page]


def plain(entry: UsageEntry) -> UsageEntry:
    """Return an entry without what else stood in its row."""
    return UsageEntry(**{name: getattr(entry, name) for name in UsageEntry.__struct_fields__})


async def test_entries_are_the_records_in_the_order_of_their_keys(store: Store, owner: Owner) -> None:
    """As far as rollups go, and to the last digit; a day and a principal at a time."""
    records = [some_record(owner, seconds) for seconds in (3, 1, 2)]
    for each in [*records, some_record(Owner(TENANT_ID, uuid.uuid4().hex), 1), some_record(owner, 86_400)]:
        await store.ledger.end(each)
    expected = sorted(map(usage_entry, records), key=lambda each: each.row_key)

    assert await entries_of(store, owner) == expected
    assert await entries_of(store, owner, row_after=expected[0].row_key) == expected[1:]
    assert await entries_of(store, owner, row_from=expected[1].row_key) == expected[1:]
    assert await entries_of(store, owner, row_before=expected[2].row_key) == expected[:2]


async def test_who_has_records_on_a_day_is_found(store: Store, owner: Owner) -> None:
    """For a rebuild, which trusts nothing else."""
    await store.ledger.end(some_record(owner, 0))
    await store.ledger.end(some_record(owner, 86_400))

    assert PrincipalDay(DAY, owner) in await store.entries.principal_days(DAY, DAY)
    assert PrincipalDay(DAY + timedelta(days=1), owner) not in await store.entries.principal_days(DAY, DAY)


async def test_what_has_landed_is_known_until_it_is_forgotten(store: Store, owner: Owner) -> None:
    """Each record, by its key."""
    records = [some_record(owner, seconds) for seconds in (1, 2)]
    for each in records:
        await store.ledger.end(each)
    await store.close()
    loose = (await store.unfolded.read()).days[PrincipalDay(DAY, owner)]

    assert set(loose.landed) == {usage_entry(each).row_key for each in records}


async def test_a_marked_day_is_unsettled_until_it_is_settled_as_it_was_seen(store: Store) -> None:
    """Whoever changes a rollup marks its day again, and then it is not settled."""
    day = date(2034, 1, 1) + timedelta(days=random.randrange(300))
    await store.unfolded.unsettle(day)
    version = (await store.unfolded.read()).unsettled[day]
    await store.unfolded.unsettle(day)
    newer = (await store.unfolded.read()).unsettled[day]

    assert newer != version
    assert await store.unfolded.settle(day, newer)
    assert day not in (await store.unfolded.read()).unsettled


async def test_a_rollup_that_is_not_there_is_empty(store: Store, owner: Owner) -> None:
    """Nothing was used, or nothing is folded yet."""
    whose = PrincipalDay(DAY, owner)

    assert await store.rollups.day(whose) == DayRollup(whose=whose)
    assert await store.rollups.month(DAY.replace(day=1), owner) == MonthRollup(month=DAY.replace(day=1), owner=owner)


async def test_rollups_are_found_by_day_and_by_month(store: Store, owner: Owner) -> None:
    """One or all; and those of a month are not among those of its days, nor of the month before."""
    rollup = Rollup.of([entry(5, label="a"), entry(6)])
    merged = Rollup()
    merged.merge(rollup)
    april = date(2033, 4, 1)
    await store.rollups.keep([DayRollup(whose=PrincipalDay(DAY, owner), rollup=rollup, folded_through="x")])
    await store.rollups.keep([MonthRollup(month=april, owner=owner, rollup=merged, days={april: "d"})])
    day = await store.rollups.day(PrincipalDay(DAY, owner))
    month = await store.rollups.month(april, owner)
    days = [each async for page in store.rollups.days(DAY, april, EVERYTHING) for each in page]
    months = [each async for page in store.rollups.months(april, EVERYTHING) for each in page]

    assert (day.rollup, day.folded_through, bool(day.version)) == (rollup, "x", True)
    assert (month.rollup, month.days, bool(month.version)) == (merged, {april: "d"}, True)
    assert [each.rollup for each in days if each.whose.owner == owner] == [rollup]
    assert [each.rollup for each in months if each.owner == owner] == [merged]


# What only tables promise: fakes do not fail so.


async def test_of_two_folds_one_is_written(tables: Tables, owner: Owner) -> None:
    """Both have read the same version; the other has done nothing."""
    whose = PrincipalDay(DAY, owner)
    first, second = [DayRollup(whose=whose, rollup=Rollup.of([entry(n)])) for n in (1, 2)]

    assert await tables.rollups.keep([first]) == [True]
    assert await tables.rollups.keep([second]) == [False]

    one, other = [await tables.rollups.day(whose) for _ in range(2)]
    for each in (one, other):
        each.rollup.add(entry(3))

    assert await tables.rollups.keep([one]) == [True]
    assert await tables.rollups.keep([other]) == [False]
    assert (await tables.rollups.day(whose)).rollup.totals().calls == 2


async def test_many_are_kept_but_for_those_that_somebody_else_has_changed(tables: Tables) -> None:
    """They share transactions, which fail as a whole."""
    owners = [Owner(TENANT_ID, uuid.uuid4().hex) for _ in range(120)]
    stale = set(random.Random(1).sample(range(120), 5))
    for number in stale:
        await tables.rollups.keep([DayRollup(whose=PrincipalDay(DAY, owners[number]), rollup=Rollup.of([entry(1)]))])
    kept = await tables.rollups.keep([DayRollup(whose=PrincipalDay(DAY, each)) for each in owners])

    assert [number for number, is_kept in enumerate(kept) if not is_kept] == sorted(stale)


async def test_notes_are_forgotten_as_far_as_they_are_folded(tables: Tables, owner: Owner) -> None:
    """A note of several records stays for the rest of them."""
    records = [some_record(owner, seconds) for seconds in (1, 2, 3)]
    for each in records:
        await tables.ledger.begin(each.call)
    await asyncio.gather(*(tables.ledger.end(each) for each in records))
    await tables.close()
    whose, keys = PrincipalDay(DAY, owner), [usage_entry(each).row_key for each in records]
    for before, left in [(keys[1], keys[1:]), (keys[1], keys[1:]), ("9", [])]:
        await tables.unfolded.forget(await tables.unfolded.read(), {whose: before})
        loose = (await tables.unfolded.read()).days.get(whose)

        assert sorted(loose.landed if loose else []) == left


async def test_what_is_open_or_held_is_pending(tables: Tables, owner: Owner) -> None:
    """It may land at any time; and what was held for an hour has landed, or never will."""
    await tables.ledger.begin(open_call("c0ffee", begun_at=NOON, object_id=owner.object_id))
    whose = PrincipalDay(DAY, owner)
    await tables.write(UNFOLDED_TABLE, held_entity("0a", uuid.uuid4().hex, whose.partition, "20330307T1"))
    loose = (await tables.unfolded.read()).days[whose]

    assert loose.pending == {"20330307T120000.000000Z_c0ffee", "20330307T1"}


async def test_days_that_are_marked_are_to_be_folded_from_their_first_record(tables: Tables, owner: Owner) -> None:
    """Whatever their rollups say."""
    whose = PrincipalDay(DAY, owner)
    await tables.unfolded.mark_changed([whose])
    loose = (await tables.unfolded.read()).days[whose]

    assert loose.is_behind("", frozenset())
    assert loose.is_behind("20330307", frozenset())


async def test_a_row_that_cannot_be_understood_is_left_out(
    tables: Tables, owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    """It must not hide the others of its page; and it is told."""
    await tables.ledger.end(some_record(owner, 1))
    partition = PrincipalDay(DAY, owner).partition
    for number, properties in enumerate([{}, {"duration_ms": "long"}, {"outcome": "exploded"}]):
        entity = TableEntity(partition_key=partition, row_key=f"2033030{number}", properties=properties)
        await tables.write(USAGE_TABLE, entity)
    with caplog.at_level(logging.WARNING):
        entries = await entries_of(tables, owner)

    assert len(entries) == 1
    assert [each.message for each in caplog.records] == ["usage.row_not_understood"] * 3


async def test_only_what_is_wanted_is_read(tables: Tables, owner: Owner) -> None:
    """Hours and sketches are most of a row."""
    whose = PrincipalDay(DAY, owner)
    await tables.rollups.keep([DayRollup(whose=whose, rollup=Rollup.of([entry(5, label="a"), entry(6)]))])
    day = await tables.rollups.day(whose, Detail(cells=True))

    assert len(day.rollup.cells) == 2
    assert all(not cell.hours and not cell.latency for cell in day.rollup.cells.values())


async def test_names_with_quotes_and_accents_come_through(tables: Tables, owner: Owner) -> None:
    """Labels are whatever callers send."""
    odd = some_record(owner, 1)
    label = "O'Brien “ü” \U0001f98a 田"
    await tables.ledger.end(replace(odd, call=replace(odd.call, user_label=label)))
    await tables.close()
    (read,) = await entries_of(tables, owner)
    loose = (await tables.unfolded.read()).days[PrincipalDay(DAY, owner)]

    assert read.user_label == label
    assert [row.entry for row in loose.landed.values()] == [read]
