"""A worker's sign of life, against a table server that fails as it is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
from azure.core.credentials import AzureNamedKeyCredential

from shared.adapters import landed_calls
from shared.adapters.table_authorization import TableEndpoint
from shared.adapters.table_transactions import TableTransactions
from shared.adapters.table_usage_ledger import Patience, TableUsageLedger
from shared.adapters.usage_columns import HEARTBEAT_ROW
from shared.domain.errors import StorageRejected
from tests.adapters.records import open_call, record
from tests.adapters.scripted_tables import ScriptedTables, scripted_tables
from tests.fakes import FakeClock

LEASE_SECONDS = 0.15


@pytest.fixture
async def tables() -> AsyncIterator[ScriptedTables]:
    async with scripted_tables() as tables:
        yield tables


@pytest.fixture
async def ledger(tables: ScriptedTables, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TableUsageLedger]:
    monkeypatch.setattr(landed_calls, "_TIDY_SECONDS", 0.01)
    async with aiohttp.ClientSession() as session:
        transactions = TableTransactions(
            TableEndpoint(url=tables.url, credential=AzureNamedKeyCredential("contoso", "c2VjcmV0")),
            session,
            create_table=tables.create_table,
            clock=FakeClock(),
            jitter=lambda: 0.0,
        )
        patience = Patience(begin_seconds=1.0, end_seconds=2.0)
        ledger = TableUsageLedger(transactions, worker_id="w1", lease_seconds=LEASE_SECONDS, patience=patience)
        yield ledger
        await ledger.close()


def beats(tables: ScriptedTables) -> int:
    """How often the worker has written, or tried to write, that it lives."""
    writes = [write for group in tables.transactions for write in group]
    return sum(write.row_key == HEARTBEAT_ROW and write.method == "PUT" for write in writes)


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something that happens soon."""
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.01)


async def test_the_first_heartbeat_is_durable_before_the_first_call(
    tables: ScriptedTables, ledger: TableUsageLedger
) -> None:
    """In the same transaction and ahead of it, so that it costs the first caller no round trip."""
    await ledger.begin(open_call("c1"))

    assert [[write.row_key for write in group] for group in tables.transactions] == [[HEARTBEAT_ROW, "c1"]]
    assert tables.rows["opencalls", "w1", HEARTBEAT_ROW]["lease_ms"] == "150"


async def test_calls_that_begin_at_once_share_the_first_heartbeat(
    tables: ScriptedTables, ledger: TableUsageLedger
) -> None:
    """A new instance gets its share of the load at once."""
    ledger._heartbeat._lease_seconds = 60.0
    tables.answers_after_seconds = 0.02
    await asyncio.gather(*(ledger.begin(open_call(f"c{number}")) for number in range(150)))

    assert beats(tables) == 1


async def test_a_worker_that_makes_no_calls_writes_nothing(tables: ScriptedTables, ledger: TableUsageLedger) -> None:
    """Timers run on instances of their own, which come and go."""
    await asyncio.sleep(LEASE_SECONDS)
    await ledger.close()

    assert tables.transactions == []


async def test_a_worker_beats_three_times_a_lease(tables: ScriptedTables, ledger: TableUsageLedger) -> None:
    """Also while it has nothing to do: a call may be silent for minutes."""
    await ledger.begin(open_call("c1"))
    await asyncio.sleep(LEASE_SECONDS * 4)

    # At once, and from then on: 12 times, fewer where the machine is busy.
    assert 5 <= beats(tables) <= 13


async def test_a_call_does_not_begin_without_a_heartbeat(tables: ScriptedTables, ledger: TableUsageLedger) -> None:
    """And the next one tries again: what failed once may pass."""
    tables.refused[HEARTBEAT_ROW] = (400, "InvalidInput")
    with pytest.raises(StorageRejected):
        await ledger.begin(open_call("c1"))
    tables.refused.clear()
    await ledger.begin(open_call("c2"))

    assert ("opencalls", "w1", HEARTBEAT_ROW) in tables.rows
    assert ("opencalls", "w1", "c2") in tables.rows


async def test_a_beat_that_fails_is_told_and_made_up_for(
    tables: ScriptedTables, ledger: TableUsageLedger, caplog: pytest.LogCaptureFixture
) -> None:
    """One is not the end; three are, for the sweeper."""
    await ledger.begin(open_call("c1"))
    with caplog.at_level(logging.WARNING):
        tables.refused[HEARTBEAT_ROW] = (400, "InvalidInput")
        await until(lambda: bool(caplog.records))
        tables.refused.clear()
    beats_before = beats(tables)
    await until(lambda: beats(tables) > beats_before)

    assert {each.message for each in caplog.records} == {"worker.heartbeat_failed"}


async def test_a_worker_that_ends_with_nothing_open_leaves_nothing(
    tables: ScriptedTables, ledger: TableUsageLedger
) -> None:
    """Hundreds come and go in a day."""
    await ledger.begin(open_call("c1"))
    await ledger.end(record("c1"))
    await ledger.close()
    after_close = beats(tables)
    await asyncio.sleep(LEASE_SECONDS)

    assert tables.row_keys("opencalls") == []
    assert beats(tables) == after_close


async def test_a_worker_that_ends_with_a_call_open_leaves_its_heartbeat(
    tables: ScriptedTables, ledger: TableUsageLedger
) -> None:
    """It says until when the call is known to have run."""
    await ledger.begin(open_call("c1"))
    await ledger.close()

    assert tables.row_keys("opencalls") == ["c1", HEARTBEAT_ROW]


async def test_a_heartbeat_that_cannot_be_removed_is_told(
    tables: ScriptedTables, ledger: TableUsageLedger, caplog: pytest.LogCaptureFixture
) -> None:
    """The sweeper removes it; the worker ends all the same."""
    await ledger.begin(open_call("c1"))
    await ledger.end(record("c1"))
    tables.refused[HEARTBEAT_ROW] = (400, "InvalidInput")
    with caplog.at_level(logging.WARNING):
        await ledger.close()

    assert "worker.heartbeat_left" in {each.message for each in caplog.records}
