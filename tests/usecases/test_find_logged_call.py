"""Azure's line of one of our calls: by its id, and where that was lost, by what only the two of them share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec

from shared.domain.call_story import LoggedCall, Match
from shared.domain.logs.entries import ServiceCall
from shared.domain.usage_record import Origin, Outcome, UsageRecord
from shared.usecases.find_logged_call import FindLoggedCall
from tests.adapters.records import BEGUN_AT, record
from tests.fakes import FakeUsageLedger, FakeUsageRecords
from tests.fakes_reconciliation import FakeLogs, FakeWindows
from tests.fakes_records import FakeCallLog
from tests.usecases.reconciling import logged_call

# Seconds before an hour ends, so that Azure's clock is in the next.
AT = BEGUN_AT.replace(minute=59, second=50)


def ours(call_id: str = "c1", *, at: datetime = AT, size: int = 2048) -> UsageRecord:
    """Return a call whose answer was cut before its headers, so that nobody knows Azure's id of it."""
    each = record(call_id, begun_at=at)
    call = replace(each.call, streamed=False, request_bytes=size)
    return replace(each, call=call, outcome=Outcome.CUT_BY_UPSTREAM, apim_request_id=None, status=None)


async def found(
    asked: UsageRecord, *others: UsageRecord, logged: Sequence[ServiceCall], by_id: FakeCallLog | None = None
) -> LoggedCall | None:
    ledger, logs = FakeUsageLedger(), FakeLogs()
    for each in (asked, *others):
        await ledger.end(each)
    await logs.put(logged)
    find = FindLoggedCall(by_id or FakeCallLog(), FakeUsageRecords(ledger), logs, FakeWindows())
    return await find.of_record(asked)


async def test_an_id_is_better_than_any_likeness() -> None:
    """What has one is looked for by it alone: that it is not there is an answer."""
    line = logged_call("x", at=AT)
    asked = replace(ours(), apim_request_id="x")

    assert await found(asked, logged=[line], by_id=FakeCallLog(x=LoggedCall(call=line))) == LoggedCall(call=line)
    assert await found(asked, logged=[line]) is None


async def test_the_only_line_that_can_be_it_is_it() -> None:
    """Also where Azure's clock was in the next hour."""
    for seconds in (0.02, 15):
        line = msgspec.structs.replace(logged_call("x", at=AT), requested_at=AT + timedelta(seconds=seconds))

        assert await found(ours(), logged=[line]) == LoggedCall(call=line, match=Match.LIKENESS)


async def test_where_two_can_be_it_none_is() -> None:
    """Two lines for one call, or two calls for one line: a guess would be somebody else's call."""
    line, another = logged_call("x", at=AT), logged_call("y", at=AT + timedelta(seconds=5))

    assert await found(ours(), logged=[line, another]) is None
    assert await found(ours(), ours("c2", at=AT + timedelta(seconds=20)), logged=[line]) is None
    assert await found(ours(), ours("c2", at=AT + timedelta(seconds=20), size=5), logged=[line]) is not None


async def test_a_line_that_is_anothers_by_its_id_is_not_ours() -> None:
    """However alike it is."""
    known = replace(ours("c2"), apim_request_id="x", status=200)

    assert await found(ours(), known, logged=[logged_call("x", at=AT)]) is None


async def test_what_is_not_alike_is_not_it() -> None:
    """Another size, deployment or minute."""
    for line in (
        logged_call("x", at=AT, request_bytes=2047),
        logged_call("x", at=AT, deployment="other"),
        logged_call("x", at=AT + timedelta(minutes=1)),
    ):
        assert await found(ours(), logged=[line]) is None


async def test_what_was_never_sent_is_not_looked_for() -> None:
    """Nor is a record that was made of Azure's own line another call of ours."""
    line = logged_call("x", at=AT)
    made_of_it = replace(ours("bypass-x"), origin=Origin.AZURE_LOGS)

    assert await found(replace(ours(), outcome=Outcome.REFUSED_BY_US), logged=[line]) is None
    assert await found(ours(), made_of_it, logged=[line]) is not None
