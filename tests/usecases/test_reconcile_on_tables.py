"""The whole of reconciliation over the real tables: two at once come to what the fakes come to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from local.azurite import Azurite
from shared.adapters.system_clock import SystemClock
from shared.adapters.table_authorization import TableEndpoint
from shared.adapters.table_findings import TABLE as FINDINGS
from shared.adapters.table_findings import TableFindings
from shared.adapters.table_log_store import TableLogStore
from shared.adapters.table_logged_calls import TableLoggedCalls
from shared.adapters.table_open_calls import TableOpenCalls
from shared.adapters.table_service import StorageSettings, table_service
from shared.adapters.table_transactions import TableTransactions
from shared.adapters.table_usage_ledger import TableUsageLedger
from shared.adapters.table_usage_records import TableUsageRecords
from shared.adapters.table_windows import TABLE as WINDOWS
from shared.adapters.table_windows import TableWindows
from shared.adapters.usage_columns import OPEN_CALLS_TABLE, USAGE_TABLE
from shared.domain.errors import StorageError
from shared.domain.findings.finding import FindingKind
from shared.domain.logs.keys import AUDIT_EVENTS_TABLE, METRICS_TABLE, SERVICE_CALLS_TABLE
from shared.domain.reconciliation import judging
from shared.domain.reconciliation.windows import open_windows
from shared.usecases import reconcile_usage
from tests.usecases.reconciling import (
    Proof,
    bypass_with_identity,
    bypass_with_key,
    cut_record,
    event,
    logged_call,
    logged_usage,
    our_record,
)

TABLES = (WINDOWS, FINDINGS, SERVICE_CALLS_TABLE, AUDIT_EVENTS_TABLE, METRICS_TABLE, USAGE_TABLE, OPEN_CALLS_TABLE)


@pytest.fixture
async def proof(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Proof]:
    """Yield all of it over empty tables. Rows are dated now, so that no grace can pass in a test."""
    monkeypatch.setattr(judging, "BYPASS_GRACE", timedelta(0))
    # Of fifty hours two are enough.
    monkeypatch.setattr(reconcile_usage, "open_windows", lambda now: open_windows(now)[:2])
    async with AsyncExitStack() as stack:
        settings = StorageSettings(connection_string=azurite.connection_string)
        service = await stack.enter_async_context(table_service(settings))
        for table in TABLES:
            await service.delete_table(table)
        transactions = TableTransactions(
            TableEndpoint.of(service),
            await stack.enter_async_context(aiohttp.ClientSession()),
            create_table=service.create_table_if_not_exists,
            clock=SystemClock(),
            jitter=lambda: 0.5,
        )
        proof = Proof(datetime.now(UTC))
        ledger = TableUsageLedger(transactions, worker_id="worker-1", lease_seconds=90)
        stack.push_async_callback(ledger.close)
        open_calls = TableOpenCalls(service, transactions, lease_seconds=90)
        stack.push_async_callback(open_calls.close)
        proof.open_calls = open_calls  # type: ignore[assignment]
        proof.fake_ledger = proof.ledger = ledger  # type: ignore[assignment]
        proof.windows = TableWindows(service.get_table_client(WINDOWS))  # type: ignore[assignment]
        proof.findings = TableFindings(service.get_table_client(FINDINGS))  # type: ignore[assignment]
        proof.logs = TableLoggedCalls(service)  # type: ignore[assignment]
        proof.records = TableUsageRecords(service)  # type: ignore[assignment]
        proof.store = type(proof.store)(TableLogStore(service, transactions), proof.windows)
        yield proof


async def test_two_at_once_over_tables_come_to_one_result(proof: Proof) -> None:
    """And then the record of what looked like a bypass comes."""
    at = datetime.now(UTC) - timedelta(minutes=2)
    await proof.record(our_record("c1", at=at), cut_record("c2", at=at))
    await proof.log(logged_call("a-c1", at=at), logged_usage("a-c1", at=at, prompt=13), logged_call("x2", at=at))
    await proof.log(bypass_with_key("b1", at=at), logged_usage("b1", at=at), bypass_with_identity("b2", at=at))
    await proof.log(event(at=at - timedelta(minutes=5)))
    await _both(proof)
    before = await _state(proof, at)
    await proof.record(our_record("c3", at=at, correlation_id="b2"))
    await proof.windows.mark([mark.window for mark in [*await proof.windows.marks()]])
    await proof.log(logged_call("b2", at=at))
    await _both(proof)

    assert before == (
        {
            FindingKind.BYPASS_WITH_KEY,
            FindingKind.BYPASS_WITH_IDENTITY,
            FindingKind.TOKEN_COUNTS_DIFFER,
            FindingKind.KEYS_LISTED,
            FindingKind.LISTED_KEY_USED,
        },
        {"c1", "c2", "bypass-b1", "bypass-b2"},
        (2, 1, 2),
    )
    kinds, call_ids, counts = await _state(proof, at)
    assert FindingKind.BYPASS_WITH_IDENTITY not in kinds
    assert call_ids == {"c1", "c2", "c3", "bypass-b1"}
    assert counts == (3, 1, 1)
    assert await proof.windows.marks() == []


async def _both(proof: Proof) -> None:
    for _ in range(2):
        results = await asyncio.gather(proof.reconciler()(), proof.reconciler()(), return_exceptions=True)
        assert not [each for each in results if isinstance(each, BaseException) and not isinstance(each, StorageError)]
    await proof.reconcile()


async def _state(proof: Proof, at: datetime) -> tuple[set[FindingKind], set[str], tuple[int, int, int]]:
    findings = proof.findings.between(at.date() - timedelta(days=1), at.date() + timedelta(days=1))
    kinds = {each.subject.kind async for page in findings for each in page if each.parts}
    records = proof.records.between(at - timedelta(hours=1), at + timedelta(hours=1))
    call_ids = {each.call.call_id async for page in records for each in page}
    hours = proof.windows.totals(at - timedelta(hours=2), at + timedelta(hours=1))
    totals = [each async for page in hours for each in page]
    counts = [(each.matched, each.matched_by_likeness, each.azure_only) for each in totals]
    return kinds, call_ids, tuple(map(sum, zip(*counts, strict=True)))  # type: ignore[return-value]
