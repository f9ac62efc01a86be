"""The ledger held against Azure's logs: what matches, what waits, and each thing that does not add up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.adapters.table_findings import finding_entity
from shared.adapters.table_windows import totals_entity
from shared.domain.errors import StorageUnavailable
from shared.domain.findings.finding import EXPLAINED, FindingKind, FindingState, Severity
from shared.domain.logs.entries import AuditKind, AuditPhase, AuditSource, MetricPoint
from shared.domain.principal import PrincipalKind
from shared.domain.reconciliation.windows import Window
from shared.domain.table_entity import check_entity
from shared.domain.usage_record import Outcome, TokenUsage, UsageRecord, UsageSource
from tests.fakes import FakeUsageLedger
from tests.usecases.reconciling import (
    GATE_ID,
    HOST,
    NOW,
    RESOURCE,
    STRANGER,
    STRANGER_ID,
    SUBSCRIPTION,
    Proof,
    bypass_with_identity,
    bypass_with_key,
    cut_record,
    event,
    logged_call,
    logged_usage,
    minute,
    our_record,
)


async def test_a_call_on_both_sides_is_matched() -> None:
    """Nearly every call, and nothing is found."""
    proof = Proof()
    await proof.record(our_record())
    await proof.log(logged_call(), logged_usage())
    await proof.reconcile_after(minutes=5)

    hour = proof.hour()
    assert (hour.matched, hour.matched_by_likeness, hour.ours_only, hour.azure_only, hour.late) == (1, 0, 0, 0, 0)
    assert (hour.our_prompt_tokens, hour.azure_prompt_tokens) == (12, 12)
    assert proof.kinds() == []
    assert proof.windows.marked == {}


async def test_the_record_first_then_the_log() -> None:
    """Until the export's lateness has passed the line is late, and then it is here."""
    proof = Proof()
    await proof.record(our_record())
    await proof.reconcile_after(minutes=20)
    late = proof.hour(resource=HOST)
    await proof.log(logged_call())
    await proof.reconcile_after(minutes=1)

    assert (late.late, late.ours_only) == (1, 0)
    assert proof.hour().matched == 1
    assert [each.resource for each in proof.windows.hours[Window.of_hour(NOW)]] == [RESOURCE]


async def test_the_log_first_then_the_record() -> None:
    """A call that is still open is nobody's bypass; when it ends it matches."""
    proof = Proof()
    ended = our_record(seconds=600)
    await proof.ledger.begin(ended.call)
    proof.open_calls.written["c1"] = ("worker-1", NOW)
    await proof.log(logged_call())
    await proof.reconcile_after(minutes=5)
    waiting = proof.hour()
    await proof.record(ended)
    await proof.reconcile_after(minutes=10)

    assert (waiting.late, waiting.azure_only) == (1, 0)
    assert proof.hour().matched == 1
    assert proof.findings.kept == {}


async def test_a_line_that_has_just_arrived_is_no_bypass_yet() -> None:
    """The record may be on its way."""
    proof = Proof()
    await proof.log(bypass_with_key())
    await proof.reconcile_after(seconds=29)
    waiting = proof.hour().late
    await proof.reconcile_after(seconds=61)

    assert waiting == 1
    assert proof.hour().azure_only == 1


async def test_lines_of_long_ago_are_looked_at_until_nothing_waits_any_more() -> None:
    """Logs of last month were read a moment ago: no schedule goes back so far, and their calls are to count."""
    proof = Proof()
    proof.pass_time(days=30)
    await proof.log(bypass_with_key())
    await proof.reconcile_after(seconds=20)
    waiting = proof.hour().late
    await proof.reconcile_after(minutes=1)

    assert waiting == 1
    assert proof.kinds() == [FindingKind.BYPASS_WITH_KEY]
    assert [each.call.call_id for each in proof.bypass_records()] == ["bypass-b1"]
    assert proof.windows.marked == {}


async def test_a_bypass_of_which_another_line_says_more_stays_one() -> None:
    """Its row is written anew, as if it had just arrived: to wait once more would close it, and tell of it again."""
    proof = Proof()
    await proof.log(bypass_with_key(region=None))
    await proof.reconcile_after(minutes=2)
    await proof.log(bypass_with_key())
    await proof.reconcile_after(seconds=10)

    assert proof.hour().late == 0
    assert proof.only(FindingKind.BYPASS_WITH_KEY).opened == 1
    assert [each.region for each in proof.bypass_records()] == ["swedencentral"]


async def test_a_bypass_that_is_charged_waits_for_no_call_that_begins_later() -> None:
    """One that Azure has logged had begun before its line came."""
    proof = Proof()
    await proof.log(bypass_with_key())
    await proof.reconcile_after(minutes=2)
    await proof.ledger.begin(our_record().call)
    proof.open_calls.written["c1"] = ("worker-1", NOW)
    await proof.reconcile_after(minutes=2)

    assert (proof.hour().late, proof.hour().azure_only) == (0, 1)
    assert proof.only(FindingKind.BYPASS_WITH_KEY).opened == 1


async def test_a_record_from_the_spool_closes_the_bypass_it_looked_like() -> None:
    """Storage was down and the call was let through: it came late, and its usage was counted meanwhile."""
    proof = Proof()
    await proof.log(logged_call(), logged_usage())
    await proof.reconcile_after(minutes=2)
    opened, counted = proof.kinds(), proof.bypass_records()
    proof.pass_time(hours=30)
    await proof.record(our_record())
    await proof.reconcile()

    assert opened == [FindingKind.BYPASS_WITH_IDENTITY]
    assert [each.call.call_id for each in counted] == ["bypass-a-c1"]
    (finding,) = proof.findings.kept.values()
    assert (finding.state, finding.closed_because, finding.occurrences) == (FindingState.CLOSED, EXPLAINED, 0)
    assert proof.bypass_records() == []
    assert list(proof.fake_ledger.records) == ["c1"]


async def test_a_record_that_comes_after_the_hour_is_settled_has_it_looked_at_again() -> None:
    """Three days on a worker's disk: the hour had long been done with."""
    proof = Proof()
    await proof.log(logged_call())
    await proof.reconcile_after(minutes=2)
    await proof.reconcile_after(hours=60)
    settled = proof.windows.kept[Window.of_hour(NOW)].settled
    await proof.record(our_record())
    await proof.reconcile_after(minutes=1)

    assert settled
    assert proof.kinds() == []
    assert proof.bypass_records() == []


class Crowd(FakeUsageLedger):
    """A ledger that takes its time, and says how many wrote at once."""

    def __init__(self) -> None:
        super().__init__()
        self.writing = self.most_writing = 0

    async def end(self, record: UsageRecord) -> None:
        self.writing += 1
        self.most_writing = max(self.most_writing, self.writing)
        await asyncio.sleep(0)
        self.writing -= 1
        await super().end(record)


async def test_many_calls_past_the_gate_are_charged_in_company() -> None:
    """One after the other, those of a leaked key took longer than a run may, and were told of hours later."""
    proof, crowd = Proof(), Crowd()
    await proof.log(*(bypass_with_key(f"b{number}") for number in range(250)))
    proof.pass_time(minutes=2)
    await proof.reconciler(ledger=crowd)()

    assert len(crowd.records) == 250
    assert crowd.most_writing == 100


async def test_a_bypass_with_an_identity_says_who() -> None:
    """One finding for a principal, resource and day, with some of its calls."""
    proof = Proof()
    for number in range(8):
        await proof.log(bypass_with_identity(f"b{number}", at=NOW + timedelta(seconds=number)))
    await proof.reconcile_after(minutes=2)

    finding = proof.only(FindingKind.BYPASS_WITH_IDENTITY)
    assert (finding.subject.object_id, finding.occurrences, finding.severity) == (STRANGER_ID, 8, Severity.HIGH)
    assert [each["correlation_id"] for each in finding.evidence] == ["b0", "b1", "b2", "b3", "b4"]
    assert finding.evidence[0]["caller_address"] == STRANGER


async def test_a_bypass_with_a_key_says_from_where() -> None:
    """Azure logs nobody, but for a masked address."""
    proof = Proof()
    await proof.log(bypass_with_key(), bypass_with_key("b2", caller_address="192.0.2.*"))
    await proof.reconcile_after(minutes=2)

    assert {finding.subject.of for finding in proof.found(FindingKind.BYPASS_WITH_KEY)} == {"192.0.2.*", STRANGER}


async def test_a_bypass_over_several_hours_of_a_day_is_one_finding() -> None:
    """Each hour has its part of it; a day is what somebody looks at."""
    proof = Proof()
    await proof.log(bypass_with_identity(), bypass_with_identity("b2", at=NOW - timedelta(hours=3)))
    await proof.reconcile_after(minutes=2)

    finding = proof.only(FindingKind.BYPASS_WITH_IDENTITY)
    assert sorted(finding.parts) == ["06", "09"]
    assert (finding.occurrences, finding.first_seen_at.hour) == (2, 6)


async def test_what_azure_refused_is_no_alarm() -> None:
    """Somebody tried, without a right to."""
    proof = Proof()
    await proof.log(bypass_with_identity(status=401))
    await proof.reconcile_after(minutes=2)

    assert proof.only(FindingKind.BYPASS_WITH_IDENTITY).severity is Severity.LOW
    (record,) = proof.bypass_records()
    assert (record.outcome, record.usage.source) == (Outcome.REFUSED_BY_AZURE, UsageSource.NOT_APPLICABLE)


async def test_the_usage_of_a_bypass_counts() -> None:
    """So that the ledger's totals are the resource's."""
    proof = Proof()
    await proof.record(our_record())
    await proof.log(
        logged_call(), logged_usage(), bypass_with_key(), logged_usage("b1", prompt=100, completion=7, cached=64)
    )
    await proof.reconcile_after(minutes=2)

    (record,) = proof.bypass_records()
    call, principal = record.call, record.call.principal
    assert (call.call_id, call.resource, call.deployment, call.operation) == (
        "bypass-b1",
        HOST,
        "gpt-4o",
        "chat.completions",
    )
    assert (principal.tenant_id, principal.object_id, principal.kind) == ("azure", "key-unknown", PrincipalKind.UNKNOWN)
    assert principal.name == "key, unknown"
    assert record.usage == TokenUsage(
        prompt_tokens=100, completion_tokens=7, total_tokens=107, cached_tokens=64, source=UsageSource.REPORTED
    )
    assert (record.model, call.api_version) == ("gpt-4o-2024-11-20", "2024-10-21")
    totals = [each.usage.total_tokens or 0 for each in proof.fake_ledger.records.values()]
    assert sum(totals) == (proof.hour().azure_prompt_tokens or 0) + (proof.hour().azure_completion_tokens or 0)


async def test_usage_that_is_logged_later_completes_the_record() -> None:
    """Two categories are two blobs, and either may come first."""
    proof = Proof()
    await proof.log(bypass_with_key())
    await proof.reconcile_after(minutes=2)
    (before,) = proof.bypass_records()
    await proof.log(logged_usage("b1"))
    await proof.reconcile_after(minutes=1)

    (after,) = proof.bypass_records()
    assert (before.usage.source, after.usage.source) == (UsageSource.UNAVAILABLE, UsageSource.REPORTED)
    assert after.usage.total_tokens == 42


async def test_usage_that_is_logged_before_its_call_waits_for_it() -> None:
    """Without the call nobody knows whose it is."""
    proof = Proof()
    await proof.log(logged_usage("b1"))
    await proof.reconcile_after(minutes=2)
    before = proof.bypass_records()
    await proof.log(bypass_with_key())
    await proof.reconcile_after(minutes=2)

    assert before == []
    assert [each.usage.total_tokens for each in proof.bypass_records()] == [42]


async def test_the_tenant_of_a_bypass_is_the_operators_if_there_is_one() -> None:
    """Azure logs an object id without its tenant."""
    proof = Proof()
    await proof.log(bypass_with_identity())
    proof.pass_time(minutes=2)
    await proof.reconciler(tenant_id="t-1")()

    (record,) = proof.bypass_records()
    assert (record.call.principal.tenant_id, record.call.principal.object_id) == ("t-1", STRANGER_ID)


async def test_an_identity_that_is_logged_later_moves_the_record() -> None:
    """The second line of a call says who: the record under 'key, unknown' goes."""
    proof = Proof()
    await proof.log(bypass_with_key())
    await proof.reconcile_after(minutes=2)
    await proof.log(bypass_with_identity())
    await proof.reconcile_after(minutes=2)

    assert [each.call.principal.object_id for each in proof.bypass_records()] == [STRANGER_ID]
    assert proof.kinds() == [FindingKind.BYPASS_WITH_IDENTITY]


async def test_a_call_that_lost_its_headers_is_matched_by_likeness() -> None:
    """The caller hung up first: there is no id, and one call alone that it can be."""
    proof = Proof()
    await proof.record(our_record("c0"), cut_record("c1"))
    await proof.log(logged_call("a-c0"), logged_call("x1"))
    await proof.reconcile_after(minutes=2)

    assert (proof.hour().matched, proof.hour().matched_by_likeness) == (2, 1)
    assert proof.kinds() == []


async def test_two_that_it_can_be_are_no_match() -> None:
    """To guess would hide a bypass behind a call of ours."""
    proof = Proof()
    await proof.record(our_record("c0"), cut_record("c1"))
    await proof.log(logged_call("a-c0"), logged_call("x1"), logged_call("x2"))
    await proof.reconcile_after(minutes=2)

    assert (proof.hour().matched_by_likeness, proof.hour().azure_only) == (0, 2)


@pytest.mark.parametrize(
    "changes",
    [
        {"caller_address": STRANGER},
        {"object_id": STRANGER_ID},
        {"object_id": None},
        {"request_bytes": 2049},
        {"deployment": "gpt-4o-mini"},
        {"requested_at": NOW + timedelta(seconds=31)},
        {"resource_id": RESOURCE.replace("contoso", "fabrikam")},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_what_differs_is_no_likeness(changes: dict[str, Any]) -> None:
    """Somebody who goes round the gate is not excused by a call of ours that was cut."""
    proof = Proof()
    await proof.record(our_record("c0"), cut_record("c1"))
    await proof.log(logged_call("a-c0"), logged_call("x1", **changes))
    await proof.reconcile_after(minutes=2)

    assert len(proof.bypass_records()) == 1


async def test_a_line_that_never_comes_is_missing_once_others_have() -> None:
    """Lines have taken seconds: after half an hour this one will not come."""
    proof = Proof()
    await proof.record(our_record("c1"), our_record("c2"))
    await proof.log(logged_call("a-c1"))
    await proof.reconcile_after(minutes=29)
    late = proof.hour().late
    await proof.reconcile_after(minutes=8)

    finding = proof.only(FindingKind.RECORD_WITHOUT_SERVICE_CALL)
    assert late == 1
    assert (proof.hour().late, proof.hour().ours_only) == (0, 1)
    assert (finding.subject.of, finding.evidence[0]["call_id"]) == ("chat.completions", "c2")


async def test_the_slower_lines_have_been_the_longer_one_is_waited_for() -> None:
    """Lateness is what it is, not what we wish."""
    proof = Proof()
    await proof.record(our_record("c1"), our_record("c2"))
    proof.pass_time(hours=3)
    await proof.log(logged_call("a-c1"))
    await proof.reconcile_after(minutes=1)
    waiting = proof.hour()
    await proof.reconcile_after(hours=4)

    assert (waiting.late, waiting.ours_only) == (1, 0)
    assert (proof.hour().late, proof.hour().ours_only) == (0, 1)


async def test_a_late_line_closes_what_was_missing() -> None:
    """Azure may take two days."""
    proof = Proof()
    await proof.record(our_record("c1"), our_record("c2"))
    await proof.log(logged_call("a-c1"))
    await proof.reconcile_after(hours=2)
    missing = proof.kinds()
    await proof.log(logged_call("a-c2"))
    await proof.reconcile_after(minutes=1)

    assert missing == [FindingKind.RECORD_WITHOUT_SERVICE_CALL]
    assert proof.kinds() == []


async def test_what_never_reached_azure_is_not_missed() -> None:
    """No connection, refused by us, or cut before Azure answered: it need not have logged them."""
    proof = Proof()
    outcomes = (Outcome.UPSTREAM_UNREACHABLE, Outcome.REFUSED_BY_US, Outcome.ABANDONED, Outcome.TIMED_OUT)
    for outcome in outcomes:
        await proof.record(cut_record(f"c-{outcome.value}", outcome=outcome))
    await proof.reconcile_after(hours=49)

    assert proof.findings.kept == {}
    assert proof.hour(resource=HOST).ours_only == 0


async def test_an_export_that_is_silent_is_one_finding() -> None:
    """Whoever switched the diagnostic setting off wants nobody to see what comes next."""
    proof = Proof()
    await proof.record(our_record("c0", at=NOW - timedelta(hours=2)))
    await proof.log(logged_call("a-c0", at=NOW - timedelta(hours=2)))
    for number in range(3):
        await proof.record(our_record(f"c{number + 1}"))
    proof.logs.arrived_at = NOW - timedelta(hours=2)
    await proof.reconcile_after(hours=1)
    await proof.reconcile_after(hours=7)

    finding = proof.only(FindingKind.DIAGNOSTICS_SILENT)
    assert (finding.occurrences, finding.severity, finding.subject.resource) == (3, Severity.HIGH, RESOURCE)
    assert proof.found(FindingKind.RECORD_WITHOUT_SERVICE_CALL) == []


async def test_an_export_that_was_never_there_is_found_after_two_days() -> None:
    """Nobody has said how late its lines are, so the latest that Azure exports is waited for."""
    proof = Proof()
    await proof.record(our_record())
    await proof.reconcile_after(hours=47)
    before = proof.kinds()
    await proof.reconcile_after(hours=2)

    assert before == []
    assert proof.only(FindingKind.DIAGNOSTICS_SILENT).subject.resource == HOST


async def test_a_diagnostic_setting_that_was_deleted_is_silence_to_come() -> None:
    """The Activity Log says who."""
    proof = Proof()
    resource_id = f"{RESOURCE}/providers/microsoft.insights/diagnosticsettings/ledger"
    await proof.log(event(AuditKind.DIAGNOSTICS_DELETED, resource_id=resource_id))
    await proof.reconcile_after(minutes=1)

    finding = proof.only(FindingKind.DIAGNOSTICS_SILENT)
    assert (finding.subject.resource, finding.subject.of) == (RESOURCE, "the diagnostic setting ledger was deleted")


@pytest.mark.parametrize(("prompt", "completion", "cached"), [(13, 30, None), (12, 31, None), (12, 30, 5)])
async def test_counts_that_differ_by_one_token_are_found(prompt: int, completion: int, cached: int | None) -> None:
    """Both are Azure's own: there is no tolerance."""
    proof = Proof()
    record = our_record()
    await proof.record(replace(record, usage=replace(record.usage, cached_tokens=4)))
    await proof.log(logged_call(), logged_usage(prompt=prompt, completion=completion, cached=cached))
    await proof.reconcile_after(minutes=2)

    finding = proof.only(FindingKind.TOKEN_COUNTS_DIFFER)
    assert (finding.subject.of, finding.severity) == ("gpt-4o", Severity.MEDIUM)
    assert finding.evidence[0]["azure_prompt_tokens"] == prompt


async def test_counts_in_the_line_of_the_call_are_held_against_ours_too() -> None:
    """Azure has logged them there since 2026, if not everywhere."""
    proof = Proof()
    await proof.record(our_record())
    await proof.log(logged_call(prompt_tokens=12, completion_tokens=33))
    await proof.reconcile_after(minutes=2)

    assert proof.only(FindingKind.TOKEN_COUNTS_DIFFER).evidence[0]["azure_completion_tokens"] == 33


async def test_our_own_estimate_may_differ() -> None:
    """Nobody promised that it is Azure's count."""
    proof = Proof()
    record = our_record()
    await proof.record(replace(record, usage=replace(record.usage, source=UsageSource.ESTIMATED)))
    await proof.log(logged_call(), logged_usage(prompt=99))
    await proof.reconcile_after(minutes=2)

    assert proof.kinds() == []


async def test_metrics_that_count_more_are_found_by_the_hour() -> None:
    """Where Azure logs no tokens call by call, its metrics still have the hour's."""
    proof = Proof()
    await proof.record(our_record())
    await proof.log(logged_call(), minute("ProcessedPromptTokens", 12), minute("GeneratedTokens", 31))
    await proof.reconcile_after(hours=2)

    finding = proof.only(FindingKind.TOKEN_COUNTS_DIFFER)
    assert finding.evidence[0]["azure_completion_tokens"] == 31
    assert proof.hour().azure_completion_tokens == 31


async def test_metrics_that_count_the_same_are_not() -> None:
    """To the token."""
    proof = Proof()
    await proof.record(our_record())
    await proof.log(logged_call(), minute("ProcessedPromptTokens", 12), minute("GeneratedTokens", 30))
    await proof.reconcile_after(hours=2)

    assert proof.kinds() == []


async def test_a_call_at_the_edge_of_the_hour_may_count_in_either() -> None:
    """A metric stands in the minute in which the call ended, by Azure's clock."""
    proof = Proof()
    edge = NOW.replace(minute=59, second=59)
    await proof.record(our_record("c1", at=edge, seconds=4))
    await proof.log(logged_call("a-c1", at=edge), minute("ProcessedPromptTokens", 0), minute("GeneratedTokens", 0))
    await proof.reconcile_after(hours=3)

    assert proof.found(FindingKind.TOKEN_COUNTS_DIFFER) == []


async def test_keys_that_were_listed_say_by_whom_from_where_and_what_the_other_log_says() -> None:
    """Two events in the Activity Log, one in the resource's own: one listing."""
    proof = Proof()
    started = event(phase=AuditPhase.STARTED, at=NOW - timedelta(milliseconds=200))
    audit = event(
        source=AuditSource.AUDIT_LOG,
        phase=AuditPhase.UNKNOWN,
        operation="listkey",
        correlation_id=None,
        caller_address=None,
        object_id="platform",
        principal_name=None,
        at=NOW + timedelta(seconds=3),
    )
    await proof.log(audit)
    await proof.reconcile_after(minutes=1)
    before = proof.only(FindingKind.KEYS_LISTED)
    await proof.log(started, event())
    await proof.reconcile_after(minutes=1)

    finding = proof.only(FindingKind.KEYS_LISTED)
    assert before.subject.of == "somebody whom no Activity Log names"
    assert (finding.subject.of, finding.occurrences, finding.severity) == (STRANGER_ID, 1, Severity.HIGH)
    shown = finding.evidence[0]
    assert (shown["principal_name"], shown["caller_address"]) == ("mallory@contoso.com", "203.0.113.7")
    assert shown["audit_log_object_id"] == "platform"


async def test_a_listing_that_failed_is_no_alarm() -> None:
    """Somebody tried."""
    proof = Proof()
    await proof.log(event(phase=AuditPhase.STARTED), event(phase=AuditPhase.FAILED, at=NOW + timedelta(seconds=1)))
    await proof.reconcile_after(minutes=1)

    assert proof.only(FindingKind.KEYS_LISTED).severity is Severity.LOW


async def test_what_is_done_at_midnight_is_one_thing() -> None:
    """It begins on one day and ends on the next."""
    proof = Proof()
    midnight = NOW.replace(hour=0, minute=0)
    await proof.log(event(phase=AuditPhase.STARTED, at=midnight - timedelta(seconds=1)), event(at=midnight))
    await proof.reconcile_after(minutes=1)

    assert proof.only(FindingKind.KEYS_LISTED).subject.day == midnight.date() - timedelta(days=1)


@pytest.mark.parametrize("listing_first", [True, False])
async def test_a_key_used_after_it_was_listed_names_the_listing(*, listing_first: bool) -> None:
    """Whichever of the two logs comes first."""
    proof = Proof()
    await proof.log(event(at=NOW - timedelta(minutes=20)) if listing_first else bypass_with_key())
    await proof.reconcile_after(minutes=2)
    await proof.log(bypass_with_key() if listing_first else event(at=NOW - timedelta(minutes=20)))
    await proof.reconcile_after(minutes=2)
    await proof.reconcile_after(minutes=1)

    finding = proof.only(FindingKind.LISTED_KEY_USED)
    assert finding.severity is Severity.HIGH
    assert finding.evidence[0]["listed_by"] == "mallory@contoso.com"
    assert finding.evidence[0]["caller_address"] == STRANGER


async def test_a_key_used_before_it_was_listed_does_not() -> None:
    """It was known to somebody else."""
    proof = Proof()
    await proof.log(bypass_with_key(), event(at=NOW + timedelta(minutes=1)))
    await proof.reconcile_after(minutes=3)
    await proof.reconcile_after(minutes=1)

    assert proof.found(FindingKind.LISTED_KEY_USED) == []


@pytest.mark.parametrize(
    ("kind", "changes", "found", "of"),
    [
        (AuditKind.KEY_REGENERATED, {}, FindingKind.KEYS_REGENERATED, STRANGER_ID),
        (AuditKind.ACCOUNT_WRITTEN, {"disables_local_auth": False}, FindingKind.LOCAL_AUTH_ENABLED, STRANGER_ID),
        (
            AuditKind.ROLE_ASSIGNED,
            {
                "resource_id": f"{RESOURCE}/providers/microsoft.authorization/roleassignments/1",
                "granted_to": "p1",
                "granted_role": f"{SUBSCRIPTION}/x/roleDefinitions/5E0BD9BD-7B93-4F28-AF87-19FC36AD61BD",
            },
            FindingKind.ROLE_GRANTED,
            "Cognitive Services OpenAI User to p1",
        ),
        (
            AuditKind.DEPLOYMENT_WRITTEN,
            {"resource_id": f"{RESOURCE}/deployments/chat"},
            FindingKind.DEPLOYMENT_CHANGED,
            "chat",
        ),
        (
            AuditKind.DEPLOYMENT_DELETED,
            {"resource_id": f"{RESOURCE}/deployments/chat"},
            FindingKind.DEPLOYMENT_CHANGED,
            "chat",
        ),
    ],
)
async def test_what_is_done_to_the_resource_is_found(
    kind: AuditKind, changes: dict[str, Any], found: FindingKind, of: str
) -> None:
    """Who can call, and what they call."""
    proof = Proof()
    await proof.log(event(kind, **changes))
    await proof.reconcile_after(minutes=1)

    finding = proof.only(found)
    assert (finding.subject.resource, finding.subject.of) == (RESOURCE, of)
    assert finding.evidence[0]["object_id"] == STRANGER_ID


@pytest.mark.parametrize(
    ("resource_id", "role", "is_found"),
    [
        (SUBSCRIPTION, "b24988ac-6180-42a0-ab88-20f7382dd24c", True),
        (SUBSCRIPTION, "acdd72a7-3385-48ef-bd42-f606fba81ae7", False),
        (f"{SUBSCRIPTION}/resourcegroups/rg", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", True),
        (
            f"{SUBSCRIPTION}/resourcegroups/rg/providers/microsoft.storage/storageaccounts/x",
            "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
            False,
        ),
    ],
    ids=["contributor of all", "reader of all", "owner of the group", "owner of another resource"],
)
async def test_a_role_granted_above_the_resource_is_found_if_it_reaches_in(
    resource_id: str, role: str, *, is_found: bool
) -> None:
    """Who owns the subscription can give itself every key."""
    proof = Proof()
    scope = f"{resource_id}/providers/microsoft.authorization/roleassignments/1"
    await proof.log(event(AuditKind.ROLE_ASSIGNED, resource_id=scope, granted_role=role, granted_to="p1"))
    await proof.reconcile_after(minutes=1)

    assert bool(proof.found(FindingKind.ROLE_GRANTED)) is is_found


async def test_an_account_written_with_keys_off_or_without_a_word_of_it_is_no_finding() -> None:
    """Most writes change a tag."""
    proof = Proof()
    await proof.log(
        event(AuditKind.ACCOUNT_WRITTEN),
        event(AuditKind.ACCOUNT_WRITTEN, correlation_id="e2", disables_local_auth=True),
    )
    await proof.reconcile_after(minutes=1)

    assert proof.findings.kept == {}


async def test_a_finding_that_comes_back_is_open_again() -> None:
    """Closed is what later data makes it, and it may unmake it."""
    proof = Proof()
    await proof.log(logged_call())
    await proof.reconcile_after(minutes=2)
    await proof.record(our_record())
    await proof.reconcile_after(minutes=1)
    (closed,) = proof.findings.kept.values()
    await proof.fake_ledger.withdraw(our_record())
    await proof.windows.mark([Window.of_hour(NOW)])
    await proof.reconcile_after(minutes=2)

    (finding,) = proof.findings.kept.values()
    assert (closed.state, finding.state, finding.opened) == (FindingState.CLOSED, FindingState.OPEN, 2)


@pytest.mark.parametrize("offset_ms", [-400, -1, 0, 1, 400])
async def test_the_two_sides_of_a_call_may_stand_in_two_hours(offset_ms: int) -> None:
    """Our clock and Azure's differ, and a request takes some time to arrive."""
    proof = Proof()
    ten = NOW.replace(hour=10, minute=0)
    ours = ten + timedelta(milliseconds=offset_ms)
    await proof.record(our_record(at=ours))
    await proof.log(logged_call(requested_at=ten - timedelta(milliseconds=offset_ms)), logged_usage(at=ten))
    await proof.reconcile_after(hours=3)

    hours = [each for window in proof.windows.hours.values() for each in window]
    assert sum(each.matched for each in hours) == 1
    assert (
        sum(each.our_prompt_tokens or 0 for each in hours) == sum(each.azure_prompt_tokens or 0 for each in hours) == 12
    )
    assert proof.findings.kept == {}


async def test_usage_that_is_logged_in_the_next_hour_is_that_of_its_call() -> None:
    """A call of the last minute is logged in the first."""
    proof = Proof()
    edge = NOW.replace(minute=59, second=50)
    await proof.record(our_record(at=edge))
    await proof.log(logged_call(at=edge), logged_usage(at=edge + timedelta(minutes=5), prompt=13))
    await proof.reconcile_after(hours=2)

    assert proof.hour().azure_prompt_tokens == 13
    assert proof.kinds() == [FindingKind.TOKEN_COUNTS_DIFFER]


async def test_a_long_call_that_azure_dates_by_its_end_is_matched_all_the_same() -> None:
    """A line without the request's time stands in the hour it was logged in."""
    proof = Proof()
    await proof.record(our_record(seconds=3000))
    ended_at = NOW + timedelta(seconds=3000)
    await proof.log(logged_call(requested_at=None, logged_at=ended_at + timedelta(seconds=2)))
    await proof.reconcile_after(hours=3)

    assert proof.findings.kept == {}
    assert proof.bypass_records() == []


async def test_a_second_line_in_another_hour_is_not_another_call() -> None:
    """Azure writes two lines for a call; one of them hardly says anything."""
    proof = Proof()
    await proof.log(bypass_with_key(), bypass_with_key(requested_at=None, logged_at=NOW + timedelta(hours=1)))
    await proof.reconcile_after(hours=2)

    assert len(proof.bypass_records()) == 1
    assert proof.only(FindingKind.BYPASS_WITH_KEY).occurrences == 1


async def test_the_resource_of_a_host_of_another_name_is_learnt() -> None:
    """A custom subdomain: the first match by id says which resource it is."""
    proof = Proof()
    elsewhere = RESOURCE.replace("contoso", "models-east")
    await proof.record(our_record("c1"), our_record("c2"))
    await proof.log(logged_call("a-c1", resource_id=elsewhere))
    await proof.reconcile_after(minutes=1)
    await proof.reconcile_after(minutes=40)

    assert proof.windows.known_names == {HOST: elsewhere}
    assert (proof.hour(resource=elsewhere).matched, proof.hour(resource=elsewhere).ours_only) == (1, 1)


async def test_the_resource_that_the_operator_names_comes_first() -> None:
    """Where two accounts share a name, or none has the host's."""
    proof = Proof()
    await proof.record(our_record())
    proof.pass_time(minutes=1)
    await proof.reconciler(resources={HOST: "/subscriptions/s/told"})()

    assert proof.hour(resource="/subscriptions/s/told").late == 1


async def test_a_settled_hour_is_left_alone() -> None:
    """Work is bounded by the hours that may still change."""
    proof = Proof()
    await proof.record(our_record())
    await proof.log(logged_call())
    await proof.reconcile_after(minutes=1)
    for _ in range(60):
        await proof.reconcile_after(hours=1)
    runs = proof.windows.kept[Window.of_hour(NOW)].last_run
    await proof.reconcile_after(hours=1)

    assert proof.windows.kept[Window.of_hour(NOW)].settled
    assert proof.hour().settled
    assert proof.windows.kept[Window.of_hour(NOW)].last_run == runs


async def test_an_hour_is_looked_at_ever_less_often() -> None:
    """Every minute while it lasts; and no more than some tens of times in the two days after it."""
    proof = Proof(NOW.replace(minute=0))
    for _ in range(60):
        await proof.reconcile_after(minutes=1)
    first = proof.windows.kept[Window.of_hour(NOW)].last_run
    for _ in range(48 * 12):
        await proof.reconcile_after(minutes=5)

    assert first >= 59
    assert proof.windows.kept[Window.of_hour(NOW)].last_run - first < 80


@pytest.mark.parametrize("failure", [StorageUnavailable("this row"), OverflowError("this line")])
async def test_a_window_that_fails_stops_no_other(failure: Exception) -> None:
    """One row that storage does not give, or that nobody has thought of, must not hide the rest."""
    proof = Proof()
    await proof.log(bypass_with_key(), event(), bypass_with_identity("b2", at=NOW - timedelta(hours=2)))
    proof.pass_time(minutes=2)
    failing = _Failing(proof, failure)

    with pytest.raises(type(failure)):
        await proof.reconciler(logged=failing)()  # type: ignore[arg-type]

    assert proof.kinds() == [FindingKind.BYPASS_WITH_IDENTITY, FindingKind.KEYS_LISTED]
    await proof.reconcile()
    assert FindingKind.BYPASS_WITH_KEY in proof.kinds()


class _Failing:
    def __init__(self, proof: Proof, failure: Exception) -> None:
        self._proof = proof
        self._failure = failure

    def __getattr__(self, name: str) -> object:
        return getattr(self._proof.logs, name)

    async def minutes(self, hour: datetime, metric: str) -> Sequence[MetricPoint]:
        if Window.of_hour(hour) == Window.of_hour(NOW):
            raise self._failure
        return await self._proof.logs.minutes(hour, metric)


async def test_an_hour_that_our_clock_has_not_reached_is_looked_at_when_it_is_marked() -> None:
    """Clocks jump: what was stored is looked at whatever ours says."""
    proof = Proof()
    tomorrow = NOW + timedelta(days=1)
    await proof.log(bypass_with_key(at=tomorrow))
    await proof.reconcile_after(minutes=2)

    assert proof.only(FindingKind.BYPASS_WITH_KEY).first_seen_at.date() == tomorrow.date()


async def test_a_clock_that_jumps_back_and_forth_leaves_no_other_end() -> None:
    """Findings follow from what is stored."""
    proof = Proof()
    await proof.record(our_record())
    await proof.log(logged_call(), bypass_with_key())
    for hours in (5, -9, 80, -76, 1):
        proof.clock.advance(hours * 3600)
        await proof.reconcile_after(minutes=2)

    assert proof.kinds() == [FindingKind.BYPASS_WITH_KEY]
    assert len(proof.bypass_records()) == 1


async def test_who_the_gate_is_does_not_matter_to_an_id() -> None:
    """With UPSTREAM_AUTH=caller each call comes as its caller."""
    proof = Proof()
    await proof.record(our_record("c1"), our_record("c2"))
    await proof.log(logged_call("a-c1", object_id=GATE_ID), logged_call("a-c2", object_id=STRANGER_ID))
    await proof.reconcile_after(minutes=2)

    assert proof.hour().matched == 2


async def test_hostile_lines_stop_nothing_and_come_out_harmless() -> None:
    """Names are what somebody called them, and numbers what somebody wrote."""
    proof = Proof()
    hostile = "=cmd|' /C calc'!A0\x00\u2028" + "x" * 2000
    huge = 2**63 - 1
    for number in range(3):
        await proof.log(
            bypass_with_key(
                f"b{number}",
                caller_address=hostile,
                deployment=hostile,
                model=hostile,
                log_operation=hostile,
                duration_ms=huge,
                prompt_tokens=huge,
                completion_tokens=huge,
            )
        )
    await proof.log(event(correlation_id=hostile, principal_name=hostile, object_id=hostile, caller_address=hostile))
    await proof.log(minute("GeneratedTokens", 1e300))
    await proof.reconcile_after(minutes=2)

    assert proof.only(FindingKind.BYPASS_WITH_KEY).occurrences == 3
    assert len(proof.bypass_records()) == 3
    texts = [value for finding in proof.found() for shown in finding.evidence for value in shown.values()]
    assert not any(str(value).startswith("=") or "\x00" in str(value) or len(str(value)) > 120 for value in texts)
    for finding in proof.found():
        check_entity(finding_entity(finding))
    for totals in proof.windows.hours[Window.of_hour(NOW)]:
        check_entity(totals_entity(totals))


async def test_metrics_of_an_hour_without_a_call_are_somebody_elses() -> None:
    """RequestResponse is not exported, and somebody goes round the gate: the metrics still say so."""
    proof = Proof()
    await proof.log(minute("ProcessedPromptTokens", 500), minute("GeneratedTokens", 70))
    await proof.reconcile_after(hours=49)
    await proof.reconcile_after(hours=2)

    finding = proof.only(FindingKind.TOKEN_COUNTS_DIFFER)
    assert (finding.evidence[0]["our_prompt_tokens"], finding.evidence[0]["azure_prompt_tokens"]) == (0, 500)
    assert proof.hour().azure_prompt_tokens == 500


async def test_a_bypass_that_nothing_new_is_known_of_is_not_written_again() -> None:
    """Each write would mark its hour, and so have it written again, for ever."""
    proof = Proof()
    await proof.log(
        bypass_with_key(deployment="x" * 900 + "\x00", prompt_tokens=2**63 - 1, completion_tokens=2**63 - 1)
    )
    await proof.reconcile_after(minutes=20)
    await proof.reconcile_after(minutes=1)
    await proof.reconcile_after(minutes=1)
    runs = proof.windows.kept[Window.of_hour(NOW)].last_run

    assert proof.windows.marked == {}
    assert runs <= 4
