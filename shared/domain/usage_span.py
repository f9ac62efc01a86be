"""A time that usage is asked for, and the months, days and hours it is made of. All in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from shared.domain.usage_keys import row_time

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageSpan:
    """From `begun_from`, which is in it, to `begun_before`, which is not; both are aware UTC."""

    begun_from: datetime
    begun_before: datetime

    @property
    def first_day(self) -> date:
        """The day of the first moment."""
        return self.begun_from.date()

    @property
    def last_day(self) -> date:
        """The day of the last moment."""
        return (self.begun_before - _TICK).date()

    def previous(self) -> UsageSpan:
        """Return the time before: as many months, where it is whole months, or else as long a time."""
        if _begins_month(self.begun_from) and _begins_month(self.begun_before):
            months = _months(self.begun_before) - _months(self.begun_from)
            return UsageSpan(begun_from=_month(_months(self.begun_from) - months), begun_before=self.begun_from)
        length = self.begun_before - self.begun_from
        return UsageSpan(begun_from=self.begun_from - length, begun_before=self.begun_from)

    def months(self) -> Iterator[UsageSpan]:
        """Yield its parts, each within one month."""
        begun_from = self.begun_from
        while begun_from < self.begun_before:
            end = _month(_months(begun_from) + 1)
            yield UsageSpan(begun_from=begun_from, begun_before=min(end, self.begun_before))
            begun_from = end

    def holds(self, day: date) -> bool:
        """Return whether all of a day is in it."""
        start = start_of(day)
        return self.begun_from <= start and start + _DAY <= self.begun_before

    def touches(self, day: date) -> bool:
        """Return whether any of a day is in it."""
        return self.first_day <= day <= self.last_day

    def row_bounds(self, day: date) -> tuple[str, str]:
        """Return from which, and before which, row key the records of a day are in it."""
        start = start_of(day)
        return row_time(max(self.begun_from, start)), row_time(min(self.begun_before, start + _DAY))

    def whole_hours(self, day: date) -> range:
        """Return the hours of a day that are wholly in it."""
        start = start_of(day)
        first = -((start - self.begun_from) // _HOUR) if self.begun_from > start else 0
        end = (self.begun_before - start) // _HOUR
        return range(min(first, 24), max(first, min(end, 24)))


def start_of(day: date) -> datetime:
    """Return the first moment of a day."""
    return datetime.combine(day, time(), UTC)


def _begins_month(moment: datetime) -> bool:
    return moment == moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _months(moment: datetime) -> int:
    return moment.year * 12 + moment.month - 1


def _month(number: int) -> datetime:
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)
