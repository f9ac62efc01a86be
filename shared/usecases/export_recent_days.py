"""Export recent days: what the timer runs."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Iterator, Sequence
from datetime import UTC, date, timedelta

from shared.domain.errors import LedgerError
from shared.domain.exports import ExportedFile, whole_days
from shared.ports.clock import Clock
from shared.usecases.export_usage import ExportUsage
from shared.usecases.send_usage_logs import SendUsageLogs

logger = logging.getLogger(__name__)


class ExportRecentDays:
    """
    Exports the days that are over, `days` of them, the newest first: as files, to Log Analytics, or both.

    They are read again each time: a record may come late (an abandoned call, one from the spool, one found in
    Azure's logs), and only what has changed is written or sent.
    """

    def __init__(self, *, export: ExportUsage | None, send: SendUsageLogs | None, clock: Clock, days: int) -> None:
        self._export = export
        self._send = send
        self._clock = clock
        self._days = days

    async def __call__(self) -> None:
        """
        Export them. What fails does not keep the rest.

        Raises:
            LedgerError: the first failure, when all was tried.
        """
        today = self._clock.now().astimezone(UTC).date()
        failures: list[LedgerError] = []
        for day in reversed(list(whole_days(today - timedelta(days=self._days), today))):
            for work in self._works(day):
                try:
                    _tell(await work)
                except LedgerError as error:
                    logger.warning("export.failed", extra={"day": day.isoformat(), "reason": str(error)})
                    failures.append(error)
        if failures:
            raise failures[0]

    def _works(self, day: date) -> Iterator[Awaitable[Sequence[ExportedFile]]]:
        if self._export:
            yield self._export(day)
        if self._send:
            yield _one(self._send(day))


async def _one(work: Awaitable[ExportedFile]) -> Sequence[ExportedFile]:
    return [await work]


def _tell(files: Sequence[ExportedFile]) -> None:
    for file in files:
        facts = {"rows": file.facts.rows, "unpriced_calls": file.facts.unpriced_calls, "is_new": file.is_new}
        logger.info("export.done", extra={"file": file.name, **facts})
