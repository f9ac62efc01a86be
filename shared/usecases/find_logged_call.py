"""Find a logged call: what Azure logged of one of ours, by its id, or where the answer brought none, by likeness."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime, timedelta

from shared.domain.call_story import NOT_SENT, LoggedCall, Match
from shared.domain.reconciliation.calls import AzureCall, OurCall
from shared.domain.reconciliation.matching import CLOCK_TOLERANCE, match
from shared.domain.reconciliation.resource_names import ResourceNames
from shared.domain.usage_record import Origin, UsageRecord
from shared.ports.call_log import CallLog
from shared.ports.reconciliation import LoggedCalls, Windows
from shared.ports.usage_records import UsageRecords

_HOUR = timedelta(hours=1)
# Whichever of Azure's calls ours can be, and whichever of ours those can be.
_AZURES_AROUND = CLOCK_TOLERANCE
_OURS_AROUND = 2 * CLOCK_TOLERANCE


class FindLoggedCall:
    """Fulfils CallLog. Likeness is that of the reconciliation: two calls that can be one, and no other that can."""

    def __init__(self, by_id: CallLog, records: UsageRecords, logged: LoggedCalls, windows: Windows) -> None:
        self._by_id = by_id
        self._records = records
        self._logged = logged
        self._windows = windows

    async def of_record(self, record: UsageRecord) -> LoggedCall | None:
        """
        Return what Azure logged of a call; None where nothing is known to be it.

        Raises:
            StorageError: the tables cannot be read.
        """
        if record.apim_request_id or record.outcome in NOT_SENT:
            return await self._by_id.of_record(record)
        begun_at = record.call.begun_at
        azures = [call async for call in self._azures(begun_at - _AZURES_AROUND, begun_at + _AZURES_AROUND)]
        if not azures:
            return None
        ours = await self._ours(begun_at - _OURS_AROUND, begun_at + _OURS_AROUND)
        names = ResourceNames({}, await self._windows.names(), {call.call.resource_id for call in azures})
        pairs = match(ours, azures, names).pairs
        found = next((pair.azures for pair in pairs if pair.ours.call_id == record.call.call_id), None)
        return LoggedCall(call=found.call, match=Match.LIKENESS) if found else None

    async def _azures(self, begun_from: datetime, begun_before: datetime) -> AsyncIterator[AzureCall]:
        for start, end in _within_hours(begun_from, begun_before):
            async for calls in self._logged.begun_between(start, end):
                for call in calls:
                    yield call

    async def _ours(self, begun_from: datetime, begun_before: datetime) -> Sequence[OurCall]:
        pages = self._records.between(begun_from, begun_before)
        return [OurCall.of(each) async for page in pages for each in page if each.origin is Origin.RELAY]


def _within_hours(begun_from: datetime, begun_before: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield a time cut at the hours in it: Azure's calls are kept by the hour."""
    start = begun_from
    while start < begun_before:
        end = min(begun_before, start.replace(minute=0, second=0, microsecond=0) + _HOUR)
        yield start, end
        start = end
