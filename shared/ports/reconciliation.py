"""What reconciliation reads, and keeps of what it found."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from shared.domain.findings.finding import Finding
from shared.domain.logs.entries import AuditEvent, AuditKind, CallUsage, MetricPoint, ServiceCall
from shared.domain.reconciliation.calls import AzureCall
from shared.domain.reconciliation.marks import Mark
from shared.domain.reconciliation.totals import HourTotals
from shared.domain.reconciliation.windows import Window, WindowState


class LoggedCalls(Protocol):
    """Reads what Azure has logged, of all its resources. A row that cannot be understood is logged and left out."""

    def of_hour(self, hour: datetime) -> AsyncIterator[Sequence[AzureCall | CallUsage]]:
        """Yield the calls that began in an hour, and what was logged in it of what calls used. Raises StorageError."""
        ...

    def begun_between(self, begun_from: datetime, begun_before: datetime) -> AsyncIterator[Sequence[AzureCall]]:
        """Yield the calls of one hour that are known to have begun between two times. Raises StorageError."""
        ...

    def usage_between(self, logged_from: datetime, logged_before: datetime) -> AsyncIterator[Sequence[CallUsage]]:
        """Yield what calls used, as far as it was logged between two times of one hour. Raises StorageError."""
        ...

    async def find(self, hour: datetime, correlation_id: str) -> ServiceCall | None:
        """Return a call of an hour, of whatever resource. Raises StorageError."""
        ...

    async def events(
        self, occurred_from: datetime, occurred_before: datetime, kinds: Iterable[AuditKind]
    ) -> Sequence[AuditEvent]:
        """Return the control-plane events of these kinds. Raises StorageError."""
        ...

    async def minutes(self, hour: datetime, metric: str) -> Sequence[MetricPoint]:
        """Return the minutes of an hour of a metric. Raises StorageError."""
        ...


class Windows(Protocol):
    """Keeps when each window was looked at, what it came to, and which are to be looked at again."""

    async def states(self, begun_from: datetime, begun_before: datetime) -> Mapping[Window, WindowState]:
        """Return the hours that have been looked at. Raises StorageError."""
        ...

    async def state(self, window: Window) -> WindowState:
        """Return a window's state, one of nothing done where there is none. Raises StorageError."""
        ...

    async def put(self, state: WindowState) -> WindowState | None:
        """
        Keep a state in place of the one it was made from, and return it with its new version.

        Returns None where somebody else was here meanwhile: nothing is kept.

        Raises:
            StorageError: it is not known whether it is kept.
        """
        ...

    async def finish(self, state: WindowState, totals: Sequence[HourTotals]) -> bool:
        """
        As `put`, and with it what the window comes to, in place of all that it came to before.

        Raises:
            StorageError: it is not known whether it is kept.
        """
        ...

    def totals(self, begun_from: datetime, begun_before: datetime) -> AsyncIterator[Sequence[HourTotals]]:
        """Yield what the hours between two times come to, oldest first. Raises StorageError."""
        ...

    async def mark(self, windows: Iterable[Window]) -> None:
        """Have windows looked at again. Raises StorageError."""
        ...

    async def marks(self) -> Sequence[Mark]:
        """Return all marks. Raises StorageError."""
        ...

    async def unmark(self, mark: Mark) -> None:
        """Take a mark away, unless it has been made again since. Raises StorageError."""
        ...

    async def names(self) -> Mapping[str, str]:
        """Return the resource ids that are known of host names. Raises StorageError."""
        ...

    async def learn(self, host: str, resource_id: str) -> None:
        """Keep the resource id of a host name, unless one is kept already. Raises StorageError."""
        ...


class Findings(Protocol):
    """Keeps findings. Of two who change one, one is told."""

    async def of_day(self, day: date) -> Sequence[Finding]:
        """Return a day's findings. Raises StorageError."""
        ...

    async def get(self, finding_id: str) -> Finding | None:
        """Return a finding. Raises StorageError."""
        ...

    async def put(self, finding: Finding) -> Finding | None:
        """
        Keep a finding in place of the one it was made from, and return it with its new version.

        Returns None where somebody else has changed it meanwhile: nothing is kept.

        Raises:
            StorageError: it is not known whether it is kept.
        """
        ...

    def between(self, first: date, last: date) -> AsyncIterator[Sequence[Finding]]:
        """Yield the findings of some days, oldest day first. Raises StorageError."""
        ...

    async def unannounced(self, since: date) -> Sequence[Finding]:
        """Return those from a day on that somebody has still to be told of. Raises StorageError."""
        ...


class Webhook(Protocol):
    """Tells another system of what has happened."""

    async def deliver(self, message_id: str, body: bytes, sent_at: datetime) -> None:
        """
        Deliver a message, as another attempt at the same one where it has the same id.

        Raises:
            WebhookRefused: it will never take this message.
            WebhookFailed: it may, later.
        """
        ...
