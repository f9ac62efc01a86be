"""The whole ledger, tables and spool, while storage is in every kind of trouble: a row for each call that was sent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from azure.core.credentials import AzureNamedKeyCredential

from shared.adapters import landed_calls
from shared.adapters.disk_spool import DiskSpool
from shared.adapters.system_clock import SystemClock
from shared.adapters.table_authorization import TableEndpoint
from shared.adapters.table_transactions import TableTransactions
from shared.adapters.table_usage_ledger import Patience, TableUsageLedger
from shared.domain.errors import StorageError, StorageUnavailable
from shared.usecases import guarded_ledger
from shared.usecases.drain_spool import DrainSpool
from shared.usecases.guarded_ledger import GuardedLedger
from shared.usecases.record_calls import RecordCalls, WhenUnavailable
from tests.adapters.records import open_call, record
from tests.adapters.scripted_tables import (
    Fault,
    ScriptedTables,
    answers,
    resets_connection,
    scripted_tables,
    writes_and_says_nothing,
)

KEY = AzureNamedKeyCredential("contoso", "c2VjcmV0")
PATIENCE = 0.3
TROUBLES: dict[str, Fault] = {
    "throttled": answers(503, "ServerBusy", retry_after="1"),
    "failing": answers(500, "InternalError"),
    "not let in": answers(403, "AuthorizationPermissionMismatch"),
    "unreachable": resets_connection,
    "silent after it has written": writes_and_says_nothing,
}
BOTH = pytest.mark.parametrize("when_unavailable", WhenUnavailable)
EACH = pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES.keys())


class Outage(deque[Fault]):
    """Faults that are not used up."""

    def popleft(self) -> Fault:
        return self[0]


@dataclass
class Worker:
    """A worker's ledger as the bootstrap builds it, but impatient. `sent` are the calls that went upstream."""

    tables: ScriptedTables
    stored: TableUsageLedger
    spool: DiskSpool
    drain: DrainSpool
    ledger: RecordCalls
    sent: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)

    async def call(self, call_id: str, *, seconds: float = 0.0) -> None:
        """Make a call as the relay does."""
        try:
            await self.ledger.begin(open_call(call_id))
        except StorageUnavailable:
            self.refused.add(call_id)
            return
        self.sent.add(call_id)
        await asyncio.sleep(seconds)
        await self.ledger.end(record(call_id))

    async def recover(self) -> None:
        """Let storage come back, and wait until the spool is empty."""
        self.tables.faults = deque()
        async with asyncio.timeout(20):
            while self.spool._kept:
                await self.drain()
                await asyncio.sleep(0.02)


@pytest.fixture
async def tables() -> AsyncIterator[ScriptedTables]:
    async with scripted_tables() as tables:
        yield tables


@pytest.fixture
async def stack(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AsyncExitStack]:
    monkeypatch.setattr(landed_calls, "_TIDY_SECONDS", 0.01)
    monkeypatch.setattr(guarded_ledger, "PAUSE_SECONDS", 0.1)
    async with AsyncExitStack() as stack:
        yield stack


async def new_worker(
    stack: AsyncExitStack,
    tables: ScriptedTables,
    folder: Path,
    when_unavailable: WhenUnavailable,
    max_bytes: int = 10**9,
) -> Worker:
    session = await stack.enter_async_context(aiohttp.ClientSession())
    transactions = TableTransactions(
        TableEndpoint(url=tables.url, credential=KEY),
        session,
        create_table=tables.create_table,
        clock=SystemClock(),
        jitter=lambda: 0.5,
        attempt_seconds=0.1,
    )
    patience = Patience(begin_seconds=PATIENCE, end_seconds=PATIENCE)
    stored = TableUsageLedger(transactions, worker_id="w1", lease_seconds=90.0, patience=patience)
    stack.push_async_callback(stored.close)
    spool = DiskSpool(folder, max_bytes=max_bytes)
    stack.push_async_callback(spool.close)
    guarded = GuardedLedger(stored, SystemClock())
    drain = DrainSpool(spool=spool, stored=guarded, jitter=lambda: 0.5)
    ledger = RecordCalls(stored=guarded, spool=spool, when_unavailable=when_unavailable)
    return Worker(tables=tables, stored=stored, spool=spool, drain=drain, ledger=ledger)


def recorded(tables: ScriptedTables) -> list[str]:
    """Return the ids of the calls that have a row."""
    return sorted(row["call_id"] for (table, _, _), row in tables.rows.items() if table == "usage")


def open_rows(tables: ScriptedTables) -> list[str]:
    return [row_key for row_key in tables.row_keys("opencalls") if not row_key.startswith("~")]


def names(numbers: Iterable[int]) -> list[str]:
    return [f"c{number:03}" for number in numbers]


@EACH
@BOTH
async def test_every_call_that_was_sent_in_an_outage_is_one_row(
    when_unavailable: WhenUnavailable, trouble: Fault, tables: ScriptedTables, stack: AsyncExitStack, tmp_path: Path
) -> None:
    """200 in flight when storage goes, more while it is away: each refused or recorded, and each once."""
    worker = await new_worker(stack, tables, tmp_path / "spool", when_unavailable)
    running = [asyncio.create_task(worker.call(name, seconds=0.2)) for name in names(range(200))]
    while len(worker.sent) < 200:
        await asyncio.sleep(0.01)
    tables.faults = Outage([trouble])
    await asyncio.sleep(0.1)
    running += [asyncio.create_task(worker.call(name, seconds=0.05)) for name in names(range(200, 300))]
    await asyncio.gather(*running)
    before = set(worker.sent)
    await worker.recover()
    await worker.stored.close()

    assert recorded(tables) == sorted(before)
    assert set(names(range(200))) <= before
    assert open_rows(tables) == []
    if when_unavailable is WhenUnavailable.ALLOW:
        assert before == set(names(range(300)))
    else:
        assert before | worker.refused == set(names(range(300)))
        assert worker.refused


@EACH
async def test_an_outage_that_is_known_costs_no_patience(
    trouble: Fault, tables: ScriptedTables, stack: AsyncExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first call finds out; those after it are told, or spooled, at once."""
    monkeypatch.setattr(guarded_ledger, "PAUSE_SECONDS", 60.0)
    worker = await new_worker(stack, tables, tmp_path / "spool", WhenUnavailable.ALLOW)
    tables.faults = Outage([trouble])
    await worker.call("c000")
    async with asyncio.timeout(PATIENCE):
        for name in names(range(1, 6)):
            await worker.call(name)

    assert worker.sent == set(names(range(6)))


@BOTH
async def test_a_short_trouble_needs_no_spool(
    when_unavailable: WhenUnavailable, tables: ScriptedTables, stack: AsyncExitStack, tmp_path: Path
) -> None:
    """It passes within a call's patience, as nearly all do."""
    worker = await new_worker(stack, tables, tmp_path / "spool", when_unavailable)
    tables.faults.extend([answers(503, "ServerBusy", retry_after="0"), writes_and_says_nothing])
    await worker.call("c000")

    assert recorded(tables) == ["c000"]
    assert not (tmp_path / "spool").exists()


async def test_an_end_that_was_written_and_spooled_is_one_row(
    tables: ScriptedTables, stack: AsyncExitStack, tmp_path: Path
) -> None:
    """Storage did it and said nothing, so it is done again, later."""
    worker = await new_worker(stack, tables, tmp_path / "spool", WhenUnavailable.REFUSE)
    await worker.ledger.begin(open_call("c000"))
    tables.faults = Outage([writes_and_says_nothing])
    await worker.ledger.end(record("c000"))
    assert recorded(tables) == ["c000"]
    assert set(worker.spool._kept) == {"c000"}
    await worker.recover()

    assert recorded(tables) == ["c000"]


@BOTH
async def test_the_next_process_records_what_the_last_could_not(
    when_unavailable: WhenUnavailable, tables: ScriptedTables, stack: AsyncExitStack, tmp_path: Path
) -> None:
    """Storage was down until the worker had to go."""
    first = await new_worker(stack, tables, tmp_path / "spool", when_unavailable)
    await asyncio.gather(*(first.ledger.begin(open_call(name)) for name in names(range(20))))
    tables.faults = Outage([TROUBLES["unreachable"]])
    await asyncio.gather(*(first.ledger.end(record(name)) for name in names(range(20))))
    await first.drain.close()
    await first.spool.close()
    tables.faults = deque()
    second = await new_worker(stack, tables, tmp_path / "spool", when_unavailable)
    await second.drain()

    assert recorded(tables) == names(range(20))
    assert list((tmp_path / "spool").iterdir()) == []


async def test_where_the_spool_is_full_calls_are_refused_though_they_were_to_be_allowed(
    tables: ScriptedTables, stack: AsyncExitStack, tmp_path: Path
) -> None:
    """A call is never answered and unrecorded; those let in before are recorded."""
    worker = await new_worker(stack, tables, tmp_path / "spool", WhenUnavailable.ALLOW, max_bytes=5 * 4096)
    tables.faults = Outage([TROUBLES["failing"]])
    await asyncio.gather(*(worker.call(name) for name in names(range(12))))
    await worker.recover()

    assert len(worker.sent) == 5
    assert recorded(tables) == sorted(worker.sent)


async def test_a_row_that_storage_will_never_take_is_tried_no_more(
    tables: ScriptedTables, stack: AsyncExitStack, tmp_path: Path
) -> None:
    """It lies where an operator finds it, and the others are recorded."""
    worker = await new_worker(stack, tables, tmp_path / "spool", WhenUnavailable.ALLOW)
    tables.faults = Outage([TROUBLES["failing"]])
    await asyncio.gather(*(worker.call(name) for name in names(range(5))))
    tables.refused["20261123T090102.123456Z_c003"] = (400, "InvalidInput")
    await worker.recover()
    tries = len(tables.transactions)
    await worker.drain()

    assert recorded(tables) == ["c000", "c001", "c002", "c004"]
    assert [path.name for path in (tmp_path / "spool" / "rejected").iterdir()] == ["c003.json"]
    assert len(tables.transactions) == tries


async def test_an_end_that_is_refused_at_once_is_set_aside_too(
    tables: ScriptedTables, stack: AsyncExitStack, tmp_path: Path
) -> None:
    """Storage is well; it is the row."""
    worker = await new_worker(stack, tables, tmp_path / "spool", WhenUnavailable.REFUSE)
    tables.refused["20261123T090102.123456Z_c000"] = (400, "InvalidInput")
    with pytest.raises(StorageError):
        await worker.call("c000")

    assert [path.name for path in (tmp_path / "spool" / "rejected").iterdir()] == ["c000.json"]
