"""
When a timer trigger is due: NCRONTAB expressions and time spans, in UTC.

https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions
and NCrontab itself (https://github.com/atifaziz/NCrontab), which differs from cron: a day must
match both its day of month and its day of week, and a range that runs backwards is turned round.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from local.errors import WorkbenchError

_MONTHS = ("january february march april may june july august september october november december").split()
_WEEKDAYS = "sunday monday tuesday wednesday thursday friday saturday".split()
_TIME_SPAN = re.compile(r"(?:(\d+)\.)?(\d+):(\d+):(\d+)")

# 29 February of a given weekday comes every 28 years, and once after 40 (1900 and 2100 are none).
_LONGEST_WAIT = timedelta(days=366 * 41)


class ScheduleError(WorkbenchError):
    """A schedule nobody can understand, or that is never due."""


class Schedule(Protocol):
    """Says when a timer is due."""

    def next_after(self, moment: datetime) -> datetime:
        """Return the first time due after `moment`, both aware UTC."""
        ...


def parse_schedule(text: str) -> Schedule:
    """
    Return the schedule of a timer trigger: six fields (five without seconds), or a time span.

    Raises:
        ScheduleError: it is neither, or it names a day that never comes.
    """
    if match := _TIME_SPAN.fullmatch(text.strip()):
        return _time_span(text, match)
    fields = text.split()
    if len(fields) == len(_FIELDS) - 1:
        fields.insert(0, "0")
    if len(fields) != len(_FIELDS):
        raise ScheduleError(f"the schedule {text!r} has {len(fields)} fields, not six")
    sets = [field.values(written) for field, written in zip(_FIELDS, fields, strict=True)]
    schedule = Crontab(*sets)
    schedule.next_after(datetime(2000, 1, 1, tzinfo=UTC))
    return schedule


@dataclass(frozen=True, slots=True)
class Interval:
    """Due again and again, a fixed time apart."""

    every: timedelta

    def next_after(self, moment: datetime) -> datetime:
        """Return `moment` and the interval."""
        return moment + self.every


@dataclass(frozen=True, slots=True)
class Crontab:
    """Due whenever all six fields match."""

    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]  # Sunday is 0

    def next_after(self, moment: datetime) -> datetime:
        """
        Return the first whole second after `moment` that matches.

        Raises:
            ScheduleError: there is none, as for 30 February.
        """
        due = moment.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        give_up = due + _LONGEST_WAIT
        while due < give_up:
            if not self._matches_day(due):
                due = due.replace(hour=0, minute=0, second=0) + timedelta(days=1)
            elif due.hour not in self.hours:
                due = due.replace(minute=0, second=0) + timedelta(hours=1)
            elif due.minute not in self.minutes:
                due = due.replace(second=0) + timedelta(minutes=1)
            elif due.second not in self.seconds:
                due += timedelta(seconds=1)
            else:
                return due
        raise ScheduleError("the schedule names a day that never comes")

    def _matches_day(self, moment: datetime) -> bool:
        return moment.month in self.months and moment.day in self.days and moment.isoweekday() % 7 in self.weekdays


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    first: int
    last: int
    words: tuple[str, ...] = ()

    def values(self, text: str) -> frozenset[int]:
        return frozenset(value for part in text.split(",") for value in self._part(part))

    def _part(self, part: str) -> range:
        span, slash, step_text = part.partition("/")
        step = self._step(step_text) if slash else 1
        if span == "*":
            return range(self.first, self.last + 1, step)
        low, dash, high = span.partition("-")
        if dash:
            low_value, high_value = sorted((self._value(low), self._value(high)))
            return range(low_value, high_value + 1, step)
        start = self._value(span)
        return range(start, self.last + 1, step) if step > 1 else range(start, start + 1)

    def _step(self, text: str) -> int:
        if not text.isascii() or not text.isdigit() or int(text) == 0:
            raise ScheduleError(f"{text!r} is no step of a {self.name}")
        return int(text)

    def _value(self, text: str) -> int:
        if text.isascii() and text.isdigit() and self.first <= int(text) <= self.last:
            return int(text)
        named = [i for i, word in enumerate(self.words) if len(text) > 2 and word.startswith(text.lower())]
        if len(named) != 1:
            raise ScheduleError(f"{text!r} is no {self.name}")
        return named[0] + self.first


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, tuple(_MONTHS)),
    _Field("day of the week", 0, 6, tuple(_WEEKDAYS)),
)


def _time_span(text: str, match: re.Match[str]) -> Interval:
    days, hours, minutes, seconds = (int(group or 0) for group in match.groups())
    if not match[1] and hours > 23:
        # As .NET reads it: `24:00:00` is 24 days, not 24 hours.
        days, hours, minutes, seconds = hours, minutes, seconds, 0
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ScheduleError(f"{text!r} is no time span")
    every = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not every:
        raise ScheduleError(f"the time span {text!r} is no time at all")
    return Interval(every)
