"""Pages of records: together the whole list, once, in order, whatever is written meanwhile; and only one's own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import PrincipalNotAllowed, StorageUnavailable
from shared.domain.record_pages import Order, PrincipalId, RecordFilter, RecordPlace
from shared.domain.usage_record import Outcome, UsageRecord
from shared.usecases.query_records import QueryRecords, RecordsQuery
from shared.usecases.query_usage import READ_ALL_ROLE
from tests.adapters.records import BEGUN_AT, TENANT_ID, principal, record
from tests.fakes import FakeClock
from tests.fakes_records import FakeRecordSearch

FROM, TO = datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)
AUDITOR = replace(principal("auditor"), roles=frozenset({READ_ALL_ROLE}))
ALICE = principal("alice")


def query(order: Order = Order.NEWEST, limit: int = 3) -> RecordsQuery:
    return RecordsQuery(begun_from=FROM, begun_before=TO, limit=limit, order=order)


async def pages(
    search: FakeRecordSearch, asked: RecordsQuery, insert: Sequence[UsageRecord] = ()
) -> list[tuple[UsageRecord, ...]]:
    """Return all pages, while records are written between them."""
    ask, waiting, found = QueryRecords(search, FakeClock()), list(insert), []
    while True:
        page = await ask(asked, AUDITOR)
        found.append(page.records)
        if page.next_place is None:
            return found
        asked = replace(asked, after=page.next_place)
        if waiting:
            search.put(waiting.pop())


_seconds = st.integers(-10, 4 * 86400 + 10) | st.integers(0, 4).map(lambda day: day * 86400) | st.integers(0, 20)
_records = st.lists(
    st.builds(
        lambda second, call_id, who: record(call_id, begun_at=FROM + timedelta(seconds=second), object_id=who),
        _seconds,
        st.uuids().map(str),
        st.sampled_from(["alice", "bob", "carol"]),
    ),
    max_size=30,
)


@given(_records, _records, st.sampled_from(Order), st.integers(1, 12))
def test_pages_are_the_whole_list_once_whatever_is_written_meanwhile(
    records: list[UsageRecord], inserted: list[UsageRecord], order: Order, limit: int
) -> None:
    """Who adds the pages up must get the sum: none is left out or comes twice, and what comes new changes neither."""
    found = asyncio.run(pages(FakeRecordSearch(records), query(order, limit), inserted))
    places = [RecordPlace.of(each) for page in found for each in page]
    there = {RecordPlace.of(each) for each in records if FROM <= each.call.begun_at < TO}

    assert places == sorted(set(places), reverse=order is Order.NEWEST)
    assert there <= set(places) <= there | {RecordPlace.of(each) for each in inserted}
    assert all(len(page) == limit for page in found[:-1])


@pytest.mark.parametrize("order", Order)
async def test_a_page_of_a_busy_ledger_reads_little_more_than_itself(order: Order) -> None:
    """The newest hundred of three months must not read three months."""
    day = [record(f"c{number:04}", begun_at=FROM + timedelta(minutes=number)) for number in range(4 * 1440)]
    search = FakeRecordSearch(day)
    page = await QueryRecords(search, FakeClock())(query(order, 10), AUDITOR)

    assert [each.call.call_id for each in page.records] == [
        each.call.call_id for each in (day[:-11:-1] if order is Order.NEWEST else day[:10])
    ]
    assert search.pages <= 6


@pytest.mark.parametrize("order", Order)
async def test_of_many_principals_only_those_rows_are_read_that_can_be_among_the_first(order: Order) -> None:
    """When a page is full of the newest, whoever comes next is asked for newer ones alone."""
    start = TO - timedelta(minutes=4) if order is Order.NEWEST else FROM
    search = FakeRecordSearch(
        record(f"p{who:03}-{number:03}", begun_at=start + timedelta(seconds=2 * number), object_id=f"p{who:03}")
        for who in range(60)
        for number in range(50)
    )
    page = await QueryRecords(search, FakeClock())(query(order, 10), AUDITOR)

    assert len({each.call.begun_at for each in page.records}) == 1
    assert search.rows < 1200


async def test_what_takes_too_long_is_a_short_page_that_goes_on() -> None:
    """The front end would drop the connection, and nothing would ever be found."""

    class Slow(FakeRecordSearch):
        async def principals(self, day: date) -> Sequence[PrincipalId]:
            clock.advance(11)
            return await super().principals(day)

    for order in Order:
        clock, records = FakeClock(), [record("c1", begun_at=FROM), record("c2", begun_at=TO - timedelta(hours=1))]
        ask, asked, found, short = QueryRecords(Slow(records), clock, patience_seconds=20), query(order), [], 0
        while True:
            page = await ask(asked, AUDITOR)
            found += [each.call.call_id for each in page.records]
            if page.next_place is None:
                break
            short += 1
            asked = replace(asked, after=page.next_place)

        assert sorted(found) == ["c1", "c2"]
        assert short >= 1


async def test_filters_narrow_what_is_found() -> None:
    """Also where the service cannot test for what is absent."""
    search = FakeRecordSearch([record("c1"), replace(record("c2"), model=None, outcome=Outcome.ABANDONED)])
    for only, ids in [
        (RecordFilter(model=""), ["c2"]),
        (RecordFilter(outcome=Outcome.COMPLETED), ["c1"]),
        (RecordFilter(deployment="none"), []),
    ]:
        page = await QueryRecords(search, FakeClock())(replace(query(), only=only), AUDITOR)

        assert [each.call.call_id for each in page.records] == ids


async def test_one_sees_ones_own_records_alone() -> None:
    """Without the role: whether asked for or not, and another's not at all."""
    search = FakeRecordSearch([record("c1"), record("c2", object_id="bob")])
    ask = QueryRecords(search, FakeClock())
    for asked in (
        query(),
        replace(query(), of_object_id="alice"),
        replace(query(), of_tenant_id=TENANT_ID, of_object_id="alice"),
    ):
        assert [each.call.call_id for each in (await ask(asked, ALICE)).records] == ["c1"]
    with pytest.raises(PrincipalNotAllowed, match=READ_ALL_ROLE):
        await ask(replace(query(), of_object_id="bob"), ALICE)
    with pytest.raises(PrincipalNotAllowed, match=READ_ALL_ROLE):
        await ask(replace(query(), of_tenant_id="other", of_object_id="alice"), ALICE)


async def test_an_object_id_alone_is_that_of_any_tenant() -> None:
    """Whoever may see all need not know in which tenant somebody is."""
    alice, bob = record("c1"), record("c2", object_id="bob")
    elsewhere = replace(bob.call, call_id="c3", principal=replace(bob.call.principal, tenant_id="gateway"))
    ask = QueryRecords(FakeRecordSearch([alice, bob, replace(bob, call=elsewhere)]), FakeClock())

    for tenant_id, ids in [(None, ["c3", "c2"]), ("gateway", ["c3"]), (TENANT_ID, ["c2"])]:
        page = await ask(replace(query(), of_tenant_id=tenant_id, of_object_id="bob"), AUDITOR)
        assert [each.call.call_id for each in page.records] == ids


async def test_a_cursor_from_anywhere_hurts_nobody() -> None:
    """A caller can make one up: outside the time, in another's records, at the end of the calendar."""
    search = FakeRecordSearch([record("c1"), record("c2", object_id="bob", begun_at=BEGUN_AT + timedelta(seconds=1))])
    ask = QueryRecords(search, FakeClock())
    for at in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), BEGUN_AT, FROM, TO):
        for order in Order:
            page = await ask(replace(query(order), after=RecordPlace(at, "x", TENANT_ID, "bob")), ALICE)

            assert {each.call.principal.object_id for each in page.records} <= {"alice"}


async def test_storage_in_trouble_is_said() -> None:
    """And not that there are no records; in the form the edge knows."""
    search = FakeRecordSearch([record("c1")])
    search.failure = StorageUnavailable("down")
    with pytest.raises(StorageUnavailable, match="down"):
        await QueryRecords(search, FakeClock())(query(), AUDITOR)
    with pytest.raises(StorageUnavailable, match="down"):
        await QueryRecords(search, FakeClock())(query(), ALICE)
