"""A finding: what it is about, what shows it, and what has become of it.

What shows it comes in parts, one from each hour (or from the day's control-plane events). A part is replaced
as a whole by whoever looks at that hour again, so that it does not matter in which order hours are looked at, nor
how often. Where no part is left, later data has explained it and it is closed; where one comes back, it is open again.
"""

from __future__ import annotations

import hashlib
import re
from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from shared.domain.findings.evidence import MAX_PER_PLACE, Evidence
from shared.domain.table_entity import storable_text

# What `Subject.id` makes; anything else is nobody's.
_ID = re.compile(r"\d{8}-[a-z_]+-[0-9a-f]{16}", re.ASCII)


def is_finding_id(text: str) -> bool:
    """Return whether a text from outside has the form of an id: such a one can stand in a key."""
    return _ID.fullmatch(text) is not None


class FindingKind(StrEnum):
    """What does not add up."""

    BYPASS_WITH_IDENTITY = "bypass_with_identity"
    BYPASS_WITH_KEY = "bypass_with_key"
    RECORD_WITHOUT_SERVICE_CALL = "record_without_service_call"
    TOKEN_COUNTS_DIFFER = "token_counts_differ"  # noqa: S105 - tokens that are counted
    KEYS_LISTED = "keys_listed"
    KEYS_REGENERATED = "keys_regenerated"
    LISTED_KEY_USED = "listed_key_used"
    DIAGNOSTICS_SILENT = "diagnostics_silent"
    LOCAL_AUTH_ENABLED = "local_auth_enabled"
    ROLE_GRANTED = "role_granted"
    DEPLOYMENT_CHANGED = "deployment_changed"


class Severity(StrEnum):
    """How soon somebody should look."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"


class FindingState(StrEnum):
    """What has become of it."""

    OPEN = "open"
    ACCEPTED = "accepted"  # somebody has said why it is all right
    CLOSED = "closed"  # later data has explained it


_BY_SEVERITY = list(Severity)
_ID_HASH_LENGTH = 16
# Of a resource id, as logs are read.
_MAX_NAME_LENGTH = 1024
EXPLAINED = "later data explains it"
# After each failed attempt twice as long, up to the last; from the first to the last attempt, the third.
_FIRST_PAUSE, _LONGEST_PAUSE, _PATIENCE = timedelta(minutes=1), timedelta(hours=1), timedelta(days=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """
    What a finding is about, so that the same is found again under the same id: a kind, a day, a resource and one more.

    `of` tells it from others of that resource and day, as a principal or a deployment; `object_id` is the principal's
    that it is about, where it is about one.
    """

    kind: FindingKind
    day: date
    resource: str
    of: str = ""
    object_id: str | None = None

    def __post_init__(self) -> None:
        # As a table keeps them, so that what is read again is the same.
        object.__setattr__(self, "resource", storable_text(self.resource, _MAX_NAME_LENGTH))
        object.__setattr__(self, "of", storable_text(self.of))

    @property
    def id(self) -> str:
        """The finding's id: it can stand in a path and in a key, and begins with the day."""
        text = f"{self.resource}\n{self.of}".encode("utf-8", "surrogatepass")
        return f"{self.day:%Y%m%d}-{self.kind}-{hashlib.sha256(text).hexdigest()[:_ID_HASH_LENGTH]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one hour, or the day's events, show of a finding. Of the evidence the first few are kept."""

    occurrences: int
    first_at: datetime
    last_at: datetime
    severity: Severity
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Sighting:
    """One thing that shows a finding. `key` tells it from others of that time; `show` returns the evidence."""

    at: datetime
    key: str
    severity: Severity
    show: Callable[[], Evidence]


class PartFold:
    """Folds sightings into a part: there may be many, of which a few are shown. Their order does not matter."""

    __slots__ = ("_count", "_first", "_gravest", "_last")

    def __init__(self) -> None:
        self._count = 0
        self._first: list[Sighting] = []
        self._last: datetime | None = None
        self._gravest = Severity.INFO

    def add(self, sighting: Sighting) -> None:
        """Count one more."""
        self._count += 1
        self._last = max(sighting.at, self._last or sighting.at)
        self._gravest = _gravest((self._gravest, sighting.severity))
        insort(self._first, sighting, key=lambda each: (each.at, each.key))
        del self._first[MAX_PER_PLACE:]

    def part(self) -> Part:
        """Return what they come to. There is one at least."""
        first_at = self._first[0].at
        return Part(
            occurrences=self._count,
            first_at=first_at,
            last_at=self._last or first_at,
            severity=self._gravest,
            evidence=tuple(each.show() for each in self._first),
        )


def parts_of(found: Iterable[tuple[Subject, Sighting]]) -> Mapping[Subject, Part]:
    """Return what there is to find, by what it is about."""
    folds = defaultdict[Subject, PartFold](PartFold)
    for subject, sighting in found:
        folds[subject].add(sighting)
    return {subject: fold.part() for subject, fold in folds.items()}


def _gravest(severities: Iterable[Severity]) -> Severity:
    return min(severities, key=_BY_SEVERITY.index)


@dataclass(frozen=True, slots=True)
class Announcement:
    """That somebody has still to be told that a finding is open: the how manyth time it is, and when to try next."""

    number: int
    since: datetime
    attempts: int = 0
    due_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Return whether to try now."""
        return self.due_at is None or self.due_at <= now

    def failed(self, now: datetime) -> Announcement | None:
        """Return it after an attempt that failed; None where it was the last."""
        if now - self.since >= _PATIENCE:
            return None
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(self.attempts, 10))
        return replace(self, attempts=self.attempts + 1, due_at=now + pause)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    What does not add up, and what has become of it. `version` is the row's, empty where there is none yet.

    `opened` counts how often it was opened; `first_seen_at`, `last_seen_at` and `severity` stay when parts go.
    """

    subject: Subject
    severity: Severity
    state: FindingState
    first_seen_at: datetime
    last_seen_at: datetime
    parts: Mapping[str, Part] = field(default_factory=dict)
    opened: int = 1
    accepted_by: str | None = None
    accepted_at: datetime | None = None
    reason: str | None = None
    closed_at: datetime | None = None
    closed_because: str | None = None
    announcement: Announcement | None = None
    version: str = ""

    @property
    def id(self) -> str:
        """See Subject."""
        return self.subject.id

    @property
    def occurrences(self) -> int:
        """How often it was seen, later data counted."""
        return sum(part.occurrences for part in self.parts.values())

    @property
    def evidence(self) -> list[Evidence]:
        """What shows it, oldest first: some of each hour."""
        return [each for place in sorted(self.parts) for each in self.parts[place].evidence]

    def accepted(self, *, by: str, reason: str, at: datetime) -> Finding:
        """Return it as somebody has accepted it."""
        return replace(
            self, state=FindingState.ACCEPTED, accepted_by=by, accepted_at=at, reason=reason, announcement=None
        )

    def no_longer_accepted(self) -> Finding:
        """Return it as it was before somebody accepted it. Nobody needs to be told: somebody has just done it."""
        return replace(self, state=FindingState.OPEN, accepted_by=None, accepted_at=None, reason=None)


def with_part(
    finding: Finding | None, subject: Subject, place: str, part: Part | None, now: datetime
) -> Finding | None:
    """Return a finding when a place has been looked at, and shows this of it; None where there is none, nor was one."""
    if finding is None:
        return _opened(subject, place, part, now) if part else None
    parts = {other: kept for other, kept in finding.parts.items() if other != place}
    if part:
        parts[place] = part
    if parts == finding.parts:
        return finding
    return _settled(_summed_up(finding, parts, part), now)


def _opened(subject: Subject, place: str, part: Part, now: datetime) -> Finding:
    return Finding(
        subject=subject,
        severity=part.severity,
        state=FindingState.OPEN,
        first_seen_at=part.first_at,
        last_seen_at=part.last_at,
        parts={place: part},
        announcement=Announcement(1, now),
    )


def _summed_up(finding: Finding, parts: Mapping[str, Part], part: Part | None) -> Finding:
    seen = [part] if part else []
    return replace(
        finding,
        parts=parts,
        severity=_gravest([finding.severity, *(each.severity for each in seen)]),
        first_seen_at=min([finding.first_seen_at, *(each.first_at for each in seen)]),
        last_seen_at=max([finding.last_seen_at, *(each.last_at for each in seen)]),
    )


def _settled(finding: Finding, now: datetime) -> Finding:
    """Return a finding, whose parts have changed, in the state that they make it."""
    if not finding.parts:
        # Nobody needs to be told of what is explained by now.
        return replace(finding, state=FindingState.CLOSED, closed_at=now, closed_because=EXPLAINED, announcement=None)
    if finding.state is not FindingState.CLOSED:
        return finding
    opened = finding.opened + 1
    return replace(
        finding,
        state=FindingState.ACCEPTED if finding.accepted_at else FindingState.OPEN,
        opened=opened,
        closed_at=None,
        closed_because=None,
        announcement=None if finding.accepted_at else Announcement(opened, now),
    )
