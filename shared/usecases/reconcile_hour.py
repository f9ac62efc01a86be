"""Reconcile an hour: hold its usage records against what Azure logged, and keep what does not add up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.findings.from_calls import findings_of_calls, listings_until
from shared.domain.logs.entries import AuditEvent, AuditKind, AuditPhase, CallUsage, MetricPoint
from shared.domain.reconciliation.bypass_record import bypass_record, same_bypass
from shared.domain.reconciliation.calls import AzureCall, CallUnderWay, OurCall, with_usage
from shared.domain.reconciliation.judging import Judged, MetricTotals, judge
from shared.domain.reconciliation.lateness import lateness, slow_arrival
from shared.domain.reconciliation.marks import NEIGHBOURS, USAGE_BEHIND
from shared.domain.reconciliation.matching import MatchedBy, Pair, match
from shared.domain.reconciliation.resource_names import ResourceNames
from shared.domain.reconciliation.windows import Window
from shared.domain.usage_record import Origin, UsageRecord
from shared.ports.open_calls import OpenCalls
from shared.ports.reconciliation import LoggedCalls, Windows
from shared.ports.usage_ledger import UsageLedger
from shared.ports.usage_records import UsageRecords
from shared.usecases.find_far_calls import FindFarCalls
from shared.usecases.keep_findings import KeepFindings

# For so long a listing of keys explains that one is used.
_LISTINGS_COUNT_FOR = timedelta(days=30)
# A leaked key may come to thousands of calls an hour: one after the other, they took longer than a run may.
_CONCURRENT_WRITES = 100
_PROMPT_METRIC, _COMPLETION_METRIC = "ProcessedPromptTokens", "GeneratedTokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class HourSources:
    """Where both sides of an hour are read."""

    records: UsageRecords
    logged: LoggedCalls
    open_calls: OpenCalls


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownOfAzure:
    """What the operator says: the resource ids of host names, and the tenant where all principals are of one."""

    resources: Mapping[str, str]
    tenant_id: str | None


class ReconcileHour:
    """
    May be repeated, and done by several at once: what it writes follows from what it read, and replaces what was there.

    An hour's calls are held in memory, as little as is needed of each.
    """

    def __init__(
        self, *, sources: HourSources, windows: Windows, ledger: UsageLedger, keep: KeepFindings, known: KnownOfAzure
    ) -> None:
        self._sources = sources
        self._windows = windows
        self._ledger = ledger
        self._keep = keep
        self._known = known
        self._find_far = FindFarCalls(sources.records, sources.logged)

    async def __call__(self, window: Window, now: datetime, slow_arrivals: Iterable[timedelta | None]) -> Judged:
        """
        Reconcile an hour as of now, by the service's clock; `slow_arrivals` are those of other hours.

        Raises:
            StorageError: do it again.
        """
        # In this order: a call that Azure has logged had begun, so it is then open, or if not has its record.
        azures = await self._azures(window)
        under_way = await self._under_way()
        ours, charged = await self._ours(window)
        names = await self._names(azures)
        # Seconds, where an hour has a hundred thousand calls: other calls of this worker must go on meanwhile.
        matching = await self._find_far(window, await asyncio.to_thread(match, ours, azures, names))
        delays = (call.arrived_at - call.call.logged_at for call in azures)
        metrics = await self._metrics(window.begins_at)
        judged = await asyncio.to_thread(
            judge,
            window,
            matching,
            names=names,
            now=now,
            lateness=lateness([*slow_arrivals, slow_arrival(delays)]),
            under_way=under_way,
            metrics=metrics,
            charged={record.call.call_id for record in charged},
        )
        await self._charge(judged, charged, names)
        await self._keep(window, findings_of_calls(judged, names, await self._listings(judged)))
        await self._learn(judged.pairs, names)
        return judged

    async def _azures(self, window: Window) -> Sequence[AzureCall]:
        """Return the calls that Azure logged of a window and just around it, with what they used."""
        begins_at, ends_at = window.begins_at, window.ends_at
        calls, usages = list[AzureCall](), list[CallUsage]()
        async for entries in self._sources.logged.of_hour(begins_at):
            for entry in entries:
                if isinstance(entry, CallUsage):
                    usages.append(entry)
                else:
                    calls.append(entry)
        async for more in self._sources.logged.usage_between(ends_at, ends_at + USAGE_BEHIND):
            usages += more
        for begun_from, begun_before in _margins(window):
            async for near in self._sources.logged.begun_between(begun_from, begun_before):
                calls += near
        return with_usage(calls, usages)

    async def _under_way(self) -> list[CallUnderWay]:
        return [CallUnderWay.of(row.call) async for rows in self._sources.open_calls.pages() for row in rows]

    async def _ours(self, window: Window) -> tuple[list[OurCall], list[UsageRecord]]:
        """Return our calls of a window and just around it, and the window's records that were made of Azure's logs."""
        ours, charged = list[OurCall](), list[UsageRecord]()
        async for record in self._records(window.begins_at - NEIGHBOURS, window.ends_at + NEIGHBOURS):
            if record.origin is Origin.RELAY:
                ours.append(OurCall.of(record))
            elif window.begins_at <= record.call.begun_at < window.ends_at:
                charged.append(record)
        return ours, charged

    async def _records(self, begun_from: datetime, begun_before: datetime) -> AsyncIterator[UsageRecord]:
        async for records in self._sources.records.between(begun_from, begun_before):
            for record in records:
                yield record

    async def _names(self, azures: Iterable[AzureCall]) -> ResourceNames:
        resource_ids = {call.call.resource_id for call in azures}
        return ResourceNames(self._known.resources, await self._windows.names(), resource_ids)

    async def _metrics(self, hour: datetime) -> Mapping[str, MetricTotals]:
        prompts = _by_resource(await self._sources.logged.minutes(hour, _PROMPT_METRIC))
        completions = _by_resource(await self._sources.logged.minutes(hour, _COMPLETION_METRIC))
        return {
            resource: MetricTotals(prompt_tokens=prompts.get(resource), completion_tokens=completions.get(resource))
            for resource in prompts.keys() | completions.keys()
        }

    async def _charge(self, judged: Judged, charged: Iterable[UsageRecord], names: ResourceNames) -> None:
        """Have a record for each call that went round the gate, and for no other."""
        records = (bypass_record(call, names, self._known.tenant_id) for call in judged.bypasses)
        due = {_place(record): record for record in records}
        gone = [record for record in charged if _place(record) not in due]
        for record in charged:
            if _place(record) in due and same_bypass(record, due[_place(record)]):
                del due[_place(record)]
        await _in_company(self._ledger.withdraw, gone)
        await _in_company(self._ledger.end, due.values())

    async def _listings(self, judged: Judged) -> Mapping[str, Sequence[AuditEvent]]:
        if all(call.call.object_id for call in judged.bypasses):
            return {}
        until = judged.window.ends_at
        events = await self._sources.logged.events(until - _LISTINGS_COUNT_FOR, until, {AuditKind.KEYS_LISTED})
        return listings_until([event for event in events if event.phase is not AuditPhase.FAILED], until)

    async def _learn(self, pairs: Iterable[Pair], names: ResourceNames) -> None:
        """Keep which resource a host is of, also for hours in which no log tells of it."""
        by_id = (pair for pair in pairs if pair.by is MatchedBy.ID)
        met = {(pair.ours.resource, pair.azures.call.resource_id) for pair in by_id}
        for host, resource_id in sorted(met):
            if not names.knows(host):
                await self._windows.learn(host, resource_id)


async def _in_company(write: Callable[[UsageRecord], Awaitable[None]], records: Iterable[UsageRecord]) -> None:
    """Write records, some at a time, for those share transactions. Raises the first error, when none is under way."""
    waiting = iter(records)

    async def write_on() -> None:
        for record in waiting:
            await write(record)

    results = await asyncio.gather(*(write_on() for _ in range(_CONCURRENT_WRITES)), return_exceptions=True)
    for error in results:
        if error is not None:
            raise error


def _margins(window: Window) -> Iterable[tuple[datetime, datetime]]:
    before, behind = window.begins_at - NEIGHBOURS, window.ends_at + NEIGHBOURS
    return ((before, window.begins_at), (window.ends_at, behind))


def _by_resource(points: Iterable[MetricPoint]) -> dict[str, int]:
    """Return what minutes come to, by resource. Those of a dimension are parts of those without, if there are such."""
    totals = dict[str, int]()
    for point in points:
        if point.total is not None and point.extra is None:
            totals[point.resource_id] = totals.get(point.resource_id, 0) + round(point.total)
    return totals


def _place(record: UsageRecord) -> tuple[str, str, str, datetime]:
    """Return what the row's key is made of."""
    principal = record.call.principal
    return principal.tenant_id, principal.object_id, record.call.call_id, record.call.begun_at
