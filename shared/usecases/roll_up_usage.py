"""Roll up usage: fold records that have ended into the rollups of their days, and those into their months."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

from shared.domain.unfolded import LooseDay, Unfolded
from shared.domain.usage_keys import PrincipalDay, row_time
from shared.ports.rollups import DayRollup, Rollups
from shared.ports.unfolded import UnfoldedUsage
from shared.ports.usage_entries import UsageEntries
from shared.usecases.settle_days import SettleDays

# How long a beginning may take to be durable, and how far clocks of instances may differ, before a record lands
# where the fold has been. Then its day is folded anew: that costs time, and no exactness.
LAG = timedelta(seconds=60)
_CONCURRENT_FOLDS = 16


class RollUpUsage:
    """
    Run it again and again, on as many instances as there are: no record is folded twice.

    A rollup and how far it has been folded are one row, written only where nobody else has written it since
    it was read. What is folded is forgotten after that: killed in between, it is found to be folded.
    """

    def __init__(
        self, *, unfolded: UnfoldedUsage, entries: UsageEntries, rollups: Rollups, settle_days: SettleDays
    ) -> None:
        self._unfolded = unfolded
        self._entries = entries
        self._rollups = rollups
        self._settle_days = settle_days
        self._slots = asyncio.Semaphore(_CONCURRENT_FOLDS)

    async def __call__(self) -> int:
        """
        Fold all that is due, and return the number of principals' days that it changed.

        Raises:
            StorageError: not all could be folded; the next run goes on from there.
        """
        unfolded = await self._unfolded.read()
        due = _due(unfolded)
        for day in sorted({whose.day for whose in due}):
            await self._unfolded.unsettle(day)
        results = await asyncio.gather(
            *(self._fold(whose, unfolded.days[whose], before) for whose, before in due.items()), return_exceptions=True
        )
        folded = {whose: before for whose, before in zip(due, results, strict=True) if isinstance(before, str)}
        await self._unfolded.forget(unfolded, folded)
        _raise_first(results)
        await self._settle_days(unfolded)
        return len(folded)

    async def _fold(self, whose: PrincipalDay, loose: LooseDay, before: str) -> str | None:
        """Fold what lies before a row key; return before which all is folded, None where somebody else folds it."""
        async with self._slots:
            kept = await self._rollups.day(whose)
            day = kept
            if loose.is_behind(kept.folded_through, kept.folded_notes):
                # Something has landed where we have been, or has changed there. Begin anew, and go at least as
                # far: what lies there is noted no more.
                day = DayRollup(whose=whose, version=kept.version)
                before = max(before, _behind(kept.folded_through))
            async for page in self._entries.entries(whose, row_after=day.folded_through, row_before=before):
                for entry in page:
                    day.rollup.add(entry)
                    day.folded_through = entry.row_key
            # As far as anything is noted, also where that has been withdrawn: of two notes of it one may be
            # forgotten before the other.
            noted = (row_key for row_key in loose.landed if row_key < before)
            day.folded_through = max(day.folded_through, kept.folded_through, *noted)
            day.folded_notes = frozenset(loose.notes_until(day.folded_through))
            (is_kept,) = await self._rollups.keep([day])
            return before if is_kept else None


def _due(unfolded: Unfolded) -> Mapping[PrincipalDay, str]:
    """Return the days with something to fold, and before which row key: no record may land before it any more."""
    latest = row_time(unfolded.served_at - LAG)
    due = {}
    for whose, loose in unfolded.days.items():
        before = min([latest, *loose.pending])
        if any(row_key < before for row_key in loose.landed):
            due[whose] = before
    return due


def _behind(row_key: str) -> str:
    """Return what sorts behind a row key, and before all others that do."""
    return f"{row_key} "


def _raise_first(results: Sequence[str | BaseException | None]) -> None:
    for result in results:
        if isinstance(result, BaseException):
            raise result
