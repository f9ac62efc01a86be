"""A share of what Azure counted is counted again, off the path of the call."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from shared.domain.errors import StorageUnavailable
from shared.domain.operation import Metered
from shared.domain.token_counting import CountableCall
from shared.domain.usage_record import CountAudit, TokenUsage, UsageSource
from shared.usecases.audit_counts import AuditCounts
from tests.adapters.records import record
from tests.fakes import FakeTokenCounter, FakeUsageLedger
from tests.usecases.relaying import DONE, FIRST, HELLO, STOP, STREAM_BODY, USAGE, Bench, incoming, stream_answer

AUDIT = CountAudit(prompt_tokens=8, completion_tokens=3, method="m", shape="plain")
CALL = CountableCall(metered=Metered.CHAT_COMPLETIONS, model="gpt-4o", request_body=b"{}")


class Desk:
    """An auditor on fakes."""

    def __init__(self, share: float = 1.0) -> None:
        self.ledger = FakeUsageLedger()
        self.counter = FakeTokenCounter()
        self.counter.audit = AUDIT
        self.audits = AuditCounts(ledger=self.ledger, counter=self.counter, share=share)


async def test_a_row_holds_both_counts_a_moment_after_its_call() -> None:
    """The call does not wait; the row is the same row."""
    bench = Bench(stream_answer(FIRST, HELLO, STOP, USAGE, DONE), audit_share=1.0)
    counting = asyncio.Event()

    async def slow_recount(call: CountableCall) -> CountAudit | None:
        await counting.wait()
        return AUDIT

    bench.counter.recount = slow_recount  # type: ignore[method-assign]
    await bench.body(incoming(STREAM_BODY))
    audits = [bench.record.audit]
    counting.set()
    await asyncio.sleep(0.01)
    audits.append(bench.record.audit)

    assert audits == [None, AUDIT]
    assert bench.record.usage.source is UsageSource.REPORTED


async def test_the_share_is_kept_and_the_same_for_every_worker() -> None:
    """One call in twenty, chosen by its id."""
    first, second = Desk(0.05), Desk(0.05)
    for number in range(2000):
        for desk in (first, second):
            desk.audits.consider(record(f"c{number}"), lambda: CALL)
        await asyncio.sleep(0)
    await asyncio.sleep(0.05)

    assert 60 <= len(first.ledger.records) <= 140
    assert first.ledger.records.keys() == second.ledger.records.keys()


async def test_none_is_audited_where_the_share_is_nothing() -> None:
    """The operator may want the CPU."""
    desk = Desk(0.0)
    desk.audits.consider(record(), lambda: CALL)
    await asyncio.sleep(0.01)

    assert desk.counter.calls == []


async def test_only_what_azure_counted_is_counted_again() -> None:
    """An estimate held against itself says nothing."""
    desk = Desk()
    desk.audits.consider(replace(record(), usage=TokenUsage(source=UsageSource.ESTIMATED)), lambda: CALL)
    await asyncio.sleep(0.01)

    assert desk.counter.calls == []


async def test_what_cannot_be_counted_leaves_the_row_alone() -> None:
    """No second write for nothing."""
    desk = Desk()
    desk.counter.audit = None
    desk.audits.consider(record(), lambda: CALL)
    await asyncio.sleep(0.01)

    assert desk.ledger.records == {}


async def test_a_flood_does_not_queue_up_without_end() -> None:
    """Requests are held while they wait, and a share of a flood is enough."""
    desk = Desk()
    for number in range(500):
        desk.audits.consider(record(f"c{number}"), lambda: CALL)
    await asyncio.sleep(0.05)

    assert len(desk.ledger.records) == 64


async def test_storage_that_fails_is_told_and_costs_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    """The row is there, with Azure's count."""
    desk = Desk()
    desk.ledger.end_failure = StorageUnavailable("down")
    desk.audits.consider(record(), lambda: CALL)
    await asyncio.sleep(0.01)

    assert [event.message for event in caplog.records] == ["usage.audit_not_kept"]


async def test_a_worker_that_stops_does_not_wait_for_audits() -> None:
    """There is no time, and nothing is lost."""
    desk = Desk()
    desk.audits.consider(record(), lambda: CALL)

    await desk.audits.close()

    assert desk.ledger.records == {}
