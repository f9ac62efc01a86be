"""Settle days: bring the rollups of days that are over into those of their months."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta

from shared.domain.rollup import Rollup
from shared.domain.unfolded import Unfolded
from shared.domain.usage_keys import Owner, PrincipalDay
from shared.ports.rollups import EVERYTHING, DayRollup, Detail, MonthRollup, Rollups
from shared.ports.unfolded import UnfoldedUsage

# Until most that began on a day has ended, and the slower logs have been read, it would only change again.
_GRACE = timedelta(hours=1)
_CONCURRENT_OWNERS = 8


class SettleDays:
    """
    Keeps the rollups of months, each of which says which days are in it and what those were.

    A day stays marked until all its principals' months hold it, so that a reader knows to look at the day too.
    """

    def __init__(self, *, unfolded: UnfoldedUsage, rollups: Rollups) -> None:
        self._unfolded = unfolded
        self._rollups = rollups
        self._slots = asyncio.Semaphore(_CONCURRENT_OWNERS)

    async def __call__(self, unfolded: Unfolded) -> None:
        """
        Settle the days that are over and marked, and have nothing unfolded.

        Raises:
            StorageError: some are not settled; the next run goes on from there.
        """
        loose = {whose.day for whose in unfolded.days}
        for day, version in sorted(unfolded.unsettled.items()):
            if day not in loose and _is_over(day, unfolded.served_at) and await self._bring_in(day):
                # Whoever changed one of its rollups since has marked it again before.
                await self._unfolded.settle(day, version)

    async def _bring_in(self, day: date) -> bool:
        """Bring a day into the months of all its principals; return whether it is in all of them."""
        held = await self._held(day)
        are_kept = True
        async for page in self._rollups.days(day, day, EVERYTHING):
            left = [of_day for of_day in page if held.get(of_day.whose.owner) != of_day.digest]
            changed = await asyncio.gather(*map(self._with, left))
            are_kept &= all(await self._rollups.keep([each for each in changed if each]))
        return are_kept

    async def _held(self, day: date) -> dict[Owner, str]:
        """Return what a day was in the months that hold it: as much as memory takes of any number of principals."""
        pages = self._rollups.months(day.replace(day=1), Detail())
        return {each.owner: each.days[day] async for page in pages for each in page if day in each.days}

    async def _with(self, day: DayRollup) -> MonthRollup | None:
        """Return a month with a day in it; None where it is in it already."""
        date_, owner = day.whose
        async with self._slots:
            month = await self._rollups.month(date_.replace(day=1), owner)
            if month.days.get(date_) == day.digest:
                return None
            if month.days and date_ <= max(month.days):
                # Which cells are kept apart depends on which came first: so the days are added in their order.
                return await self._anew(month, day)
        month.rollup.merge(day.rollup)
        month.days = {**month.days, date_: day.digest}
        return month

    async def _anew(self, month: MonthRollup, changed: DayRollup) -> MonthRollup:
        """Return a month made anew of its days, one of which has changed or was not among them."""
        rollup, digests = Rollup(), {}
        for date_ in sorted({*month.days, changed.whose.day}):
            is_changed = date_ == changed.whose.day
            day = changed if is_changed else await self._rollups.day(PrincipalDay(date_, month.owner))
            rollup.merge(day.rollup)
            digests[date_] = day.digest
        return MonthRollup(month=month.month, owner=month.owner, rollup=rollup, days=digests, version=month.version)


def _is_over(day: date, now: datetime) -> bool:
    return now - _GRACE >= datetime.combine(day + timedelta(days=1), datetime.min.time(), now.tzinfo)
