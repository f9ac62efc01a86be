"""Mark windows: what has been stored late, or of late, has its hours and days looked at again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from shared.domain.logs.entries import LogEntry
from shared.domain.logs.reading import PutResult
from shared.domain.reconciliation.marks import NEIGHBOURS, windows_of
from shared.domain.reconciliation.windows import Window
from shared.domain.usage_record import OpenCall, Origin, UsageRecord
from shared.ports.clock import Clock
from shared.ports.logs import LogStore
from shared.ports.reconciliation import Windows
from shared.ports.usage_ledger import UsageLedger

# Hours younger than that are looked at often anyway.
LATE_AFTER = timedelta(minutes=10)


class MarkLoggedWindows:
    """
    Fulfils LogStore in front of another that does.

    The marks are made behind the rows, also of rows that were there: whoever died in between stores them again.
    """

    def __init__(self, store: LogStore, windows: Windows) -> None:
        self._store = store
        self._windows = windows

    async def put(self, entries: Sequence[LogEntry]) -> Sequence[PutResult]:
        """See LogStore. Raises StorageError also where a mark could not be made."""
        results = await self._store.put(entries)
        await self._windows.mark(windows_of(entries))
        return results


class MarkLateRecords:
    """
    Fulfils UsageLedger in front of another that does: records of calls that began a while ago mark their hour.

    What is written late is written until it is known to be (by the spool, or the sweeper), so a mark that could not be
    made fails the write.
    """

    def __init__(self, ledger: UsageLedger, windows: Windows, clock: Clock) -> None:
        self._ledger = ledger
        self._windows = windows
        self._clock = clock

    async def begin(self, call: OpenCall) -> None:
        """See UsageLedger."""
        await self._ledger.begin(call)

    async def end(self, record: UsageRecord) -> None:
        """See UsageLedger."""
        await self._ledger.end(record)
        await self._mark(record)

    async def abandon(self, record: UsageRecord) -> None:
        """See UsageLedger."""
        await self._ledger.abandon(record)
        await self._mark(record)

    async def withdraw(self, record: UsageRecord) -> None:
        """See UsageLedger. Who withdraws has just looked at that hour."""
        await self._ledger.withdraw(record)

    async def _mark(self, record: UsageRecord) -> None:
        begun_at = record.call.begun_at
        if record.origin is Origin.AZURE_LOGS:
            # As who withdraws: it is made by who looks at that hour.
            return
        if self._clock.now() - begun_at > LATE_AFTER:
            near = (begun_at - NEIGHBOURS, begun_at + NEIGHBOURS)
            await self._windows.mark({Window.of_hour(time) for time in near})
