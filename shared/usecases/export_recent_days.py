"""Export recent days: what the timer runs."""

from __future__ import annotations

import logging
from datetime import UTC, timedelta

from shared.domain.errors import LedgerError
from shared.domain.exports import whole_days
from shared.ports.clock import Clock
from shared.usecases.export_usage import ExportUsage

logger = logging.getLogger(__name__)


class ExportRecentDays:
    """
    Exports the days that are over, `days` of them, the newest first.

    They are read again each time: a record may come late (an abandoned call, one from the spool, one found in
    Azure's logs), and only a file that has changed is written.
    """

    def __init__(self, export: ExportUsage, clock: Clock, days: int) -> None:
        self._export = export
        self._clock = clock
        self._days = days

    async def __call__(self) -> None:
        """
        Export them. A day that fails does not keep the others.

        Raises:
            LedgerError: that of the newest day that failed, when all were tried.
        """
        today = self._clock.now().astimezone(UTC).date()
        failures = []
        for day in reversed(list(whole_days(today - timedelta(days=self._days), today))):
            try:
                files = await self._export(day)
            except LedgerError as error:
                logger.warning("export.failed", extra={"day": day.isoformat(), "reason": str(error)})
                failures.append(error)
                continue
            for file in files:
                logger.info("export.done", extra={"file": file.name, "rows": file.facts.rows, "is_new": file.is_new})
        if failures:
            raise failures[0]
