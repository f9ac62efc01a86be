"""Fakes of the ports of reconciliation. Each passes the contract tests of the real adapter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

from shared.domain.errors import LedgerError
from shared.domain.findings.finding import Finding
from shared.domain.logs.entries import AuditEvent, AuditKind, CallUsage, LogEntry, MetricPoint, ServiceCall
from shared.domain.logs.keys import EntryKey, entry_key
from shared.domain.logs.merging import richer_of
from shared.domain.logs.reading import PutOutcome, PutResult
from shared.domain.reconciliation.calls import AzureCall
from shared.domain.reconciliation.marks import Mark
from shared.domain.reconciliation.totals import HourTotals
from shared.domain.reconciliation.windows import Window, WindowState


class FakeLogs:
    """LogStore and LoggedCalls in memory, of which `arrived_at` dates what is stored."""

    def __init__(self, arrived_at: datetime = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)) -> None:
        self.arrived_at = arrived_at
        self.rows: dict[EntryKey, tuple[LogEntry, datetime]] = {}

    async def put(self, entries: Sequence[LogEntry]) -> Sequence[PutResult]:
        await asyncio.sleep(0)
        return [self._put(entry) for entry in entries]

    def _put(self, entry: LogEntry) -> PutResult:
        key = entry_key(entry)
        kept, _ = self.rows.get(key, (entry, None))
        richer = richer_of(kept, entry)
        if key in self.rows and richer == kept:
            return PutResult(PutOutcome.DUPLICATE)
        self.rows[key] = richer, self.arrived_at
        return PutResult(PutOutcome.STORED)

    async def of_hour(self, hour: datetime) -> AsyncIterator[Sequence[AzureCall | CallUsage]]:
        await asyncio.sleep(0)
        for entry, arrived_at in self._in_hour(hour):
            if isinstance(entry, ServiceCall):
                yield [AzureCall(entry, arrived_at)]
            elif isinstance(entry, CallUsage):
                yield [entry]

    async def begun_between(self, begun_from: datetime, begun_before: datetime) -> AsyncIterator[Sequence[AzureCall]]:
        await asyncio.sleep(0)
        for entry, arrived_at in self._in_hour(begun_from):
            requested_at = entry.requested_at if isinstance(entry, ServiceCall) else None
            if isinstance(entry, ServiceCall) and requested_at and begun_from <= requested_at < begun_before:
                yield [AzureCall(entry, arrived_at)]

    async def usage_between(self, logged_from: datetime, logged_before: datetime) -> AsyncIterator[Sequence[CallUsage]]:
        await asyncio.sleep(0)
        for entry, _ in self._in_hour(logged_from):
            if isinstance(entry, CallUsage) and logged_from <= entry.logged_at < logged_before:
                yield [entry]

    async def find(self, hour: datetime, correlation_id: str) -> ServiceCall | None:
        await asyncio.sleep(0)
        for entry, _ in self._in_hour(hour):
            if isinstance(entry, ServiceCall) and entry.correlation_id == correlation_id:
                return entry
        return None

    async def events(
        self, occurred_from: datetime, occurred_before: datetime, kinds: Iterable[AuditKind]
    ) -> Sequence[AuditEvent]:
        await asyncio.sleep(0)
        events = (entry for entry, _ in self.rows.values() if isinstance(entry, AuditEvent))
        wanted = set(kinds)
        return [each for each in events if each.kind in wanted and occurred_from <= each.occurred_at < occurred_before]

    async def minutes(self, hour: datetime, metric: str) -> Sequence[MetricPoint]:
        await asyncio.sleep(0)
        points = (entry for entry, _ in self.rows.values() if isinstance(entry, MetricPoint))
        return [each for each in points if each.metric == metric and Window.of_hour(each.occurred_at).begins_at == hour]

    def _in_hour(self, hour: datetime) -> list[tuple[LogEntry, datetime]]:
        text = str(Window.of_hour(hour))
        return [
            self.rows[key]
            for key in sorted(self.rows)
            if key.table == "servicecalls" and key.partition_key.startswith(f"{text}_")
        ]


class FakeWindows:
    """Windows in memory. Set `failure` to have everything raise it."""

    def __init__(self) -> None:
        self.kept: dict[Window, WindowState] = {}
        self.hours: dict[Window, list[HourTotals]] = {}
        self.marked: dict[Window, str] = {}
        self.known_names: dict[str, str] = {}
        self.failure: LedgerError | None = None
        self._versions = 0

    async def states(self, begun_from: datetime, begun_before: datetime) -> Mapping[Window, WindowState]:
        await self._step()
        first, end = Window.of_hour(begun_from), begun_before
        return {
            window: state
            for window, state in sorted(self.kept.items())
            if not window.is_day and first.begins_at <= window.begins_at < end
        }

    async def state(self, window: Window) -> WindowState:
        await self._step()
        return self.kept.get(window, WindowState(window=window))

    async def put(self, state: WindowState) -> WindowState | None:
        await self._step()
        if self.kept.get(state.window, WindowState(window=state.window)).version != state.version:
            return None
        self.kept[state.window] = kept = replace(state, version=self._version())
        return kept

    async def finish(self, state: WindowState, totals: Sequence[HourTotals]) -> bool:
        if not await self.put(state):
            return False
        self.hours[state.window] = list(totals)
        return True

    async def totals(self, begun_from: datetime, begun_before: datetime) -> AsyncIterator[Sequence[HourTotals]]:
        await self._step()
        first = Window.of_hour(begun_from)
        for window, totals in sorted(self.hours.items()):
            if first.begins_at <= window.begins_at < begun_before and totals:
                yield totals

    async def mark(self, windows: Iterable[Window]) -> None:
        await self._step()
        for window in windows:
            self.marked[window] = self._version()

    async def marks(self) -> Sequence[Mark]:
        await self._step()
        return [Mark(window, version) for window, version in sorted(self.marked.items())]

    async def unmark(self, mark: Mark) -> None:
        await self._step()
        if self.marked.get(mark.window) == mark.version:
            del self.marked[mark.window]

    async def names(self) -> Mapping[str, str]:
        await self._step()
        return dict(self.known_names)

    async def learn(self, host: str, resource_id: str) -> None:
        await self._step()
        self.known_names.setdefault(host, resource_id)

    def _version(self) -> str:
        self._versions += 1
        return f"v{self._versions}"

    async def _step(self) -> None:
        # As storage does, it lets others go on meanwhile.
        await asyncio.sleep(0)
        if self.failure:
            raise self.failure


class FakeFindings:
    """Findings in memory. Set `failure` to have everything raise it."""

    def __init__(self) -> None:
        self.kept: dict[str, Finding] = {}
        self.failure: LedgerError | None = None
        self._versions = 0

    async def of_day(self, day: date) -> Sequence[Finding]:
        await self._step()
        return [finding for _, finding in sorted(self.kept.items()) if finding.subject.day == day]

    async def get(self, finding_id: str) -> Finding | None:
        await self._step()
        return self.kept.get(finding_id)

    async def put(self, finding: Finding) -> Finding | None:
        await self._step()
        before = self.kept.get(finding.id)
        if (before.version if before else "") != finding.version:
            return None
        self._versions += 1
        self.kept[finding.id] = kept = replace(finding, version=f"v{self._versions}")
        return kept

    async def between(self, first: date, last: date) -> AsyncIterator[Sequence[Finding]]:
        await self._step()
        for _, finding in sorted(self.kept.items()):
            if first <= finding.subject.day <= last:
                yield [finding]

    async def unannounced(self, since: date) -> Sequence[Finding]:
        await self._step()
        return [each for _, each in sorted(self.kept.items()) if each.announcement and each.subject.day >= since]

    async def _step(self) -> None:
        await asyncio.sleep(0)
        if self.failure:
            raise self.failure


class FakeWebhook:
    """A Webhook that remembers what it was told. Put errors into `failures` to have it raise them first, in order."""

    def __init__(self) -> None:
        self.delivered: list[tuple[str, bytes]] = []
        self.failures: list[LedgerError] = []

    async def deliver(self, message_id: str, body: bytes, sent_at: datetime) -> None:
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        self.delivered.append((message_id, body))
