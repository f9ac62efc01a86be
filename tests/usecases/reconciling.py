"""A ledger, Azure's logs and all that holds the one against the other, in memory: what tests of reconciliation need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.domain.findings.finding import Finding, FindingKind, FindingState
from shared.domain.logs.entries import (
    AuditEvent,
    AuditKind,
    AuditPhase,
    AuditSource,
    CallUsage,
    LogEntry,
    MetricPoint,
    ServiceCall,
)
from shared.domain.reconciliation.totals import HourTotals
from shared.domain.reconciliation.windows import Window
from shared.domain.usage_record import Origin, Outcome, TokenUsage, UsageRecord, UsageSource
from shared.ports.reconciliation import Findings, LoggedCalls, Windows
from shared.ports.usage_ledger import UsageLedger
from shared.ports.usage_records import UsageRecords
from shared.usecases.keep_findings import KeepFindings
from shared.usecases.mark_windows import MarkLateRecords, MarkLoggedWindows
from shared.usecases.reconcile_hour import HourSources, KnownOfAzure, ReconcileHour
from shared.usecases.reconcile_usage import ReconcileUsage
from shared.usecases.review_control_plane import ReviewControlPlane
from tests.adapters.records import record
from tests.fakes import FakeClock, FakeOpenCalls, FakeUsageLedger, FakeUsageRecords
from tests.fakes_reconciliation import FakeFindings, FakeLogs, FakeWindows

# On a Monday; calls are begun about now.
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
HOST = "contoso.openai.azure.com"
SUBSCRIPTION = "/subscriptions/0a000000-0000-4000-8000-000000000001"
RESOURCE = f"{SUBSCRIPTION}/resourcegroups/rg/providers/microsoft.cognitiveservices/accounts/contoso"
GATE = "203.0.113.***"
STRANGER = "198.51.100.***"
GATE_ID = "0b000000-0000-4000-8000-00000000000b"
STRANGER_ID = "0c000000-0000-4000-8000-00000000000c"


def our_record(
    call_id: str = "c1",
    *,
    at: datetime = NOW,
    correlation_id: str | None = None,
    prompt: int = 12,
    completion: int = 30,
    seconds: float = 1.5,
    **changes: Any,
) -> UsageRecord:
    """Return the record of a call that was answered; its correlation id is `a-{call_id}` unless another is given."""
    plain = record(call_id, begun_at=at)
    call = replace(plain.call, request_bytes=2048, streamed=False)
    return replace(
        plain,
        call=call,
        ended_at=at + timedelta(seconds=seconds),
        usage=TokenUsage(
            prompt_tokens=prompt,
            completion_tokens=completion,
            total_tokens=prompt + completion,
            source=UsageSource.REPORTED,
        ),
        apim_request_id=f"a-{call_id}" if correlation_id is None else correlation_id,
        **changes,
    )


def cut_record(call_id: str = "c1", *, at: datetime = NOW, **changes: Any) -> UsageRecord:
    """Return the record of a call whose answer's headers never came."""
    unknown = TokenUsage(source=UsageSource.UNAVAILABLE)
    plain = replace(
        our_record(call_id, at=at), apim_request_id=None, status=None, outcome=Outcome.CUT_BY_CALLER, usage=unknown
    )
    return replace(plain, **changes)


def logged_call(correlation_id: str = "a-c1", *, at: datetime = NOW, **changes: Any) -> ServiceCall:
    """Return the same call as Azure logged it, through the gate."""
    fields: dict[str, Any] = {
        "resource_id": RESOURCE,
        "correlation_id": correlation_id,
        "logged_at": at + timedelta(seconds=2),
        "requested_at": at + timedelta(milliseconds=20),
        "duration_ms": 1400,
        "status": 200,
        "log_operation": "ChatCompletions_Create",
        "api_name": "Azure OpenAI API version 2024-10-21",
        "streamed": False,
        "deployment": "gpt-4o",
        "model": "gpt-4o",
        "model_version": "2024-11-20",
        "object_id": GATE_ID,
        "caller_address": GATE,
        "region": "swedencentral",
        "request_bytes": 2048,
        "response_bytes": 512,
    }
    return ServiceCall(**(fields | changes))


def bypass_with_key(correlation_id: str = "b1", **changes: Any) -> ServiceCall:
    """Return a call with a key, from elsewhere, that went round the gate."""
    return logged_call(correlation_id, **({"object_id": None, "caller_address": STRANGER} | changes))


def bypass_with_identity(correlation_id: str = "b1", **changes: Any) -> ServiceCall:
    """Return a call of somebody with a role, that went round the gate."""
    return logged_call(correlation_id, **({"object_id": STRANGER_ID, "caller_address": STRANGER} | changes))


def logged_usage(
    correlation_id: str = "a-c1",
    *,
    at: datetime = NOW,
    prompt: int = 12,
    completion: int = 30,
    cached: int | None = None,
) -> CallUsage:
    """Return what the call used as Azure logged it."""
    return CallUsage(
        resource_id=RESOURCE,
        correlation_id=correlation_id,
        logged_at=at + timedelta(seconds=3),
        deployment="gpt-4o",
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=cached,
    )


def event(kind: AuditKind = AuditKind.KEYS_LISTED, *, at: datetime = NOW, **changes: Any) -> AuditEvent:
    """Return something done to the resource, as the Activity Log has it."""
    fields: dict[str, Any] = {
        "source": AuditSource.ACTIVITY_LOG,
        "kind": kind,
        "phase": AuditPhase.SUCCEEDED,
        "resource_id": RESOURCE,
        "occurred_at": at,
        "operation": "microsoft.cognitiveservices/accounts/listkeys/action",
        "correlation_id": "e1",
        "caller_address": "203.0.113.7",
        "tenant_id": "t1",
        "object_id": STRANGER_ID,
        "principal_name": "mallory@contoso.com",
        "role": "Owner",
    }
    return AuditEvent(**(fields | changes))


def minute(metric: str, total: float, *, at: datetime = NOW) -> MetricPoint:
    """Return a minute of a metric of the resource."""
    return MetricPoint(resource_id=RESOURCE, occurred_at=at, metric=metric, grain="PT1M", total=total)


class Proof:
    """All of it. `pass_time` moves every clock; `reconcile` is what the timer runs."""

    def __init__(self, now: datetime = NOW) -> None:
        self.clock = FakeClock(now)
        self.fake_ledger = FakeUsageLedger()
        self.windows = FakeWindows()
        self.findings = FakeFindings()
        self.logs = FakeLogs(now)
        self.ledger: UsageLedger = MarkLateRecords(self.fake_ledger, self.windows, self.clock)
        self.store = MarkLoggedWindows(self.logs, self.windows)
        self.records = FakeUsageRecords(self.fake_ledger)
        self.open_calls = FakeOpenCalls(self.fake_ledger, now=now)

    def reconciler(
        self,
        *,
        windows: Windows | None = None,
        findings: Findings | None = None,
        logged: LoggedCalls | None = None,
        ledger: UsageLedger | None = None,
        records: UsageRecords | None = None,
        tenant_id: str | None = None,
        resources: dict[str, str] | None = None,
    ) -> ReconcileUsage:
        """Return a reconciler of its own, over other ports where they are given."""
        windows, findings, logged = windows or self.windows, findings or self.findings, logged or self.logs
        keep = KeepFindings(findings, self.clock)
        return ReconcileUsage(
            windows=windows,
            open_calls=self.open_calls,
            reconcile_hour=ReconcileHour(
                sources=HourSources(records=records or self.records, logged=logged, open_calls=self.open_calls),
                windows=windows,
                ledger=ledger or self.ledger,
                keep=keep,
                known=KnownOfAzure(resources=resources or {}, tenant_id=tenant_id),
            ),
            review=ReviewControlPlane(logged=logged, windows=windows, findings=findings, keep=keep),
            clock=self.clock,
        )

    async def record(self, *records: UsageRecord) -> None:
        for each in records:
            await self.ledger.end(each)

    async def log(self, *entries: LogEntry) -> None:
        await self.store.put(entries)

    def pass_time(self, **duration: float) -> None:
        seconds = timedelta(**duration).total_seconds()
        self.clock.advance(seconds)
        self.open_calls.now = self.logs.arrived_at = self.clock.now()

    async def reconcile(self) -> None:
        await self.reconciler()()

    async def reconcile_after(self, **duration: float) -> None:
        self.pass_time(**duration)
        await self.reconcile()

    def found(self, kind: FindingKind | None = None) -> list[Finding]:
        """Return the findings that are open, by id."""
        return [
            finding
            for _, finding in sorted(self.findings.kept.items())
            if finding.state is FindingState.OPEN and kind in {None, finding.subject.kind}
        ]

    def kinds(self) -> list[FindingKind]:
        return [finding.subject.kind for finding in self.found()]

    def only(self, kind: FindingKind) -> Finding:
        (finding,) = self.found(kind)
        return finding

    def hour(self, at: datetime = NOW, resource: str = RESOURCE) -> HourTotals:
        (totals,) = [each for each in self.windows.hours[Window.of_hour(at)] if each.resource == resource]
        return totals

    def bypass_records(self) -> Sequence[UsageRecord]:
        return [each for each in self.fake_ledger.records.values() if each.origin is Origin.AZURE_LOGS]
