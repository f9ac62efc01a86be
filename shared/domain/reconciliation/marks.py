"""Which windows change by what has been stored: they are marked, and looked at again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from shared.domain.findings.from_audit import MARGIN, TELLING_KINDS
from shared.domain.logs.entries import AuditEvent, CallUsage, LogEntry, MetricPoint, ServiceCall
from shared.domain.reconciliation.windows import Window

# So long before and after an hour are the calls that may belong to one of it on the other side.
NEIGHBOURS = timedelta(minutes=5)
# So long after an hour Azure may log what calls used that began in it: a call lasts, and its line takes some seconds.
USAGE_BEHIND = timedelta(minutes=30)
_METRICS = frozenset({"processedprompttokens", "generatedtokens"})


@dataclass(frozen=True, slots=True)
class Mark:
    """That something of a window has changed. `version` is the mark's own: another when it is made again."""

    window: Window
    version: str


def windows_of(entries: Iterable[LogEntry]) -> set[Window]:
    """Return the windows that these entries bear on."""
    windows = set[Window]()
    for entry in entries:
        windows.update(_windows_of(entry))
    return windows


def _windows_of(entry: LogEntry) -> Iterable[Window]:
    match entry:
        case ServiceCall():
            # Where another line of the call does not say when it began, that stands where it was logged.
            began_at = entry.requested_at or entry.logged_at
            near = (began_at - NEIGHBOURS, began_at + NEIGHBOURS, entry.logged_at)
            return {Window.of_hour(time) for time in near}
        case CallUsage():
            return {Window.of_hour(entry.logged_at), Window.of_hour(entry.logged_at - USAGE_BEHIND)}
        case AuditEvent() if entry.kind in TELLING_KINDS:
            return {Window.of_day(entry.occurred_at - MARGIN), Window.of_day(entry.occurred_at + MARGIN)}
        case MetricPoint() if entry.metric.lower() in _METRICS:
            return {Window.of_hour(entry.occurred_at)}
    return ()
