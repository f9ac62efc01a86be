"""The ledger when storage is in trouble, against a table server that fails as it is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import aiohttp
import pytest
from azure.core.credentials import AzureNamedKeyCredential

from shared.adapters import table_usage_ledger
from shared.adapters.table_authorization import TableEndpoint
from shared.adapters.table_transactions import TableTransactions
from shared.adapters.table_usage_ledger import Patience, TableUsageLedger
from shared.domain.errors import StorageRejected, StorageUnavailable
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
    monkeypatch.setattr(table_usage_ledger, "_TIDY_SECONDS", 0.01)
    transactions = TableTransactions(
        TableEndpoint(url=tables.url, credential=KEY),
        session,
        create_table=tables.create_table,
        clock=FakeClock(),
        jitter=lambda: 0.0,
        attempt_seconds=0.2,
    )
    ledger = TableUsageLedger(transactions, worker_id="w1", patience=Patience(begin_seconds=1.0, end_seconds=2.0))
    yield ledger
    await ledger.close()


async def test_a_beginning_is_durable_before_the_call_goes_on(tables: ScriptedTables, ledger: TableUsageLedger) -> None:
    """Kill the process now, and the sweeper finds the call."""
    await ledger.begin(open_call("c1"))

    assert tables.row_keys("opencalls") == ["c1"]


async def test_an_end_is_durable_before_the_caller_sees_it(tables: ScriptedTables, ledger: TableUsageLedger) -> None:
    """The open call is taken away after it, never before."""
    await ledger.begin(open_call("c1"))
    await ledger.end(record("c1"))

    assert tables.row_keys("usage") == [OBJECT_ROW + "c1"]
    assert tables.row_keys("opencalls") == ["c1"]

    await ledger.close()
    assert tables.row_keys("opencalls") == []


async def test_a_call_waits_for_two_round_trips_and_no_more(tables: ScriptedTables, ledger: TableUsageLedger) -> None:
    """One for its beginning, one for its end; taking the open call away is nobody's wait."""
    await ledger.begin(open_call("c1"))
    await ledger.end(record("c1"))

    assert [[(each.method, each.table) for each in group] for group in tables.transactions] == [
        [("PUT", "opencalls")],
        [("PUT", "usage")],
    ]


async def test_a_call_that_never_began_has_nothing_to_take_away(
    tables: ScriptedTables, ledger: TableUsageLedger
) -> None:
    """A caller over its limit may come a thousand times a minute: each costs one request."""
    await ledger.end(record("c1"))
    await ledger.close()

    assert [[each.table for each in group] for group in tables.transactions] == [["usage"]]


async def test_closing_does_not_wait_for_company(
    tables: ScriptedTables, ledger: TableUsageLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker has seconds to go."""
    monkeypatch.setattr(table_usage_ledger, "_TIDY_SECONDS", 60.0)
    await ledger.begin(open_call("c1"))
    await ledger.end(record("c1"))
    async with asyncio.timeout(5):
        await ledger.close()

    assert tables.row_keys("opencalls") == []


async def test_calls_in_flight_together_share_transactions(tables: ScriptedTables, ledger: TableUsageLedger) -> None:
    """A hundred calls begin in two transactions, and their rows are taken away in one or two."""
    tables.answers_after_seconds = 0.02
    await asyncio.gather(ledger.begin(open_call("first")), *(ledger.begin(open_call(f"c{i:02}")) for i in range(99)))
    begins = len(tables.transactions)
    await asyncio.gather(*(ledger.end(record(f"c{i:02}")) for i in range(99)))
    await ledger.close()

    assert begins <= 2
    assert len(tables.transactions) - begins <= 4
    assert tables.row_keys("opencalls") == ["first"]


async def test_an_end_whose_answer_is_lost_is_one_row(tables: ScriptedTables, ledger: TableUsageLedger) -> None:
    """It was written, nobody said so, and it is written again."""
    tables.faults.append(writes_and_says_nothing)
    await ledger.end(record("c1"))

    assert tables.row_keys("usage") == [OBJECT_ROW + "c1"]
    assert len(tables.transactions) == 2


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


async def test_an_end_that_failed_leaves_the_call_open(tables: ScriptedTables, ledger: TableUsageLedger) -> None:
    """Else the call would be forgotten."""
    await ledger.begin(open_call("c1"))
    tables.refused[OBJECT_ROW + "c1"] = (400, "InvalidInput")
    with pytest.raises(StorageRejected):
        await ledger.end(record("c1"))
    await ledger.close()

    assert tables.row_keys("opencalls") == ["c1"]


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

    assert tables.row_keys("opencalls") == ["c0", "c1", "c2"]
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


async def test_nothing_is_kept_of_calls_that_are_over(tables: ScriptedTables, ledger: TableUsageLedger) -> None:
    """A worker lives for weeks."""
    for number in range(20):
        await ledger.begin(open_call(f"c{number}"))
        await ledger.end(record(f"c{number}"))
    await ledger.close()

    assert not ledger._open
    assert not ledger._ended
    assert not ledger._ends._waiting


async def test_two_workers_can_end_the_same_call(
    tables: ScriptedTables, ledger: TableUsageLedger, session: aiohttp.ClientSession
) -> None:
    """The spool of a worker that died is drained by another."""
    other = TableUsageLedger(ledger._ends._transactions, worker_id="w2")
    await ledger.begin(open_call("c1"))
    await asyncio.gather(ledger.end(record("c1")), other.end(record("c1")))
    await other.close()

    assert tables.row_keys("usage") == [OBJECT_ROW + "c1"]
