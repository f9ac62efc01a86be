"""Rebuild rollups: fold days anew from their records, as if nothing had been folded."""

from __future__ import annotations

from datetime import date

from shared.ports.rollups import Detail, Rollups
from shared.ports.unfolded import UnfoldedUsage
from shared.ports.usage_entries import UsageEntries
from shared.usecases.roll_up_usage import RollUpUsage


class RebuildRollups:
    """
    Marks days as changed, and folds. Reports are exact all the while: what is marked they read from the records.

    Killed anywhere, the timer goes on with it.
    """

    def __init__(
        self, *, unfolded: UnfoldedUsage, rollups: Rollups, entries: UsageEntries, roll_up_usage: RollUpUsage
    ) -> None:
        self._unfolded = unfolded
        self._rollups = rollups
        self._entries = entries
        self._roll_up_usage = roll_up_usage

    async def __call__(self, first: date, last: date) -> int:
        """
        Rebuild the rollups of these days, and return how many there are, one for each principal and day.

        Raises:
            StorageError: not all are done.
        """
        found = await self._entries.principal_days(first, last)
        async for page in self._rollups.days(first, last, Detail()):
            # Also those whose records are gone.
            found.update(day.whose for day in page)
        await self._unfolded.mark_changed(sorted(found))
        await self._roll_up_usage()
        return len(found)
