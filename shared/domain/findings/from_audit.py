"""What a day's control-plane events show: keys given away, roles granted, deployments changed, logs switched off."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial

from shared.domain.findings.evidence import Evidence, evidence, plain_text
from shared.domain.findings.finding import FindingKind, Part, Severity, Sighting, Subject, parts_of
from shared.domain.findings.roles import reaches_models, role_name
from shared.domain.logs.entries import AuditEvent, AuditKind, AuditPhase, AuditSource
from shared.domain.logs.keys import audited_resource
from shared.domain.reconciliation.resource_names import account_of

# Between what the two logs say of one listing.
_BESIDE = timedelta(minutes=5)
# Between the beginning and the end of one operation, which may lie on two days.
MARGIN = timedelta(minutes=10)
_ACCOUNTS = "/providers/microsoft.cognitiveservices/accounts/"

_KINDS = {
    AuditKind.KEYS_LISTED: FindingKind.KEYS_LISTED,
    AuditKind.KEY_REGENERATED: FindingKind.KEYS_REGENERATED,
    AuditKind.ROLE_ASSIGNED: FindingKind.ROLE_GRANTED,
    AuditKind.ACCOUNT_WRITTEN: FindingKind.LOCAL_AUTH_ENABLED,
    AuditKind.DEPLOYMENT_WRITTEN: FindingKind.DEPLOYMENT_CHANGED,
    AuditKind.DEPLOYMENT_DELETED: FindingKind.DEPLOYMENT_CHANGED,
    AuditKind.DIAGNOSTICS_DELETED: FindingKind.DIAGNOSTICS_SILENT,
}
# The kinds of events that may show something.
TELLING_KINDS = frozenset(_KINDS)
_KEY_KINDS = frozenset({AuditKind.KEYS_LISTED, AuditKind.KEY_REGENERATED})

_SEVERITIES = {
    FindingKind.KEYS_LISTED: Severity.HIGH,
    FindingKind.KEYS_REGENERATED: Severity.MEDIUM,
    FindingKind.ROLE_GRANTED: Severity.MEDIUM,
    FindingKind.LOCAL_AUTH_ENABLED: Severity.HIGH,
    FindingKind.DEPLOYMENT_CHANGED: Severity.INFO,
    FindingKind.DIAGNOSTICS_SILENT: Severity.HIGH,
}


@dataclass(frozen=True, slots=True)
class _Deed:
    """One thing that was done: the event that tells most of it, and whether it failed."""

    event: AuditEvent
    began_at: datetime
    granted_to: str | None
    granted_role: str | None
    failed: bool
    beside: AuditEvent | None = None  # what the resource's own log says of it


def findings_of_events(day: date, events: Iterable[AuditEvent]) -> Mapping[Subject, Part]:
    """
    Return what a day's events show. Neither their order matters, nor how often each is there.

    What is done about midnight is of the day it began on: with the day's events go those `MARGIN` before and after.
    """
    telling = [event for event in set_of(events) if event.kind in TELLING_KINDS]
    found = ((_subject(day, deed), deed) for deed in _deeds(telling) if deed.began_at.date() == day)
    return parts_of((subject, _sighting(subject, deed)) for subject, deed in found)


def set_of(events: Iterable[AuditEvent]) -> list[AuditEvent]:
    """Return events in their order, each once."""
    by_text = {repr(event): event for event in events}
    return [event for _, event in sorted(by_text.items(), key=lambda each: (each[1].occurred_at, each[0]))]


def _deeds(events: Sequence[AuditEvent]) -> Iterator[_Deed]:
    operations = defaultdict[tuple[str, str, str], list[AuditEvent]](list)
    audited = defaultdict[tuple[str, AuditKind], list[AuditEvent]](list)
    for number, event in enumerate(events):
        if event.source is AuditSource.AUDIT_LOG:
            audited[audited_resource(event.resource_id), event.kind].append(event)
        else:
            # One that shares its id with no other is an operation of its own.
            operations[event.resource_id, event.kind, event.correlation_id or str(number)].append(event)
    for operation in operations.values():
        deed = _of_operation(operation)
        if deed is not None:
            yield _with_audit(deed, audited)
    for alone in audited.values():
        yield from (_Deed(event, event.occurred_at, None, None, failed=False) for event in alone)


def _of_operation(events: Sequence[AuditEvent]) -> _Deed | None:
    """Return what one operation did, from the events of its beginning and its end; None where it is of no matter."""
    phases = {event.phase for event in events}
    failed = AuditPhase.FAILED in phases and AuditPhase.SUCCEEDED not in phases
    granted_role = next((event.granted_role for event in events if event.granted_role), None)
    # The end says that it was done; who did it, both say.
    event = max(events, key=lambda each: (each.object_id is not None, each.phase is AuditPhase.SUCCEEDED))
    if event.kind is AuditKind.ACCOUNT_WRITTEN and not any(each.disables_local_auth is False for each in events):
        return None
    if event.kind is AuditKind.DIAGNOSTICS_DELETED and _ACCOUNTS not in event.resource_id:
        return None
    if event.kind is AuditKind.ROLE_ASSIGNED and not reaches_models(event.resource_id, granted_role):
        return None
    granted_to = next((each.granted_to for each in events if each.granted_to), None)
    return _Deed(event, events[0].occurred_at, granted_to, granted_role, failed=failed)


def _with_audit(deed: _Deed, audited: dict[tuple[str, AuditKind], list[AuditEvent]]) -> _Deed:
    """Return a deed with what the resource's own log says of it, which is then taken."""
    event = deed.event
    beside = audited.get((audited_resource(event.resource_id), event.kind), [])
    place = bisect_left(beside, event.occurred_at - _BESIDE, key=lambda each: each.occurred_at)
    if deed.failed or event.kind not in _KEY_KINDS or place == len(beside):
        return deed
    if beside[place].occurred_at > event.occurred_at + _BESIDE:
        return deed
    return replace(deed, beside=beside.pop(place))


def _subject(day: date, deed: _Deed) -> Subject:
    event = deed.event
    kind = _KINDS[event.kind]
    return Subject(
        kind=kind,
        day=day,
        resource=audited_resource(event.resource_id),
        of=_of(kind, deed),
        object_id=event.object_id.lower() if event.object_id else None,
    )


def _of(kind: FindingKind, deed: _Deed) -> str:
    event = deed.event
    match kind:
        case FindingKind.DEPLOYMENT_CHANGED:
            return account_of(event.resource_id)
        case FindingKind.ROLE_GRANTED:
            return f"{role_name(deed.granted_role)} to {plain_text(deed.granted_to or 'somebody unknown')}"
        case FindingKind.DIAGNOSTICS_SILENT:
            return f"the diagnostic setting {plain_text(account_of(event.resource_id))} was deleted"
        case _:
            return _who(event)


def _who(event: AuditEvent) -> str:
    if event.source is AuditSource.AUDIT_LOG:
        # Whose object id that log has, the caller's or the platform's, is not documented.
        return "somebody whom no Activity Log names"
    return (event.object_id or event.principal_name or event.app_id or "somebody unknown").lower()


def _sighting(subject: Subject, deed: _Deed) -> Sighting:
    event = deed.event
    severity = Severity.LOW if deed.failed else _SEVERITIES[subject.kind]
    return Sighting(event.occurred_at, event.correlation_id or event.operation, severity, partial(_shown, deed))


def _shown(deed: _Deed) -> Evidence:
    event, beside = deed.event, deed.beside
    return evidence(
        at=event.occurred_at,
        operation=event.operation,
        result="failed" if deed.failed else event.phase.value,
        principal_name=event.principal_name,
        object_id=event.object_id,
        app_id=event.app_id,
        caller_address=event.caller_address,
        role=event.role,
        granted_role=role_name(deed.granted_role) if deed.granted_role else None,
        granted_to=deed.granted_to,
        correlation_id=event.correlation_id,
        source=event.source.value,
        audit_log_at=beside.occurred_at if beside else None,
        audit_log_object_id=beside.object_id if beside else None,
    )
