"""One call's story: what we recorded, what Azure logged, and what does not add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec.structs import asdict

from shared.domain.findings.finding import Finding
from shared.domain.logs.blob_name import LATENESS
from shared.domain.logs.entries import CallUsage, ServiceCall
from shared.domain.usage_record import Outcome, UsageRecord

# They never reached Azure, so it logs none of them.
NOT_SENT = frozenset({Outcome.REFUSED_BY_US, Outcome.UPSTREAM_UNREACHABLE})


class Match(StrEnum):
    """How a record found its call in Azure's log."""

    ID = "id"  # Azure's own id for it
    LIKENESS = "likeness"  # time, deployment and counts: the answer brought no id
    NONE = "none"  # Azure logged none, and will not
    LATE = "late"  # none so far; Azure may still log it


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedCall:
    """A call as Azure logged it: the call, the tokens it used, or both."""

    call: ServiceCall | None = None
    usage: CallUsage | None = None
    match: Match = Match.ID

    def columns(self) -> dict[str, Any]:
        """Return what either line says, by column; where both say it, what the call's does."""
        merged = asdict(self.usage) if self.usage else {}
        for name, value in (asdict(self.call) if self.call else {}).items():
            if value is not None or name not in merged:
                merged[name] = value
        return merged


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStory:
    """One call's story. `findings` are those that name it, as far as the asker may know."""

    record: UsageRecord
    logged: LoggedCall | None
    findings: Sequence[Finding]
    match: Match


def match_of(record: UsageRecord, logged: LoggedCall | None, now: datetime) -> Match:
    """Return how a record found its call, and where it did not, whether it still may."""
    if logged is not None:
        return logged.match
    is_late = record.outcome not in NOT_SENT and now - record.ended_at < LATENESS
    return Match.LATE if is_late else Match.NONE


def names_call(finding: Finding, record: UsageRecord) -> bool:
    """Return whether a call is among what shows a finding: by our id, or by Azure's."""
    correlation_id = (record.apim_request_id or "").lower()
    return any(
        shown.get("call_id") == record.call.call_id
        or (correlation_id and shown.get("correlation_id") == correlation_id)
        for shown in finding.evidence
    )
