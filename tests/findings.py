"""Findings for tests."""

from __future__ import annotations

from datetime import date

from shared.domain.findings.evidence import Evidence, evidence
from shared.domain.findings.finding import Finding, FindingKind, FindingState, Part, Severity, Subject
from tests.adapters.records import BEGUN_AT

_DAY = BEGUN_AT.date()


def finding(
    *shown: Evidence,
    kind: FindingKind = FindingKind.TOKEN_COUNTS_DIFFER,
    day: date = _DAY,
    object_id: str | None = None,
    of: str = "gpt-4o",
) -> Finding:
    """Return one that is open, and shown by one hour."""
    parts = {"09": Part(occurrences=2, first_at=BEGUN_AT, last_at=BEGUN_AT, severity=Severity.HIGH, evidence=shown)}
    return Finding(
        subject=Subject(kind=kind, day=day, resource="contoso", of=of, object_id=object_id),
        severity=Severity.HIGH,
        state=FindingState.OPEN,
        first_seen_at=BEGUN_AT,
        last_seen_at=BEGUN_AT,
        parts=parts,
    )


def about_call(call_id: str) -> Evidence:
    """Return evidence that names a call."""
    return evidence(call_id=call_id)
