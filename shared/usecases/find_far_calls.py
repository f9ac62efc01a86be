"""Find far calls: sides of one call that stand hours apart, for it took long and Azure did not log when it began."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from shared.domain.reconciliation.calls import AzureCall, OurCall
from shared.domain.reconciliation.marks import NEIGHBOURS
from shared.domain.reconciliation.matching import MatchedBy, Matching, Pair
from shared.domain.reconciliation.windows import HOUR, Window
from shared.domain.usage_record import Origin
from shared.ports.reconciliation import LoggedCalls
from shared.ports.usage_records import UsageRecords

# Longer than any call.
_LONGEST_CALL = timedelta(hours=2)
# They are odd: of more, the log has another fault, and all are left over.
_MAX_LOOKUPS = 500


class FindFarCalls:
    """Looks for the other side of what is left over of a window, where it may stand in another."""

    def __init__(self, records: UsageRecords, logged: LoggedCalls) -> None:
        self._records = records
        self._logged = logged

    async def __call__(self, window: Window, matching: Matching) -> Matching:
        """Return the matching with what was found in other hours. Raises StorageError."""
        pairs = [*await self._ended_later(window, matching.ours_only), *await self._begun_before(window, matching)]
        repeated = await self._repeated(window, matching.azure_only)
        found = {pair.ours.call_id for pair in pairs} | {pair.azures.correlation_id for pair in pairs} | repeated
        return Matching(
            pairs=[*matching.pairs, *pairs],
            ours_only=[call for call in matching.ours_only if call.call_id not in found],
            azure_only=[call for call in matching.azure_only if call.correlation_id not in found],
        )

    async def _ended_later(self, window: Window, ours: Iterable[OurCall]) -> list[Pair]:
        """Return the calls that began in the window, and that Azure has logged in the hour they ended in."""
        pairs = list[Pair]()
        longer = (call for call in ours if call.correlation_id and window.begins_at <= call.begun_at < window.ends_at)
        for call in [call for call in longer if call.ended_at >= window.ends_at][:_MAX_LOOKUPS]:
            for hour in sorted({Window.of_hour(call.ended_at), Window.of_hour(call.ended_at + NEIGHBOURS)}):
                if found := await self._logged.find(hour.begins_at, call.correlation_id):
                    pairs.append(Pair(call, AzureCall(found, found.logged_at), MatchedBy.ID))
                    break
        return pairs

    async def _begun_before(self, window: Window, matching: Matching) -> list[Pair]:
        """Return the calls that Azure has logged in the window, and that began long before it."""
        logged = {call.correlation_id: call for call in _without_beginning(window, matching.azure_only)}
        if not logged:
            return []
        pairs = list[Pair]()
        async for records in self._records.between(window.begins_at - _LONGEST_CALL, window.begins_at - NEIGHBOURS):
            for ours in (OurCall.of(record) for record in records if record.origin is Origin.RELAY):
                if found := logged.pop(ours.correlation_id, None):
                    pairs.append(Pair(ours, found, MatchedBy.ID))
        return pairs

    async def _repeated(self, window: Window, azures: Iterable[AzureCall]) -> set[str]:
        """Return the calls of which another line says that they began, and so belong, in an hour before."""
        repeated = set[str]()
        for call in _without_beginning(window, azures)[:_MAX_LOOKUPS]:
            for hour in _hours_before(window):
                if await self._logged.find(hour, call.correlation_id):
                    repeated.add(call.correlation_id)
                    break
        return repeated


def _without_beginning(window: Window, azures: Iterable[AzureCall]) -> list[AzureCall]:
    unknown = (call for call in azures if call.call.requested_at is None)
    return [call for call in unknown if window.begins_at <= call.began_at < window.ends_at]


def _hours_before(window: Window) -> Iterable[datetime]:
    return (window.begins_at - HOUR * ago for ago in range(1, int(_LONGEST_CALL / HOUR) + 1))
