"""Announce findings: tell the log, and another system where there is one, of what is newly open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from shared.domain.errors import WebhookFailed, WebhookRefused
from shared.domain.findings.finding import Announcement, Finding
from shared.ports.clock import Clock
from shared.ports.reconciliation import Findings, Webhook
from shared.usecases.keep_findings import MAX_TRIES

logger = logging.getLogger(__name__)

# Findings of older days are announced when they are opened, and not again where that failed.
_LOOK_BACK = timedelta(days=35)
# At a time, and all together: the rest goes with the next run.
_CONCURRENT = 5
_MAX_PER_RUN = 100
_SECONDS = 45.0


class AnnounceFindings:
    """
    Tells of each finding once it is open, or open again: at least once, whoever dies meanwhile.

    That it is to be told stands in the finding itself, from before it was told until after. Every attempt at one
    telling has one message id, by which its receiver knows a second one.
    """

    def __init__(
        self, *, findings: Findings, webhook: Webhook | None, body_of: Callable[[Finding], bytes], clock: Clock
    ) -> None:
        """`body_of` returns what is told of a finding."""
        self._findings = findings
        self._webhook = webhook
        self._body_of = body_of
        self._clock = clock
        self._slots = asyncio.Semaphore(_CONCURRENT)

    async def __call__(self) -> None:
        """
        Tell of what is due.

        Raises:
            StorageError: what is due cannot be read, or it cannot be kept that it was told.
        """
        now = self._clock.now()
        waiting = await self._findings.unannounced((now - _LOOK_BACK).date())
        due = [(each, each.announcement) for each in waiting if each.announcement and each.announcement.is_due(now)]
        try:
            async with asyncio.timeout(_SECONDS):
                results = await asyncio.gather(
                    *(self._announce(finding, announcement) for finding, announcement in due[:_MAX_PER_RUN]),
                    return_exceptions=True,
                )
        except TimeoutError:
            # Those that are left are told next time.
            return
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures:
            raise failures[0]

    async def _announce(self, finding: Finding, announcement: Announcement) -> None:
        async with self._slots:
            if announcement.attempts == 0:
                subject = finding.subject
                extra = {"finding_id": finding.id, "kind": subject.kind.value, "severity": finding.severity.value}
                logger.warning("finding.opened", extra={**extra, "resource": subject.resource})
            after = await self._deliver(finding, announcement)
            await self._keep(finding, announcement, after)

    async def _deliver(self, finding: Finding, announcement: Announcement) -> Announcement | None:
        """Return what is left to do of an announcement, None where that is nothing."""
        if self._webhook is None:
            return None
        now = self._clock.now()
        try:
            await self._webhook.deliver(f"{finding.id}-{announcement.number}", self._body_of(finding), now)
        except WebhookFailed as error:
            after = announcement.failed(now)
            if after is None:
                _log_not_delivered(finding, error)
            return after
        except WebhookRefused as error:
            _log_not_delivered(finding, error)
        return None

    async def _keep(self, finding: Finding, announcement: Announcement, after: Announcement | None) -> None:
        current: Finding | None = finding
        for _ in range(MAX_TRIES):
            if current is None or current.announcement is None or current.announcement.number != announcement.number:
                # Closed or accepted meanwhile, or open another time.
                return
            if await self._findings.put(replace(current, announcement=after)):
                return
            current = await self._findings.get(finding.id)


def _log_not_delivered(finding: Finding, error: WebhookFailed | WebhookRefused) -> None:
    logger.error("finding.not_delivered", extra={"finding_id": finding.id, "reason": str(error)})
