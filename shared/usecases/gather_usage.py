"""Gather usage: what was used in a time, exactly, from rollups and the records they do not hold yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from shared.domain.rollup import Rollup
from shared.domain.unfolded import LooseDay
from shared.domain.usage_entry import UsageEntry
from shared.domain.usage_keys import Owner, PrincipalDay
from shared.domain.usage_part import UsagePart
from shared.domain.usage_span import UsageSpan, start_of
from shared.ports.rollups import DayRollup, Detail, MonthRollup, Rollups
from shared.ports.unfolded import UnfoldedUsage
from shared.ports.usage_entries import UsageEntries

# A month asked for until about now is read as a month: so much of its end is days that are not settled yet.
_UNSETTLED = timedelta(days=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """
    How finely usage is to be told: by month, unless by day or by hour; whether by more than whose it is; and
    whether percentiles are wanted.
    """

    cells: bool = False
    days: bool = False
    hours: bool = False
    percentiles: bool = False


class GatherUsage:
    """
    Reads what rollups do not hold first, and rollups after that: so no record is missed, and none counted twice.

    Where the two may disagree (a record landed late, or changed) it reads the records of that principal's day.
    """

    def __init__(self, *, unfolded: UnfoldedUsage, rollups: Rollups, entries: UsageEntries) -> None:
        self._unfolded = unfolded
        self._rollups = rollups
        self._entries = entries

    async def __call__(self, span: UsageSpan, owner: Owner | None, need: Need) -> AsyncIterator[UsagePart]:
        """
        Yield parts that together are all that one principal, or all of them, used.

        Raises:
            StorageError: the ledger cannot be read.
        """
        unfolded = await self._unfolded.read()
        loose = {
            whose: day
            for whose, day in unfolded.days.items()
            if span.touches(whose.day) and owner in (None, whose.owner)
        }
        for part_span in span.months():
            gathering = _Gathering(
                reads=self,
                span=part_span,
                owner=owner,
                need=need,
                now=unfolded.served_at,
                loose={whose: day for whose, day in loose.items() if part_span.touches(whose.day)},
                unsettled={day for day in unfolded.unsettled if part_span.touches(day)},
            )
            async for part in gathering.parts():
                yield part

    async def day(self, whose: PrincipalDay, detail: Detail) -> DayRollup:
        """See Rollups."""
        return await self._rollups.day(whose, detail)

    async def days(self, first: date, last: date, owner: Owner | None, detail: Detail) -> list[DayRollup]:
        """Return the rollups of days, of one principal or all."""
        if owner is None:
            return [each async for page in self._rollups.days(first, last, detail) for each in page]
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        found = await asyncio.gather(*(self._rollups.day(PrincipalDay(day, owner), detail) for day in days))
        return [each for each in found if each.version]

    async def months(self, month: date, owner: Owner | None, detail: Detail) -> list[MonthRollup]:
        """Return the rollups of a month, of one principal or all."""
        if owner is None:
            return [each async for page in self._rollups.months(month, detail) for each in page]
        found = await self._rollups.month(month, owner, detail)
        return [found] if found.version else []

    async def records(
        self, whose: PrincipalDay, row_from: str, row_before: str, row_after: str = ""
    ) -> list[UsageEntry]:
        """Return the records of a principal's day between row keys."""
        pages = self._entries.entries(whose, row_from=row_from, row_after=row_after, row_before=row_before)
        return [entry async for page in pages for entry in page]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gathering:
    """What is asked for within one month, and what is known about it."""

    reads: GatherUsage
    span: UsageSpan
    owner: Owner | None
    need: Need
    now: datetime
    loose: Mapping[PrincipalDay, LooseDay]
    unsettled: set[date]

    async def parts(self) -> AsyncIterator[UsagePart]:
        days: dict[PrincipalDay, DayRollup] = {}
        held: dict[Owner, Iterable[date]] = {}
        if self._is_a_month():
            month = self.span.first_day.replace(day=1)
            months, _ = await asyncio.gather(
                self.reads.months(month, self.owner, self._detail()), self._read_days(days, self.unsettled)
            )
            doubtful = self.unsettled | {whose.day for whose in self.loose}
            standing = [each for each in months if self._stands(each, days, doubtful)]
            for each in standing:
                held[each.owner] = each.days.keys()
                yield UsagePart(each.owner, f"{month:%Y-%m}", each.rollup)
            fallen = [each for each in months if each.owner not in held]
            await self._read_each(days, (PrincipalDay(day, each.owner) for each in fallen for day in each.days))
        else:
            await self._read_days(days, self._all_days())
        await self._read_each(days, self.loose)
        rest = [day for day in days.values() if day.whose.day not in held.get(day.whose.owner, ())]
        for part in await asyncio.gather(*map(self._day_part, rest)):
            yield part

    def _is_a_month(self) -> bool:
        """Return whether it is worth looking at rollups of the month."""
        begins = self.span.begun_from == start_of(self.span.first_day.replace(day=1))
        ends = self.span.begun_before == start_of(_next_month(self.span.first_day))
        is_until_now = self.span.begun_before >= self.now - _UNSETTLED
        return begins and (ends or is_until_now) and not (self.need.days or self.need.hours)

    def _stands(self, month: MonthRollup, days: Mapping[PrincipalDay, DayRollup], doubtful: set[date]) -> bool:
        """Return whether a month is of days that are asked for, and holds what they do."""
        if month.days and not (self.span.holds(min(month.days)) and self.span.holds(max(month.days))):
            return False
        # Of other days nobody has changed the rollup since it was settled.
        in_doubt = (PrincipalDay(day, month.owner) for day in doubtful if day in month.days)
        return all(
            whose not in self.loose and (whose not in days or days[whose].digest == month.days[whose.day])
            for whose in in_doubt
        )

    def _all_days(self) -> set[date]:
        first = self.span.first_day
        return {first + timedelta(days=number) for number in range((self.span.last_day - first).days + 1)}

    async def _read_days(self, days: dict[PrincipalDay, DayRollup], wanted: set[date]) -> None:
        """Read the rollups of whole days, runs of them at once, and of days at the edges with their hours."""
        runs = _runs(wanted, self._is_edge)
        found = await asyncio.gather(
            *(self.reads.days(first, last, self.owner, self._detail_of(first)) for first, last in runs)
        )
        days.update({each.whose: each for run in found for each in run})

    async def _read_each(self, days: dict[PrincipalDay, DayRollup], wanted: Iterable[PrincipalDay]) -> None:
        """Read the rollups of some principals' days that are asked for and not read yet."""
        missing = [whose for whose in wanted if whose not in days and self.span.touches(whose.day)]
        found = await asyncio.gather(*(self.reads.day(whose, self._detail_of(whose.day)) for whose in missing))
        days.update({each.whose: each for each in found})

    def _detail(self) -> Detail:
        need = self.need
        return Detail(cells=need.cells or need.hours or need.percentiles, hours=need.hours, sketches=need.percentiles)

    def _detail_of(self, day: date) -> Detail:
        return replace(self._detail(), cells=True, hours=True) if self._is_edge(day) else self._detail()

    def _is_edge(self, day: date) -> bool:
        """Return whether a day's rollup may hold what is not asked for. None holds what has not begun yet."""
        is_until_now = self.span.begun_from <= start_of(day) and self.span.begun_before >= self.now
        return not (self.span.holds(day) or is_until_now)

    async def _day_part(self, day: DayRollup) -> UsagePart:
        return UsagePart(day.whose.owner, day.whose.day.isoformat(), await self._rollup(day))

    async def _rollup(self, day: DayRollup) -> Rollup:
        whose, loose = day.whose, self.loose.get(day.whose)
        row_from, row_before = self.span.row_bounds(whose.day)
        is_edge = self._is_edge(whose.day)
        if (loose and loose.is_behind(day.folded_through, day.folded_notes)) or (is_edge and self.need.percentiles):
            return Rollup.of(await self.reads.records(whose, row_from, row_before))
        rollup = await self._within(day, row_from, row_before) if is_edge else day.rollup
        add = rollup.add if self._detail().cells else rollup.add_to_sums
        for entry in await self._tail(day, loose, row_from, row_before) if loose else ():
            add(entry)
        return rollup

    async def _tail(self, day: DayRollup, loose: LooseDay, row_from: str, row_before: str) -> list[UsageEntry]:
        """Return the records behind a rollup's end."""
        tail = loose.tail(day.folded_through)
        if tail is None:
            return await self.reads.records(day.whose, row_from, row_before, day.folded_through)
        return [entry for entry in tail if row_from <= entry.row_key < row_before]

    async def _within(self, day: DayRollup, row_from: str, row_before: str) -> Rollup:
        """Return what a rollup holds of hours that are asked for, and the records of parts of hours."""
        hours = self.span.whole_hours(day.whose.day)
        part = day.rollup.within_hours(hours)
        for edge_from, edge_before in _edges(day.whose.day, hours, row_from, row_before):
            if edge_from < edge_before and edge_from <= day.folded_through:
                for entry in await self.reads.records(day.whose, edge_from, edge_before):
                    if entry.row_key <= day.folded_through:
                        part.add(entry)
        return part


def _edges(day: date, hours: range, row_from: str, row_before: str) -> list[tuple[str, str]]:
    """Return the row keys between which the parts of hours lie, before and behind the whole ones."""
    if not hours:
        return [(row_from, row_before)]
    return [(row_from, _hour_key(day, hours.start)), (_hour_key(day, hours.stop), row_before)]


def _hour_key(day: date, hour: int) -> str:
    """Return what the row keys of an hour begin with or come after, of the 24th too, which is behind the day."""
    return f"{day:%Y%m%d}T{hour:02}0000.000000Z"


def _runs(days: set[date], is_edge: Callable[[date], bool]) -> list[tuple[date, date]]:
    """Return days as runs of days, from first to last; those at an edge for themselves."""
    runs: list[tuple[date, date]] = []
    for day in sorted(days):
        follows = runs and runs[-1][1] == day - timedelta(days=1)
        if follows and not is_edge(day) and not is_edge(runs[-1][1]):
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return runs


def _next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
