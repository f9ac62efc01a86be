"""One call's story: found by its id alone, and by whom it concerns alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.call_story import LoggedCall, Match
from shared.domain.errors import MalformedRequest, RecordNotFound
from shared.domain.findings.evidence import evidence
from shared.domain.logs.entries import CallUsage, ServiceCall
from shared.domain.principal import Principal
from shared.domain.usage_record import Outcome, UsageRecord
from shared.usecases.query_usage import READ_ALL_ROLE
from shared.usecases.tell_call import CallQuery, TellCall
from tests.adapters.records import principal, record
from tests.fakes import FakeClock
from tests.fakes_reconciliation import FakeFindings
from tests.fakes_records import FakeCallLog, FakeRecordSearch
from tests.findings import about_call, finding

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
AUDITOR = replace(principal("auditor"), roles=frozenset({READ_ALL_ROLE}))
LOGGED = LoggedCall(call=ServiceCall("/sub", "0f0e0d0c", NOW, status=200))


def ago(call_id: str, **times: float) -> UsageRecord:
    return record(call_id, begun_at=NOW - timedelta(**times))


def teller(*records: UsageRecord, logged: FakeCallLog | None = None, clock: FakeClock | None = None) -> TellCall:
    return TellCall(FakeRecordSearch(records), logged or FakeCallLog(), FakeFindings(), clock or FakeClock(NOW))


async def test_a_story_is_the_record_the_log_and_the_findings() -> None:
    """All there is to know, in one answer."""
    call = ago("c1", minutes=5)
    story = await teller(call, logged=FakeCallLog(**{"0f0e0d0c": LOGGED}))(CallQuery(call_id="c1"), AUDITOR)

    assert (story.record, story.logged, story.match) == (call, LOGGED, Match.ID)
    assert story.findings == []


async def test_findings_that_name_the_call_are_told_to_who_may_see_them() -> None:
    """One about many calls names others' too: that is for whoever may see all."""
    call, findings = ago("c1", minutes=5), FakeFindings()
    day = call.call.begun_at.date()
    ours = finding(about_call("c1"), day=day)
    by_azures_id = finding(evidence(correlation_id="0f0e0d0c"), day=day, of="x", object_id="alice")
    for each in (ours, by_azures_id, finding(about_call("c2"), day=day, of="y")):
        await findings.put(each)
    tell = TellCall(FakeRecordSearch([call]), FakeCallLog(), findings, FakeClock(NOW))
    told = [await tell(CallQuery(call_id="c1"), asker) for asker in (AUDITOR, principal("alice"))]

    assert [{each.id for each in story.findings} for story in told] == [{ours.id, by_azures_id.id}, {by_azures_id.id}]


async def test_a_call_without_azures_id_is_in_no_finding_by_it() -> None:
    """What knows no id is not about all that have none."""
    call, findings = replace(ago("c1", minutes=5), apim_request_id=None), FakeFindings()
    await findings.put(finding(evidence(correlation_id=""), {"correlation_id": ""}, day=call.call.begun_at.date()))
    tell = TellCall(FakeRecordSearch([call]), FakeCallLog(), findings, FakeClock(NOW))

    assert (await tell(CallQuery(call_id="c1"), AUDITOR)).findings == []


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (ago("c1", hours=1), Match.LATE),
        (ago("c1", hours=49), Match.NONE),
        (replace(ago("c1", hours=1), outcome=Outcome.REFUSED_BY_US), Match.NONE),
        (replace(ago("c1", hours=1), outcome=Outcome.UPSTREAM_UNREACHABLE), Match.NONE),
        (replace(ago("c1", hours=1), outcome=Outcome.ABANDONED), Match.LATE),
    ],
)
async def test_what_azure_did_not_log_is_late_or_will_never_come(call: UsageRecord, match: Match) -> None:
    """To call what may still come missing is a false alarm; what was not sent is logged by nobody."""
    assert (await teller(call)(CallQuery(call_id="c1"), AUDITOR)).match is match


@pytest.mark.parametrize("asker", [principal("alice"), AUDITOR])
async def test_a_call_of_the_last_month_is_found_by_its_id(asker: Principal) -> None:
    """An id in a log is all that people have."""
    tell = teller(ago("c1", days=30, hours=23), ago("c2", days=33), record("c3", begun_at=NOW + timedelta(minutes=30)))

    assert (await tell(CallQuery(call_id="c1"), asker)).record.call.call_id == "c1"
    assert (await tell(CallQuery(call_id="c3"), asker)).record.call.call_id == "c3"
    with pytest.raises(RecordNotFound, match="in the last 31 days"):
        await tell(CallQuery(call_id="c2"), asker)


@pytest.mark.parametrize(
    ("hint", "is_found"),
    [
        (timedelta(0), True),
        (timedelta(minutes=59), True),
        (timedelta(hours=-24), True),
        (timedelta(hours=2), False),
        (timedelta(hours=-26), False),
    ],
)
async def test_a_hint_finds_it_however_old(hint: timedelta, is_found: bool) -> None:
    """The time as a log has it, or the day."""
    call = ago("c1", days=400)
    asked = CallQuery(call_id="c1", begun_at=call.call.begun_at + hint)
    tell = teller(call)
    if is_found:
        assert (await tell(asked, AUDITOR)).record == call
    else:
        with pytest.raises(RecordNotFound, match="around that time"):
            await tell(asked, AUDITOR)


async def test_anothers_call_is_no_call() -> None:
    """Whether there is one with this id is nobody else's business; the words are the same for both."""
    tell = teller(ago("c1", minutes=5))
    told = []
    for call_id in ("c1", "no-such"):
        with pytest.raises(RecordNotFound) as raised:
            await tell(CallQuery(call_id=call_id), principal("bob"))
        told.append(str(raised.value))

    assert told[0] == told[1]


async def test_the_beginning_of_an_id_will_do_where_it_is_one_calls() -> None:
    """Nobody types 32 letters; over HTTP an id is an id."""
    tell = teller(ago("abc123", minutes=5), ago("abd", minutes=5), ago("ab", days=1))

    for call_id, expected in [("abc", "abc123"), ("abd", "abd")]:
        asked = CallQuery(call_id=call_id, may_be_prefix=True)
        assert (await tell(asked, AUDITOR)).record.call.call_id == expected
    with pytest.raises(MalformedRequest, match="more than one"):
        await tell(CallQuery(call_id="ab", may_be_prefix=True), AUDITOR)
    with pytest.raises(RecordNotFound):
        await tell(CallQuery(call_id="abc"), AUDITOR)


async def test_a_search_that_takes_too_long_asks_for_a_hint() -> None:
    """The front end would drop the connection."""

    class Slow(FakeRecordSearch):
        async def with_id(self, *args: object) -> list[UsageRecord]:
            clock.advance(25)
            return []

    clock = FakeClock(NOW)
    tell = TellCall(Slow(), FakeCallLog(), FakeFindings(), clock)
    with pytest.raises(RecordNotFound, match=r"since 2026-11-21: .*begun_at"):
        await tell(CallQuery(call_id="c1"), AUDITOR)


def test_the_two_lines_of_a_call_are_one_set_of_columns() -> None:
    """What the call says comes first; the tokens fill what it does not."""
    call = ServiceCall("/sub", "x", NOW, status=200, completion_tokens=7)
    usage = CallUsage(
        resource_id="/sub", correlation_id="x", logged_at=NOW + timedelta(1), prompt_tokens=5, completion_tokens=8
    )
    columns = LoggedCall(call=call, usage=usage).columns()

    assert (columns["status"], columns["prompt_tokens"], columns["completion_tokens"]) == (200, 5, 7)
    assert (columns["logged_at"], columns["cached_tokens"]) == (NOW, None)
    assert LoggedCall(usage=usage).columns()["completion_tokens"] == 8
    assert LoggedCall(call=call).columns()["model"] is None
