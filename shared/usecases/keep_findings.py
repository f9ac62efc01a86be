"""Keep findings: what a window shows, in place of what it showed before."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from shared.domain.errors import StorageUnavailable
from shared.domain.findings.finding import Finding, Part, Subject, with_part
from shared.domain.reconciliation.windows import Window
from shared.ports.clock import Clock
from shared.ports.reconciliation import Findings

logger = logging.getLogger(__name__)

# Each is lost only to somebody who has changed the same finding.
MAX_TRIES = 20


class KeepFindings:
    """May be repeated, and done by several at once: each finding is changed only as it was read."""

    def __init__(self, findings: Findings, clock: Clock) -> None:
        self._findings = findings
        self._clock = clock

    async def __call__(self, window: Window, found: Mapping[Subject, Part]) -> None:
        """
        Keep what a window shows; findings that it no longer shows lose that part, and are closed where it was the last.

        Raises:
            StorageError: it is not known to be kept. To do it again does no harm.
        """
        before = {finding.id: finding for finding in await self._findings.of_day(window.day)}
        for subject, part in sorted(found.items(), key=lambda each: each[0].id):
            await self._change(before.get(subject.id), subject, window.place, part)
        shown = {subject.id for subject in found}
        for finding in before.values():
            if window.place in finding.parts and finding.id not in shown:
                await self._change(finding, finding.subject, window.place, None)

    async def _change(self, finding: Finding | None, subject: Subject, place: str, part: Part | None) -> None:
        for _ in range(MAX_TRIES):
            changed = with_part(finding, subject, place, part, self._clock.now())
            if changed is None or changed == finding or await self._findings.put(changed):
                return
            finding = await self._findings.get(subject.id)
        raise StorageUnavailable(f"the finding {subject.id!r} is changed by others all the time")
