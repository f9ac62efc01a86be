"""Findings in the table `findings`: a day's in one partition, each under its id.

What shows a finding is a column of JSON for each hour, or for the day's control-plane events: `part_09`, `part_day`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from azure.data.tables.aio import TableClient

from shared.adapters.table_conditional_rows import ConditionalRows, cell, version_of
from shared.domain.findings.finding import (
    Announcement,
    Finding,
    FindingKind,
    FindingState,
    Part,
    Severity,
    Subject,
)
from shared.domain.findings.texts import summary, title
from shared.domain.table_entity import Int64, TableEntity, Value, storable_text

logger = logging.getLogger(__name__)

TABLE = "findings"

_PART = "part_"
_MAX_REASON_LENGTH = 1000
_DAY_FORM = "%Y%m%d"


class _PartText(msgspec.Struct, frozen=True):
    """A part as its column has it."""

    occurrences: int
    first_at: datetime
    last_at: datetime
    severity: Severity
    evidence: tuple[dict[str, str | int], ...]


_PARTS = msgspec.json.Decoder(_PartText)


class TableFindings:
    """Fulfils Findings. The client is the bootstrap's, to open and to close."""

    def __init__(self, table: TableClient) -> None:
        self._rows = ConditionalRows(table)

    async def of_day(self, day: date) -> Sequence[Finding]:
        """Return a day's findings. Raises StorageError."""
        pages = self._rows.pages("PartitionKey eq @day", {"day": _day(day)})
        return [finding async for rows in pages for row in rows for finding in _findings(row)]

    async def get(self, finding_id: str) -> Finding | None:
        """Return a finding. Raises StorageError."""
        row = await self._rows.get(finding_id[: len("20261123")], finding_id)
        return next(_findings(row), None) if row else None

    async def put(self, finding: Finding) -> Finding | None:
        """Keep a finding in place of the one it was made from; None where it has changed meanwhile. See Findings."""
        version = await self._rows.put(finding_entity(finding), finding.version)
        return replace(finding, version=version) if version else None

    async def between(self, first: date, last: date) -> AsyncIterator[Sequence[Finding]]:
        """Yield the findings of some days, oldest day first. Raises StorageError."""
        days = {"first": _day(first), "last": _day(last)}
        async for rows in self._rows.pages("PartitionKey ge @first and PartitionKey le @last", days):
            yield [finding for row in rows for finding in _findings(row)]

    async def unannounced(self, since: date) -> Sequence[Finding]:
        """Return those from a day on that somebody has still to be told of. Raises StorageError."""
        # A row without the column fulfils no comparison.
        pages = self._rows.pages("PartitionKey ge @first and announcement ge 1", {"first": _day(since)})
        return [finding async for rows in pages for row in rows for finding in _findings(row)]


def finding_entity(finding: Finding) -> TableEntity:
    """Return a finding as a row."""
    subject, announcement = finding.subject, finding.announcement
    columns: dict[str, Value | None] = {
        "kind": subject.kind.value,
        "severity": finding.severity.value,
        "state": finding.state.value,
        "title": title(finding),
        "summary": summary(finding),
        "resource": subject.resource,
        "about": subject.of,
        "object_id": storable_text(subject.object_id) if subject.object_id else None,
        "first_seen_at": finding.first_seen_at,
        "last_seen_at": finding.last_seen_at,
        "occurrences": Int64(finding.occurrences),
        "opened": Int64(finding.opened),
        "accepted_by": storable_text(finding.accepted_by) if finding.accepted_by else None,
        "accepted_at": finding.accepted_at,
        "reason": storable_text(finding.reason, _MAX_REASON_LENGTH) if finding.reason else None,
        "closed_at": finding.closed_at,
        "closed_because": finding.closed_because,
        "announcement": announcement.number if announcement else None,
        "announce_since": announcement.since if announcement else None,
        "announce_attempts": Int64(announcement.attempts) if announcement else None,
        "announce_at": announcement.due_at if announcement else None,
    }
    parts = {f"{_PART}{place}": _text(part) for place, part in finding.parts.items()}
    known = {name: value for name, value in columns.items() if value is not None}
    return TableEntity(partition_key=_day(subject.day), row_key=finding.id, properties=known | parts)


def _text(part: Part) -> str:
    evidence = tuple(dict(each) for each in part.evidence)
    text = _PartText(part.occurrences, part.first_at, part.last_at, part.severity, evidence)
    return msgspec.json.encode(text).decode()


def _day(day: date) -> str:
    return day.strftime(_DAY_FORM)


def _findings(row: Mapping[str, Any]) -> Iterator[Finding]:
    try:
        yield _finding(row)
    except (KeyError, ValueError, msgspec.MsgspecError) as error:
        keys = {"partition_key": row["PartitionKey"], "row_key": row["RowKey"]}
        logger.warning("findings.row_not_understood", extra={**keys, "reason": str(error)})


def _finding(row: Mapping[str, Any]) -> Finding:
    return Finding(
        subject=Subject(
            kind=FindingKind(row["kind"]),
            day=datetime.strptime(row["PartitionKey"], _DAY_FORM).replace(tzinfo=UTC).date(),
            resource=row["resource"],
            of=row["about"],
            object_id=row.get("object_id"),
        ),
        severity=Severity(row["severity"]),
        state=FindingState(row["state"]),
        first_seen_at=cell(row, "first_seen_at"),
        last_seen_at=cell(row, "last_seen_at"),
        parts={name.removeprefix(_PART): _part(text) for name, text in row.items() if name.startswith(_PART)},
        opened=cell(row, "opened"),
        accepted_by=row.get("accepted_by"),
        accepted_at=cell(row, "accepted_at"),
        reason=row.get("reason"),
        closed_at=cell(row, "closed_at"),
        closed_because=row.get("closed_because"),
        announcement=_announcement(row),
        version=version_of(row),
    )


def _part(text: str) -> Part:
    part = _PARTS.decode(text)
    return Part(
        occurrences=part.occurrences,
        first_at=part.first_at,
        last_at=part.last_at,
        severity=part.severity,
        evidence=part.evidence,
    )


def _announcement(row: Mapping[str, Any]) -> Announcement | None:
    number = cell(row, "announcement")
    if number is None:
        return None
    return Announcement(number, cell(row, "announce_since"), cell(row, "announce_attempts"), cell(row, "announce_at"))
