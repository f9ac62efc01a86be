"""The ledger when storage is in trouble, against a table server that fails as it is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest
from azure.core.credentials import AzureNamedKeyCredential

from shared.adapters import landed_calls
from shared.adapters.table_authorization import TableEndpoint
from shared.adapters.table_transactions import TableTransactions
from shared.adapters.table_usage_ledger import Patience, TableUsageLedger
from shared.adapters.unfolded_columns import note
from shared.adapters.usage_columns import HEARTBEAT_ROW
from shared.domain.errors import StorageRejected, StorageUnavailable
from shared.domain.usage_record import CountAudit
from tests.adapters.records import open_call, record
from tests.adapters.scripted_tables import (
    ScriptedTables,
    answers,
    resets_connection,
    scripted_tables,
    writes_and_says_nothing,
)
from tests.fakes import FakeClock

KEY = AzureNamedKeyCredential("contoso", "c2VjcmV0")
OBJECT_ROW = "20261123T090102.123456Z_"


@pytest.fixture
async def tables() -> AsyncIterator[ScriptedTables]:
    async with scripted_tables() as tables:
        yield tables


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def ledger(
    tables: ScriptedTables, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[TableUsageLedger]:
    monkeypatch.setattr(landed_calls, "_TIDY_SECONDS", 0.01)
    transactions = TableTransactions(
        TableEndpoint(url=tables.url, credential=KEY),
        session,
        create_table=tables.create_table,
        clock=FakeClock(),
        jitter=lambda: 0.0,
        attempt_seconds=0.2,
    )
    patience = Patience(begin_seconds=1.0, end_seconds=2.0)
    ledger = TableUsageLedger(transactions, worker_id="w1", lease_seconds=90, patience=patience)
    yield ledger
    await ledger.close()


def open_calls(tables: ScriptedTables) -> list[str]:
    """The rows of `opencalls` that are calls, sorted."""
    return [row_key for row_key in tables.row_keys("opencalls") if row_key != HEARTBEAT_ROW]


async def test_a_beginning_is_durable_before_the_call_goes_on(tables: ScriptedTables, ledger: TableUsageLedger) -> None:
    """Kill the process now, and the sweeper finds the call."""
    await ledger.begin(open_call("c1"))

    assert open_calls(tables) == ["c1"]


async def test_an_end_is_durable_before_the_caller_sees_it(tables: ScriptedTables, ledger: TableUsageLedger) -> None:
    """The open call is taken away after it, never before."""
    await ledger.begin(open_call("c1"))
    await ledger.end(record("c1"))

    assert tables.row_keys("usage") == [OBJECT_ROW + "c1"]
    assert open_calls(tables) == ["c1"]

    await ledger.close()
    assert open_calls(tables) == []


async def test_a_call_waits_for_two_round_trips_and_no_more(tables: ScriptedTables, ledger: TableUsageLedger) -> None:
    """One for its beginning, one for its end; taking the open call away is nobody's wait."""
    await ledger.begin(open_call("c1"))
    await ledger.end(record("c1"))

    assert [[(each.method, each.table) for each in group] for group in tables.transactions] == [
        # The worker's first heartbeat goes with its first call.
        [("PUT", "opencalls"), ("PUT", "opencalls")],
        [("PUT", "usage")],
    ]


async def test_a_record_of_a_call_that_never_began_is_told_to_rollups_before_it_lands(
    tables: ScriptedTables, ledger: TableUsageLedger
) -> None:
    """No open call says that it may: killed between any two of these, rollups know where to look."""
    await ledger.end(record("c1"))
    await ledger.close()

    assert [
        [(each.method, each.table, each.row_key.partition("-")[0]) for each in group] for group in tables.transactions
    ] == [
        [("PUT", "unfolded", "held")],
        [("PUT", "usage", OBJECT_ROW + "c1")],
        [("PUT", "unfolded", "landed")],
        [("DELETE", "unfolded", "held")],
    ]


async def test_what_has_landed_is_noted_before_its_open_call_is_taken_away(
    tables: ScriptedTables, ledger: TableUsageLedger
) -> None:
    """Who reads open calls first, and notes after them, misses nothing."""
    await asyncio.gather(*(ledger.begin(open_call(f"c{i}")) for i in range(5)))
    await asyncio.gather(*(ledger.end(record(f"c{i}")) for i in range(5)))
    await ledger.close()

    tidying = [[(each.method, each.table) for each in group] for group in tables.transactions[-3:-1]]
    assert tidying == [[("PUT", "unfolded")], [("DELETE", "opencalls")] * 5]
    (noted,) = [note(row, "v") for (table, _, _), row in tables.rows.items() if table == "unfolded"]
    assert [entry.row_key for entry in noted.entries] == [f"{OBJECT_ROW}c{i}" for i in range(5)]


async def test_where_that_cannot_be_noted_open_calls_stay(
    tables: ScriptedTables, ledger: TableUsageLedger, caplog: pytest.LogCaptureFixture
) -> None:
    """The sweeper finds them ended, and notes them then."""
    await ledger.begin(open_call("c1"))
    await ledger.end(record("c1"))
    tables.faults.extend([answers(403, "AuthorizationFailure")] * 10)
    with caplog.at_level(logging.WARNING):
        await ledger.close()

    assert open_calls(tables) == ["c1"]
    assert "unfolded.not_noted" in [each.message for each in caplog.records]


async def test_our_own_count_beside_a_record_is_no_news_for_rollups(
    tables: ScriptedTables, ledger: TableUsageLedger
) -> None:
    """A share of all calls is written twice: each would have its day folded anew."""
    await ledger.begin(open_call("c1"))
    await ledger.end(record("c1"))
    await ledger.close()
    before = len(tables.transactions)
    audit = CountAudit(prompt_tokens=12, completion_tokens=30, method="v2", shape="plain")
    await ledger.end(replace(record("c1"), audit=audit))

    assert [[each.table for each in group] for group in tables.transactions[before:]] == [["usage"]]


async def test_closing_does_not_wait_for_company(
    tables: ScriptedTables, ledger: TableUsageLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker has seconds to go."""
    monkeypatch.setattr(landed_calls, "_TIDY_SECONDS", 60.0)
    await ledger.begin(open_call("c1"))
    await ledger.end(record("c1"))
    async with asyncio.timeout(5):
        await ledger.close()

    assert open_calls(tables) == []


async def test_calls_in_flight_together_share_transactions(tables: ScriptedTables, ledger: TableUsageLedger) -> None:
    """A hundred calls begin in two transactions, and their rows are taken away in one or two."""
    tables.answers_after_seconds = 0.02
    await asyncio.gather(ledger.begin(open_call("first")), *(ledger.begin(open_call(f"c{i:02}")) for i in range(99)))
    begins = len(tables.transactions)
    await asyncio.gather(*(ledger.end(record(f"c{i:02}")) for i in range(99)))
    await ledger.close()

    assert begins <= 2
    assert len(tables.transactions) - begins <= 4
    assert open_calls(tables) == ["first"]


async def test_an_end_whose_answer_is_lost_is_one_row(tables: ScriptedTables, ledger: TableUsageLedger) -> None:
    """It was written, nobody said so, and it is written again."""
    await ledger.begin(open_call("c1"))
    tables.faults.append(writes_and_says_nothing)
    await ledger.end(record("c1"))

    assert tables.row_keys("usage") == [OBJECT_ROW + "c1"]
    assert [group[0].table for group in tables.transactions] == ["opencalls", "usage", "usage"]


async def test_throttling_costs_time_and_no_record(tables: ScriptedTables, ledger: TableUsageLedger) -> None:
    """As every passing trouble."""
    tables.faults.extend([answers(503, "ServerBusy", retry_after="0"), resets_connection, answers(500, "Unknown")])
    await ledger.begin(open_call("c1"))
    await ledger.end(record("c1"))

    assert tables.row_keys("usage") == [OBJECT_ROW + "c1"]


async def test_a_store_that_is_down_refuses_the_beginning(tables: ScriptedTables, ledger: TableUsageLedger) -> None:
    """Within the patience, so that the caller gets its 503."""
    tables.faults.extend([answers(503, "ServerBusy")] * 10_000)

    with pytest.raises(StorageUnavailable):
        await ledger.begin(open_call("c1"))
    tables.faults.clear()


async def test_a_beginning_that_failed_and_landed_all_the_same_is_taken_back(
    tables: ScriptedTables, ledger: TableUsageLedger
) -> None:
    """The call was refused and never made; while its worker lives no sweeper would look at it."""
    tables.faults.extend([writes_and_says_nothing] * 20)
    with pytest.raises(StorageUnavailable):
        await ledger.begin(open_call("c1"))
    landed = open_calls(tables)
    tables.faults.clear()
    await ledger.close()

    assert landed == ["c1"]
    assert open_calls(tables) == []


async def test_a_beginning_whose_caller_hangs_up_is_taken_back(
    tables: ScriptedTables, ledger: TableUsageLedger
) -> None:
    """It lands after nobody waits for it any more."""
    tables.answers_after_seconds = 0.05
    call = asyncio.create_task(ledger.begin(open_call("c1")))
    await asyncio.sleep(0.01)
    call.cancel()
    await asyncio.wait([call])
    await ledger.close()

    assert len(tables.transactions) > 1
    assert open_calls(tables) == []


async def test_an_abandoned_call_is_recorded_once_and_its_late_end_wins(
    tables: ScriptedTables, ledger: TableUsageLedger
) -> None:
    """Two sweepers, and the worker that was only paused: whatever the order."""
    await asyncio.gather(*(ledger.abandon(record(f"c{i}", prompt_tokens=1)) for i in range(3)))
    await ledger.end(record("c1", prompt_tokens=2))
    await asyncio.gather(*(ledger.abandon(record(f"c{i}", prompt_tokens=3)) for i in range(4)))

    tokens = {key[2]: row["prompt_tokens"] for key, row in tables.rows.items() if key[0] == "usage"}
    assert tokens == {OBJECT_ROW + "c0": "1", OBJECT_ROW + "c1": "2", OBJECT_ROW + "c2": "1", OBJECT_ROW + "c3": "3"}


async def test_an_end_that_failed_leaves_the_call_open(tables: ScriptedTables, ledger: TableUsageLedger) -> None:
    """Else the call would be forgotten."""
    await ledger.begin(open_call("c1"))
    tables.refused[OBJECT_ROW + "c1"] = (400, "InvalidInput")
    with pytest.raises(StorageRejected):
        await ledger.end(record("c1"))
    await ledger.close()

    assert open_calls(tables) == ["c1"]


async def test_a_row_refused_costs_no_other_call_its_record(tables: ScriptedTables, ledger: TableUsageLedger) -> None:
    """They share a transaction."""
    tables.refused[OBJECT_ROW + "c3"] = (400, "InvalidInput")
    results = await asyncio.gather(*(ledger.end(record(f"c{i}")) for i in range(6)), return_exceptions=True)

    assert [i for i, result in enumerate(results) if isinstance(result, StorageRejected)] == [3]
    assert tables.row_keys("usage") == [f"{OBJECT_ROW}c{i}" for i in (0, 1, 2, 4, 5)]


async def test_a_caller_that_hangs_up_while_its_call_begins_takes_no_other_with_it(
    tables: ScriptedTables, ledger: TableUsageLedger
) -> None:
    """It shares a transaction with calls that go on."""
    tables.answers_after_seconds = 0.05
    calls = [asyncio.create_task(ledger.begin(open_call(f"c{i}"))) for i in range(3)]
    await asyncio.sleep(0.01)
    calls[1].cancel()
    await asyncio.gather(calls[0], calls[2])

    assert open_calls(tables) == ["c0", "c1", "c2"]
    assert calls[1].cancelled()


async def test_open_calls_that_cannot_be_taken_away_are_left_to_the_sweeper(
    tables: ScriptedTables, ledger: TableUsageLedger, caplog: pytest.LogCaptureFixture
) -> None:
    """The call is recorded: its caller hears nothing of it, the operator does."""
    await ledger.begin(open_call("c1"))
    tables.refused["c1"] = (400, "InvalidInput")
    with caplog.at_level(logging.WARNING):
        await ledger.end(record("c1"))
        await ledger.close()

    assert [each.message for each in caplog.records] == ["opencalls.not_deleted"]


@pytest.mark.parametrize("table", ["opencalls", "unfolded"])
async def test_what_could_not_be_taken_away_in_time_is_taken_away_later(
    tables: ScriptedTables, ledger: TableUsageLedger, caplog: pytest.LogCaptureFixture, table: str
) -> None:
    """This worker lives, so no sweeper does it: its rows would look like a call under way until it ends."""
    commits = ledger._landed._deletes if table == "opencalls" else ledger._landed._notes
    if table == "opencalls":
        await ledger.begin(open_call("c1"))
    with caplog.at_level(logging.WARNING):
        ending = asyncio.create_task(ledger.end(record("c1")))
        while not (rows := [key for key in tables.row_keys(table) if key != HEARTBEAT_ROW]):
            await asyncio.sleep(0)
        commits._patience_seconds = 0.1
        tables.refused[rows[0]] = (503, "ServerBusy")
        await ending
        while f"{table}.not_deleted" not in {each.message for each in caplog.records}:
            await asyncio.sleep(0.01)
    del tables.refused[rows[0]]
    async with asyncio.timeout(5):
        while rows[0] in tables.row_keys(table):
            await asyncio.sleep(0.01)

    assert tables.row_keys("usage") == [f"{OBJECT_ROW}c1"]


async def test_nothing_is_kept_of_calls_that_are_over(tables: ScriptedTables, ledger: TableUsageLedger) -> None:
    """A worker lives for weeks."""
    for number in range(20):
        await ledger.begin(open_call(f"c{number}"))
        await ledger.end(record(f"c{number}"))
    await ledger.close()

    assert not ledger._open
    assert ledger._landed.is_tidy
    assert not ledger._ends._waiting


async def test_two_workers_can_end_the_same_call(
    tables: ScriptedTables, ledger: TableUsageLedger, session: aiohttp.ClientSession
) -> None:
    """The spool of a worker that died is drained by another."""
    other = TableUsageLedger(ledger._ends._transactions, worker_id="w2", lease_seconds=90)
    await ledger.begin(open_call("c1"))
    await asyncio.gather(ledger.end(record("c1")), other.end(record("c1")))
    await other.close()

    assert tables.row_keys("usage") == [OBJECT_ROW + "c1"]
