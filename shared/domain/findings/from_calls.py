"""What an hour's calls show that does not add up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial

from shared.domain.findings.evidence import Evidence, evidence
from shared.domain.findings.finding import FindingKind, Part, Severity, Sighting, Subject, parts_of
from shared.domain.logs.entries import AuditEvent
from shared.domain.reconciliation.bypass_record import is_refused
from shared.domain.reconciliation.calls import AzureCall, OurCall, Tokens
from shared.domain.reconciliation.judging import Judged, MetricGap
from shared.domain.reconciliation.matching import Pair
from shared.domain.reconciliation.resource_names import ResourceNames

_Found = tuple[Subject, Sighting]


def findings_of_calls(
    judged: Judged, names: ResourceNames, listings: Mapping[str, Sequence[AuditEvent]]
) -> Mapping[Subject, Part]:
    """Return what an hour shows; `listings` are the events before its end that gave away a resource's keys."""
    return parts_of(_found(judged, names, listings))


def _found(judged: Judged, names: ResourceNames, listings: Mapping[str, Sequence[AuditEvent]]) -> Iterator[_Found]:
    for bypass in judged.bypasses:
        yield _bypass(judged, bypass)
        if not bypass.call.object_id and (listing := _last_before(bypass, listings)):
            yield _listed_key(judged, bypass, listing)
    for call in judged.missing_lines:
        yield _missing_line(judged, call, names)
    for pair in judged.pairs:
        if _differs(pair):
            yield _difference(judged, pair)
    for gap in judged.metric_gaps:
        yield _metric_difference(judged, gap)


def _bypass(judged: Judged, bypass: AzureCall) -> _Found:
    call = bypass.call
    # Azure refused it, or it used no model: somebody has been there, and had nothing of it.
    severity = Severity.LOW if is_refused(bypass) or not call.deployment else Severity.HIGH
    sighting = Sighting(bypass.began_at, call.correlation_id, severity, partial(_logged, bypass))
    day, resource = judged.window.day, call.resource_id
    if not call.object_id:
        of = call.caller_address or "an address that is not known"
        return Subject(kind=FindingKind.BYPASS_WITH_KEY, day=day, resource=resource, of=of), sighting
    object_id = call.object_id.lower()
    kind = FindingKind.BYPASS_WITH_IDENTITY
    return Subject(kind=kind, day=day, resource=resource, of=object_id, object_id=object_id), sighting


def _logged(azures: AzureCall) -> Evidence:
    call, tokens = azures.call, azures.tokens or Tokens()
    return evidence(
        at=azures.began_at,
        correlation_id=call.correlation_id,
        log_operation=call.log_operation,
        deployment=call.deployment,
        model=call.model,
        status=call.status,
        object_id=call.object_id,
        caller_address=call.caller_address,
        prompt_tokens=tokens.prompt,
        completion_tokens=tokens.completion,
        logged_at=call.logged_at,
        arrived_at=azures.arrived_at,
    )


def _last_before(bypass: AzureCall, listings: Mapping[str, Sequence[AuditEvent]]) -> AuditEvent | None:
    before = [each for each in listings.get(bypass.call.resource_id, ()) if each.occurred_at <= bypass.began_at]
    # Of the two logs that tell of a listing, the one that says who.
    return max(before, key=lambda each: (each.object_id is not None, each.occurred_at), default=None)


def _listed_key(judged: Judged, bypass: AzureCall, listing: AuditEvent) -> _Found:
    call = bypass.call
    subject = Subject(
        kind=FindingKind.LISTED_KEY_USED,
        day=judged.window.day,
        resource=call.resource_id,
        of=call.caller_address or "an address that is not known",
    )
    severity = Severity.LOW if is_refused(bypass) else Severity.HIGH
    return subject, Sighting(bypass.began_at, call.correlation_id, severity, partial(_listed, bypass, listing))


def _listed(bypass: AzureCall, listing: AuditEvent) -> Evidence:
    call = bypass.call
    return evidence(
        at=bypass.began_at,
        correlation_id=call.correlation_id,
        log_operation=call.log_operation,
        deployment=call.deployment,
        status=call.status,
        caller_address=call.caller_address,
        listed_at=listing.occurred_at,
        listed_by=listing.principal_name or listing.object_id or listing.app_id,
        listed_by_object_id=listing.object_id,
        listed_from=listing.caller_address,
        listed_in=listing.source.value,
    )


def _missing_line(judged: Judged, call: OurCall, names: ResourceNames) -> _Found:
    resource = names.resource_of(call.resource) or call.resource
    is_silent = resource not in judged.heard_of
    subject = Subject(
        kind=FindingKind.DIAGNOSTICS_SILENT if is_silent else FindingKind.RECORD_WITHOUT_SERVICE_CALL,
        day=judged.window.day,
        resource=resource,
        of="no line of RequestResponse has come" if is_silent else call.operation,
    )
    severity = Severity.HIGH if is_silent else Severity.LOW
    return subject, Sighting(call.begun_at, call.call_id, severity, partial(_recorded, call))


def _recorded(call: OurCall) -> Evidence:
    return evidence(
        at=call.begun_at,
        call_id=call.call_id,
        correlation_id=call.correlation_id,
        operation=call.operation,
        deployment=call.deployment,
        object_id=call.object_id,
        prompt_tokens=call.tokens.prompt,
        completion_tokens=call.tokens.completion,
    )


def _differs(pair: Pair) -> bool:
    """Return whether Azure's log counts other tokens than Azure reported; of our own estimates that says nothing."""
    ours, azures = pair.ours, pair.azures.tokens
    if azures is None or not ours.is_exact:
        return False
    return any(
        one is not None and other is not None and one != other
        for one, other in (
            (ours.tokens.prompt, azures.prompt),
            (ours.tokens.completion, azures.completion),
            (ours.tokens.cached, azures.cached),
        )
    )


def _difference(judged: Judged, pair: Pair) -> _Found:
    ours = pair.ours
    subject = Subject(
        kind=FindingKind.TOKEN_COUNTS_DIFFER,
        day=judged.window.day,
        resource=pair.azures.call.resource_id,
        of=ours.deployment or "no deployment",
    )
    # Of models that reason, Azure's log has been seen to count the answer in another way.
    severity = Severity.LOW if ours.reasons else Severity.MEDIUM
    return subject, Sighting(ours.begun_at, ours.call_id, severity, partial(_both_counts, pair))


def _both_counts(pair: Pair) -> Evidence:
    ours, azures = pair.ours, pair.azures.tokens or Tokens()
    return evidence(
        at=ours.begun_at,
        call_id=ours.call_id,
        correlation_id=pair.azures.correlation_id,
        operation=ours.operation,
        our_prompt_tokens=ours.tokens.prompt,
        azure_prompt_tokens=azures.prompt,
        our_completion_tokens=ours.tokens.completion,
        azure_completion_tokens=azures.completion,
        our_cached_tokens=ours.tokens.cached,
        azure_cached_tokens=azures.cached,
    )


def _metric_difference(judged: Judged, gap: MetricGap) -> _Found:
    subject = Subject(
        kind=FindingKind.TOKEN_COUNTS_DIFFER,
        day=judged.window.day,
        resource=gap.resource,
        of="all deployments, by its metrics",
    )
    at = judged.window.begins_at
    return subject, Sighting(at, gap.resource, Severity.MEDIUM, partial(_hour_counts, at, gap))


def _hour_counts(hour: datetime, gap: MetricGap) -> Evidence:
    return evidence(
        at=hour,
        our_prompt_tokens=gap.ours.prompt,
        azure_prompt_tokens=gap.azures.prompt,
        our_completion_tokens=gap.ours.completion,
        azure_completion_tokens=gap.azures.completion,
    )


def listings_until(events: Iterable[AuditEvent], until: datetime) -> Mapping[str, Sequence[AuditEvent]]:
    """Return, by resource, the listings of keys up to a time."""
    by_resource = defaultdict[str, list[AuditEvent]](list)
    for event in events:
        if event.occurred_at <= until:
            by_resource[event.resource_id].append(event)
    return by_resource
