"""Tell a call: its record, what Azure logged of it, and what does not add up, by its id."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.domain.call_story import CallStory, match_of, names_call
from shared.domain.errors import MalformedRequest, RecordNotFound
from shared.domain.findings.finding import Finding
from shared.domain.principal import Principal
from shared.domain.record_pages import PrincipalId
from shared.domain.time_windows import Window, days_backwards
from shared.domain.usage_record import UsageRecord
from shared.ports.call_log import CallLog
from shared.ports.clock import Clock
from shared.ports.reconciliation import Findings
from shared.ports.record_search import RecordsById
from shared.usecases.query_findings import may_see
from shared.usecases.query_usage import READ_ALL_ROLE

DAYS_SEARCHED = 31
# Around a time that is said: clocks differ, and a day is said as its midnight.
_BEFORE_HINT = timedelta(hours=1)
_AFTER_HINT = timedelta(hours=25)
# An instance's clock may be ahead of ours.
_AHEAD = timedelta(hours=1)
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallQuery:
    """Which call. `begun_at` is about when it began; `may_be_prefix` lets the id be the beginning of one."""

    call_id: str
    begun_at: datetime | None = None
    may_be_prefix: bool = False


class TellCall:
    """Finds one call by its id. Its row is keyed by time, so days are looked through, the newest first."""

    def __init__(self, records: RecordsById, logged: CallLog, findings: Findings, clock: Clock) -> None:
        self._records = records
        self._logged = logged
        self._findings = findings
        self._clock = clock

    async def __call__(self, query: CallQuery, asker: Principal) -> CallStory:
        """
        Return the story.

        Raises:
            RecordNotFound: there is no such call, or the asker may not see it: which of the two is not told.
            MalformedRequest: the id is the beginning of several.
            StorageError: the tables cannot be read.
        """
        record = await self._find(query, None if READ_ALL_ROLE in asker.roles else PrincipalId.of(asker))
        logged, findings = await asyncio.gather(self._logged.of_record(record), self._about(record, asker))
        match = match_of(record, logged, self._clock.now())
        return CallStory(record=record, logged=logged, findings=findings, match=match)

    async def _about(self, record: UsageRecord, asker: Principal) -> list[Finding]:
        # A finding is kept under the day of what shows it.
        days = {time.astimezone(UTC).date() for time in (record.call.begun_at, record.ended_at)}
        found = [finding for day in sorted(days) for finding in await self._findings.of_day(day)]
        return [finding for finding in found if names_call(finding, record) and may_see(finding, asker)]

    async def _find(self, query: CallQuery, principal: PrincipalId | None) -> UsageRecord:
        deadline = self._clock.monotonic() + _PATIENCE_SECONDS
        for window in self._windows(query):
            found = await self._records.with_id(query.call_id, window.begun_from, window.begun_before, principal)
            if record := _the_one(query, found):
                return record
            if self._clock.monotonic() >= deadline:
                raise RecordNotFound(
                    f"no record of this call since {window.begun_from:%Y-%m-%d}: say about when it began, as 'begun_at'"
                )
        raise RecordNotFound(f"no record of this call {_where(query)}")

    def _windows(self, query: CallQuery) -> Iterator[Window]:
        if query.begun_at is not None:
            return days_backwards(*_around(query.begun_at))
        now = self._clock.now()
        return days_backwards(now - timedelta(days=DAYS_SEARCHED), now + _AHEAD)


def _around(begun_at: datetime) -> tuple[datetime, datetime]:
    try:
        return begun_at - _BEFORE_HINT, begun_at + _AFTER_HINT
    except OverflowError as error:
        raise MalformedRequest("'begun_at' is at an end of the calendar") from error


def _the_one(query: CallQuery, found: Sequence[UsageRecord]) -> UsageRecord | None:
    exact = [record for record in found if record.call.call_id == query.call_id]
    if exact or not query.may_be_prefix:
        return exact[0] if exact else None
    if len(found) > 1:
        raise MalformedRequest(f"more than one call id begins with {query.call_id!r}: say more of it")
    return found[0] if found else None


def _where(query: CallQuery) -> str:
    return "around that time" if query.begun_at else f"in the last {DAYS_SEARCHED} days"
