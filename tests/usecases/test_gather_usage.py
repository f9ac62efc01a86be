"""What a report reads: days and not records, and records where rollups cannot know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from shared.adapters import landed_calls
from shared.adapters.table_wire import upsert
from shared.adapters.usage_columns import usage_entity
from shared.bootstrap.rolling_up import UsageRollups
from shared.domain.report_dimensions import Dimension
from shared.domain.usage_span import UsageSpan
from tests.adapters.records import record
from tests.fakes_tables import MemoryTables
from tests.usecases.rolling_up import NOVEMBER, READER, Worker, entries_in, naive_report, query, rollups_over

PRINCIPALS = ("alice", "bob")
DAYS = 4
CALLS_A_DAY = 6


@pytest.fixture
async def tables(monkeypatch: pytest.MonkeyPatch) -> MemoryTables:
    """Some days of November, folded and settled, and as many calls of today, of which some are folded."""
    monkeypatch.setattr(landed_calls, "_TIDY_SECONDS", 0.0)
    tables = MemoryTables(now=datetime(2026, 11, 2, 23, tzinfo=UTC))
    for day in range(DAYS):
        await use(tables, datetime(2026, 11, 1, 8, tzinfo=UTC) + timedelta(days=day))
    tables.now = datetime(2026, 11, 4, 23, tzinfo=UTC)
    await rollups_over(tables, tables).roll_up_usage()()
    await rollups_over(tables, tables).roll_up_usage()()
    return tables


async def use(tables: MemoryTables, begun_at: datetime, calls: int = CALLS_A_DAY) -> None:
    """Record calls of each principal, twenty minutes apart."""
    worker = Worker(tables, f"{len(tables.rows):04x}")
    for number in range(calls):
        for name in PRINCIPALS:
            made = record(
                f"{len(tables.rows):06}",
                begun_at=begun_at + timedelta(minutes=20 * number),
                object_id=name,
                prompt_tokens=number,
            )
            await worker.ledger.begin(made.call)
            await worker.ledger.end(made)
    await worker.ledger.close()


@pytest.fixture
def rollups(tables: MemoryTables) -> UsageRollups:
    return rollups_over(tables, tables)


async def asked(
    rollups: UsageRollups, tables: MemoryTables, *by: Dimension, span: UsageSpan = NOVEMBER
) -> Counter[str]:
    """Ask, hold the answer against the sum of the records, and return what was read."""
    tables.requests.clear()
    made = query(*by, span=span)
    answer = await rollups.query_usage()(made, READER)
    expected = naive_report(entries_in(tables), made.shape, span)

    assert (answer.totals, answer.rows) == (expected.totals, expected.rows)
    return Counter(request.removeprefix("read ") for request in tables.requests)


@pytest.mark.parametrize("by", [(Dimension.PRINCIPAL,), (Dimension.MODEL, Dimension.DAY), (Dimension.HOUR,)])
async def test_what_is_folded_is_not_read_again(
    rollups: UsageRollups, tables: MemoryTables, by: tuple[Dimension, ...]
) -> None:
    """A report costs the days it is of."""
    assert (await asked(rollups, tables, *by))["usage"] == 0


async def test_what_has_landed_since_comes_with_its_notes(rollups: UsageRollups, tables: MemoryTables) -> None:
    """No principal's records are asked for one by one."""
    await use(tables, tables.now)

    assert (await asked(rollups, tables, Dimension.PRINCIPAL))["usage"] == 0


async def test_a_settled_month_is_one_range(rollups: UsageRollups, tables: MemoryTables) -> None:
    """Of days, only those that are not settled are looked at."""
    tables.now += timedelta(days=2)
    await rollups.roll_up_usage()()
    read = await asked(rollups, tables, Dimension.PRINCIPAL)

    assert read == {"opencalls": 1, "unfolded": 1, "rollups": 1}


async def test_where_a_call_is_open_its_principals_day_is_read_on(rollups: UsageRollups, tables: MemoryTables) -> None:
    """It may land at any time, also where nobody has noted it yet."""
    worker = Worker(tables, "0bad")
    made = record("open", begun_at=tables.now, object_id="alice")
    await worker.ledger.begin(made.call)
    before = await asked(rollups, tables, Dimension.PRINCIPAL)
    # Killed when its record had landed, and was not noted yet.
    await worker.ledger._ends.submit(upsert(usage_entity(made)))
    after = await asked(rollups, tables, Dimension.PRINCIPAL)

    assert (before["usage"], after["usage"]) == (1, 1)
    await worker.ledger.close()


async def test_the_part_of_an_hour_is_read_from_records(rollups: UsageRollups, tables: MemoryTables) -> None:
    """Of the whole hours beside it the sums are there."""
    start = datetime(2026, 11, 2, 8, tzinfo=UTC)
    by_the_hour = UsageSpan(begun_from=start + timedelta(hours=1), begun_before=start + timedelta(days=1))
    odd = UsageSpan(begun_from=start + timedelta(minutes=25), begun_before=start + timedelta(days=1, minutes=41))

    assert (await asked(rollups, tables, Dimension.PRINCIPAL, span=by_the_hour))["usage"] == 0
    # A request for each principal and edge.
    assert (await asked(rollups, tables, Dimension.PRINCIPAL, span=odd))["usage"] == 2 * len(PRINCIPALS)


async def test_one_principal_is_all_that_is_read_of(rollups: UsageRollups, tables: MemoryTables) -> None:
    """Who may see no more than its own pays for no more."""
    alice = record(object_id="alice").call.principal
    answer = await rollups.query_usage()(query(Dimension.PRINCIPAL, Dimension.DAY), alice)

    assert {row.key[1] for row in answer.rows} == {"alice"}
    assert answer.totals.calls == DAYS * CALLS_A_DAY


async def test_a_day_with_a_late_record_is_read_until_it_is_folded_anew(
    rollups: UsageRollups, tables: MemoryTables
) -> None:
    """Its month is left alone meanwhile."""
    await use(tables, datetime(2026, 11, 2, 3, tzinfo=UTC), calls=1)
    late = await asked(rollups, tables, Dimension.PRINCIPAL)
    await rollups.roll_up_usage()()
    folded = await asked(rollups, tables, Dimension.PRINCIPAL)

    assert late["usage"] > 0
    assert folded["usage"] == 0


async def test_a_report_while_a_fold_runs_reads_no_day_anew(rollups: UsageRollups, tables: MemoryTables) -> None:
    """It has written its rollups and not yet forgotten its notes: that is so for seconds of every minute."""
    await use(tables, tables.now)
    tables.now += timedelta(hours=4)
    tables.step = _kill_at("write unfolded", after="written rollups")
    with pytest.raises(InterruptedError):
        await rollups.roll_up_usage()()
    tables.step = lambda what: None

    assert (await asked(rollups, tables, Dimension.PRINCIPAL))["usage"] == 0


def _kill_at(moment: str, *, after: str) -> Callable[[str], None]:
    seen: list[str] = []

    def step(what: str) -> None:
        if what == moment and after in seen:
            raise InterruptedError
        seen.append(what)

    return step
