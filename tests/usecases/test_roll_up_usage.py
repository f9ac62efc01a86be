"""Folds, one case at a time: what is folded when, what is left, and what a day or a month then says."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from shared.adapters import landed_calls
from shared.adapters.unfolded_columns import UNFOLDED_TABLE
from shared.bootstrap.rolling_up import UsageRollups
from shared.domain.report_dimensions import Dimension
from shared.domain.usage_keys import Owner, PrincipalDay
from shared.domain.usage_record import UsageRecord
from shared.ports.rollups import Detail, MonthRollup
from tests import fakes_tables
from tests.adapters.records import TENANT_ID, record
from tests.fakes_tables import MemoryTables
from tests.usecases.rolling_up import NOVEMBER, READER, Worker, entries_in, naive_report, query, rollups_over

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TODAY = PrincipalDay(NOON.date(), Owner(TENANT_ID, "alice"))


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> MemoryTables:
    monkeypatch.setattr(landed_calls, "_TIDY_SECONDS", 0.0)
    return MemoryTables(now=NOON)


@pytest.fixture
def rollups(tables: MemoryTables) -> UsageRollups:
    return rollups_over(tables, tables)


def call(call_id: str, begun_at: datetime = NOON - timedelta(minutes=5), tokens: int = 1) -> UsageRecord:
    return record(call_id, begun_at=begun_at, prompt_tokens=tokens)


async def use(tables: MemoryTables, *records: UsageRecord, worker_id: str = "0a") -> None:
    """Record calls, and have that noted."""
    worker = Worker(tables, worker_id)
    for each in records:
        await worker.ledger.begin(each.call)
        await worker.ledger.end(each)
    await worker.ledger.close()


async def folded(rollups: UsageRollups, whose: PrincipalDay = TODAY) -> int:
    """Return how many prompt tokens a day's rollup says."""
    return (await rollups.rollups.day(whose)).rollup.totals().prompt_tokens


async def assert_exact(rollups: UsageRollups, tables: MemoryTables) -> None:
    made = query(Dimension.PRINCIPAL, Dimension.DAY)
    answer = await rollups.query_usage()(made, READER)

    assert answer.rows == naive_report(entries_in(tables), made.shape, NOVEMBER).rows


async def test_where_nothing_was_used_nothing_is_written(rollups: UsageRollups, tables: MemoryTables) -> None:
    """A timer runs every minute of the night."""
    assert await rollups.roll_up_usage()() == 0
    assert [each for each in tables.requests if "write" in each] == []


async def test_what_has_ended_is_folded_and_its_notes_are_forgotten(
    rollups: UsageRollups, tables: MemoryTables
) -> None:
    """All that is left is that the day is not in its month yet."""
    await use(tables, call("1", tokens=5), call("2", tokens=7))

    assert await rollups.roll_up_usage()() == 1
    assert await folded(rollups) == 12
    assert tables.keys(UNFOLDED_TABLE) == [("~days", "2026-11-23")]


async def test_the_last_minute_waits(rollups: UsageRollups, tables: MemoryTables) -> None:
    """Calls of other instances may have begun in it, and their beginnings not be there yet."""
    await use(tables, call("1", tokens=5), call("2", begun_at=NOON - timedelta(seconds=30), tokens=7))
    await rollups.roll_up_usage()()

    assert await folded(rollups) == 5
    await assert_exact(rollups, tables)


async def test_what_began_before_an_open_call_is_folded_and_what_began_after_it_waits(
    rollups: UsageRollups, tables: MemoryTables
) -> None:
    """Else each long answer would have its day folded anew."""
    worker = Worker(tables, "0b")
    await worker.ledger.begin(call("2", begun_at=NOON - timedelta(minutes=30)).call)
    await use(
        tables,
        call("1", begun_at=NOON - timedelta(minutes=40), tokens=5),
        call("3", begun_at=NOON - timedelta(minutes=20), tokens=7),
    )
    await rollups.roll_up_usage()()

    assert await folded(rollups) == 5
    await worker.ledger.end(call("2", begun_at=NOON - timedelta(minutes=30), tokens=11))
    await worker.ledger.close()
    await rollups.roll_up_usage()()
    assert await folded(rollups) == 23


async def test_a_record_that_lands_late_has_its_day_folded_anew(rollups: UsageRollups, tables: MemoryTables) -> None:
    """From the spool, from a log, or by a clock that was set back."""
    await use(tables, call("2", tokens=5))
    await rollups.roll_up_usage()()
    await use(tables, call("1", begun_at=NOON - timedelta(hours=3), tokens=7))

    await assert_exact(rollups, tables)
    await rollups.roll_up_usage()()
    assert await folded(rollups) == 12


async def test_a_record_that_is_replaced_is_not_counted_twice(rollups: UsageRollups, tables: MemoryTables) -> None:
    """A call that was taken for abandoned ends after all."""
    await use(tables, call("1", tokens=5))
    await rollups.roll_up_usage()()
    await use(tables, call("1", tokens=50))

    await assert_exact(rollups, tables)
    await rollups.roll_up_usage()()
    assert await folded(rollups) == 50


async def test_a_clock_that_is_ahead_spoils_no_watermark(rollups: UsageRollups, tables: MemoryTables) -> None:
    """Its records wait until it is as late as they say; those of others are folded meanwhile."""
    await use(tables, call("9", begun_at=NOON + timedelta(hours=2), tokens=100), call("1", tokens=5))
    await rollups.roll_up_usage()()
    assert await folded(rollups) == 5

    await use(tables, call("2", begun_at=NOON - timedelta(minutes=3), tokens=7))
    await rollups.roll_up_usage()()
    assert await folded(rollups) == 12
    await assert_exact(rollups, tables)

    tables.now += timedelta(hours=3)
    await rollups.roll_up_usage()()
    assert await folded(rollups) == 112


async def test_a_fold_killed_before_it_forgot_goes_on_from_there(rollups: UsageRollups, tables: MemoryTables) -> None:
    """Nothing is folded twice, nor anew: the rollup says which notes it had read."""
    await use(tables, call("1", tokens=5))
    notes = {key: row for key, row in tables.rows.items() if key[0] == UNFOLDED_TABLE}
    await rollups.roll_up_usage()()
    tables.rows |= notes
    tables.requests.clear()
    await use(tables, call("2", begun_at=NOON - timedelta(minutes=4), tokens=7), worker_id="0c")
    await rollups.roll_up_usage()()

    assert await folded(rollups) == 12
    assert tables.requests.count("read usage") == 1


async def test_a_record_that_was_withdrawn_is_not_told_by_a_note_that_is_left(
    rollups: UsageRollups, tables: MemoryTables
) -> None:
    """Two notes tell of it, that it landed and that it went; a fold is killed when it has forgotten one of them."""
    await use(tables, call("1", tokens=5))
    landed = {key: row for key, row in tables.rows.items() if key[0] == UNFOLDED_TABLE}
    other = Worker(tables, "0b")
    await other.ledger.withdraw(call("1", tokens=5))
    await other.ledger.close()
    await rollups.roll_up_usage()()
    tables.rows |= landed

    await assert_exact(rollups, tables)
    assert entries_in(tables) == []


async def test_a_day_that_is_over_is_brought_into_its_month(rollups: UsageRollups, tables: MemoryTables) -> None:
    """After an hour, when most that began on it has ended."""
    await use(tables, call("1", tokens=5))
    for hours, days in [(0, []), (12, []), (1, [TODAY.day])]:
        tables.now += timedelta(hours=hours)
        await rollups.roll_up_usage()()

        assert list((await month(rollups)).days) == days
    assert (await month(rollups)).rollup.totals().prompt_tokens == 5
    assert tables.keys(UNFOLDED_TABLE) == []


async def test_a_day_of_many_principals_is_brought_in_some_at_a_time(
    rollups: UsageRollups, tables: MemoryTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of thousands, months take hundreds of megabytes, and seconds to understand: calls are relayed meanwhile."""
    monkeypatch.setattr(fakes_tables, "PAGE_ROWS", 1000)
    names = [f"p{number:02}" for number in range(60)]
    begun_at = NOON - timedelta(minutes=5)
    await use(tables, *(record(name, begun_at=begun_at, object_id=name, prompt_tokens=5) for name in names))
    table, months = rollups.rollups, rollups.rollups.months
    at_once: list[Detail] = []

    def of_all(month: date, detail: Detail) -> AsyncIterator[Sequence[MonthRollup]]:
        at_once.append(detail)
        return months(month, detail)

    monkeypatch.setattr(table, "months", of_all)
    for _ in range(3):
        tables.now += timedelta(hours=13)
        await rollups.roll_up_usage()()
    settled = [len(group) async for group in months(date(2026, 11, 1), Detail())]

    assert at_once
    assert set(at_once) == {Detail()}
    assert settled == [25, 25, 10]
    await assert_exact(rollups, tables)


async def test_a_day_that_changes_is_brought_into_its_month_anew(rollups: UsageRollups, tables: MemoryTables) -> None:
    """By the fold after the one that folded it; and the report is exact all the way."""
    for number in range(3):
        await use(tables, call(f"{number}", begun_at=NOON - timedelta(days=number), tokens=10**number))
    tables.now += timedelta(days=2)
    for _ in range(2):
        await rollups.roll_up_usage()()
    assert (await month(rollups)).rollup.totals().prompt_tokens == 111
    await use(tables, call("9", begun_at=NOON - timedelta(days=1), tokens=1000))
    for _ in range(2):
        await assert_exact(rollups, tables)
        await rollups.roll_up_usage()()

    assert sorted((await month(rollups)).days) == [TODAY.day - timedelta(days=number) for number in (2, 1, 0)]
    assert (await month(rollups)).rollup.totals().prompt_tokens == 1111
    await assert_exact(rollups, tables)


async def test_a_day_that_cannot_be_kept_is_told_and_stays_exact(
    rollups: UsageRollups, tables: MemoryTables, caplog: pytest.LogCaptureFixture
) -> None:
    """Numbers that add up to more than 64 bits: the other principals are folded all the same."""
    huge = call("1", tokens=2**63 - 2**31)
    other = record("3", begun_at=NOON - timedelta(minutes=5), object_id="bob", prompt_tokens=7)
    await use(tables, huge, replace(huge, call=replace(huge.call, call_id="2")), other)
    with caplog.at_level(logging.ERROR):
        assert await rollups.roll_up_usage()() == 1

    assert [each.message for each in caplog.records] == ["rollups.too_large"]
    assert await folded(rollups, PrincipalDay(TODAY.day, Owner(TENANT_ID, "bob"))) == 7
    await assert_exact(rollups, tables)


async def test_a_rebuild_mends_what_was_written_behind_our_backs(rollups: UsageRollups, tables: MemoryTables) -> None:
    """A row that somebody deleted by hand; a rollup of records that are all gone says so."""
    await use(tables, call("1", tokens=5), call("2", begun_at=NOON - timedelta(days=1), tokens=7))
    await rollups.roll_up_usage()()
    for key in [key for key in tables.rows if key[0] == "usage" and key[2].endswith("_1")]:
        del tables.rows[key]
    rebuilt = await rollups.rebuild_rollups()(date(2026, 11, 22), date(2026, 11, 23))

    assert rebuilt == 2
    assert await folded(rollups) == 0
    await assert_exact(rollups, tables)


async def month(rollups: UsageRollups) -> MonthRollup:
    return await rollups.rollups.month(date(2026, 11, 1), TODAY.owner)
