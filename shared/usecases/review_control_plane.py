"""Review the control plane: what was done on a day to who can call, and what is to be looked at again for it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from shared.domain.findings.finding import Finding, FindingKind
from shared.domain.findings.from_audit import MARGIN, TELLING_KINDS, findings_of_events
from shared.domain.logs.entries import AuditEvent, AuditKind
from shared.domain.logs.keys import audited_resource
from shared.domain.reconciliation.windows import HOUR, Window
from shared.ports.reconciliation import Findings, LoggedCalls, Windows
from shared.usecases.keep_findings import KeepFindings

# How long a listing may take to be exported: so old are the calls that it explains late.
_LISTING_COMES_WITHIN = timedelta(days=2)


class ReviewControlPlane:
    """May be repeated, and done by several at once."""

    def __init__(self, *, logged: LoggedCalls, windows: Windows, findings: Findings, keep: KeepFindings) -> None:
        self._logged = logged
        self._windows = windows
        self._findings = findings
        self._keep = keep

    async def __call__(self, window: Window) -> None:
        """Keep what a day's events show. Raises StorageError: do it again."""
        events = await self._logged.events(window.begins_at - MARGIN, window.ends_at + MARGIN, TELLING_KINDS)
        await self._keep(window, findings_of_events(window.day, events))
        listings = [event for event in events if event.kind is AuditKind.KEYS_LISTED]
        if listings:
            await self._windows.mark(await self._explained_by(window, listings))

    async def _explained_by(self, window: Window, listings: Iterable[AuditEvent]) -> set[Window]:
        """Return the hours in which a key was used after a listing of which nobody knew then."""
        resources = {audited_resource(event.resource_id) for event in listings}
        last = (window.begins_at + _LISTING_COMES_WITHIN).date()
        hours = set[Window]()
        async for findings in self._findings.between(window.day, last):
            for finding in findings:
                if finding.subject.kind is FindingKind.BYPASS_WITH_KEY and finding.subject.resource in resources:
                    hours.update(_hours(finding))
        return hours


def _hours(finding: Finding) -> Iterable[Window]:
    day = Window.parse(f"{finding.subject.day:%Y%m%d}").begins_at
    return (Window(day + HOUR * int(place)) for place in finding.parts if place.isdecimal())
