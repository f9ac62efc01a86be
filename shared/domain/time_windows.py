"""A long time cut into windows, so that what is asked for first is read without the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

# A busy ledger has a page of records in minutes, a quiet one in a day: a few steps lead from one to the other.
_FIRST_WIDTH = timedelta(minutes=5)
_GROWTH = 6
_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From when, and until before when; within one day of UTC."""

    begun_from: datetime
    begun_before: datetime

    @property
    def day(self) -> date:
        """The day it lies in."""
        return self.begun_from.date()


def windows_backwards(begun_from: datetime, begun_before: datetime) -> Iterator[Window]:
    """Yield windows from the end of a time to its beginning, each wider than the one before."""
    width, end = _FIRST_WIDTH, begun_before
    while end > begun_from:
        midnight = datetime.combine((end - _INSTANT).date(), time(), UTC)
        start = max(begun_from, midnight, end - width if end - midnight > width else midnight)
        yield Window(begun_from=start, begun_before=end)
        width, end = min(width * _GROWTH, _DAY), start


def windows_forwards(begun_from: datetime, begun_before: datetime) -> Iterator[Window]:
    """Yield windows from the beginning of a time to its end, each wider than the one before."""
    width, start = _FIRST_WIDTH, begun_from
    last_day = (begun_before - _INSTANT).date()
    while start < begun_before:
        # No day begins behind the last there is.
        day_end = begun_before if start.date() >= last_day else datetime.combine(start.date() + _DAY, time(), UTC)
        end = start + width if day_end - start > width else day_end
        yield Window(begun_from=start, begun_before=end)
        width, start = min(width * _GROWTH, _DAY), end


def days_backwards(begun_from: datetime, begun_before: datetime) -> Iterator[Window]:
    """Yield the days of a time, or the parts of them that are in it, the last first."""
    end = begun_before
    while end > begun_from:
        start = max(begun_from, datetime.combine((end - _INSTANT).date(), time(), UTC))
        yield Window(begun_from=start, begun_before=end)
        end = start
