"""Finds usage records without reading all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from shared.domain.record_pages import PrincipalId, RecordFilter
from shared.domain.usage_record import UsageRecord


class RecordSearch(Protocol):
    """Finds records by principal and time."""

    async def principals(self, day: date) -> Sequence[PrincipalId]:
        """Return who has records of a day. Raises StorageError."""
        ...

    def within(
        self,
        principal: PrincipalId,
        begun_from: datetime,
        begun_before: datetime,
        only: RecordFilter,
        *,
        page_size: int,
    ) -> AsyncIterator[Sequence[UsageRecord]]:
        """
        Yield a principal's records begun in [begun_from, begun_before), oldest first, a page at a time.

        It is of one day of UTC. Raises StorageError.
        """
        ...


class RecordsById(Protocol):
    """Finds records by their ids."""

    async def with_id(
        self, call_id: str, begun_from: datetime, begun_before: datetime, principal: PrincipalId | None
    ) -> Sequence[UsageRecord]:
        """
        Return the records of a day whose call id is this one, or begins so; at most a few.

        With a principal, only its own. Raises StorageError.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenRecord:
    """A record, and when storage last wrote it, by storage's own clock."""

    record: UsageRecord
    written_at: datetime


class NewRecords(Protocol):
    """Finds what has been recorded since somebody last looked."""

    async def principals(self, day: date) -> Sequence[PrincipalId]:
        """Return who has records of a day. Raises StorageError."""
        ...

    async def written_since(
        self, principal: PrincipalId, begun_from: datetime, day: date, written_after: datetime | None
    ) -> Sequence[WrittenRecord]:
        """
        Return a principal's records of a day, begun at or after a time and written after another.

        Raises StorageError.
        """
        ...
