"""When an hour, or a day of control-plane events, is looked at again, and by which run.

A run claims a number, works, and finishes under it. A run that died leaves its number open; while one is, what it
last wrote may be of an older view than what others wrote, so the window is run again until none is
(docs/decisions/0016-reconcile-by-the-hour.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from shared.domain.logs.blob_name import LATENESS

HOUR = timedelta(hours=1)
# No run takes longer: `usecases/reconcile_usage.py` ends it before.
LONGEST_RUN = timedelta(minutes=10)
# Hours that may still change without anybody saying so, the one that has just begun and the one before counted.
OPEN_HOURS = int(LATENESS / HOUR) + 2

_SHORTEST_PAUSE = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(hours=6)
# A pause is this part of the time since the hour ended: a record that comes after a day is seen within three hours.
_PAUSE_PART = 8

_HOUR_FORM = "%Y%m%dT%H"
_DAY_FORM = "%Y%m%d"


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """An hour of calls, or a day of control-plane events; as text `20261123T09`, or `20261123`. It begins in UTC."""

    begins_at: datetime
    is_day: bool = False

    @classmethod
    def of_hour(cls, time: datetime) -> Window:
        """Return the hour that a time is in."""
        return cls(time.astimezone(UTC).replace(minute=0, second=0, microsecond=0))

    @classmethod
    def of_day(cls, time: datetime) -> Window:
        """Return the day that a time is in."""
        return cls(time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0), is_day=True)

    @classmethod
    def parse(cls, text: str) -> Window:
        """Return the window of a text. Raises ValueError."""
        is_day = len(text) == len("20261123")
        return cls(datetime.strptime(text, _DAY_FORM if is_day else _HOUR_FORM).replace(tzinfo=UTC), is_day=is_day)

    @property
    def ends_at(self) -> datetime:
        """The first moment that is no longer in it."""
        return self.begins_at + (timedelta(days=1) if self.is_day else HOUR)

    @property
    def day(self) -> date:
        """The day that it is, or is of."""
        return self.begins_at.date()

    @property
    def place(self) -> str:
        """What tells it from the others of its day."""
        return "day" if self.is_day else f"{self.begins_at:%H}"

    def __str__(self) -> str:
        return self.begins_at.strftime(_DAY_FORM if self.is_day else _HOUR_FORM)


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that has begun, and has not said that it is over."""

    number: int
    claimed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowState:
    """
    What is known of a window. `version` is the row's, empty where there is none yet.

    `slow_arrival` is how long its lines took to arrive, None where none has.
    """

    window: Window
    last_run: int = 0
    open_runs: tuple[OpenRun, ...] = ()
    reconciled_at: datetime | None = None
    due_at: datetime | None = None
    settled: bool = False
    slow_arrival: timedelta | None = None
    version: str = ""

    def is_due(self, now: datetime) -> bool:
        """Return whether it is to be run though nobody has marked it."""
        return bool(self.open_runs) or self.reconciled_at is None or (self.due_at is not None and self.due_at <= now)

    def claimed(self, now: datetime) -> WindowState:
        """Return the state with one more run, which is its `last_run`; runs that can no longer go on are let go."""
        number = self.last_run + 1
        alive = (run for run in self.open_runs if abs(now - run.claimed_at) < LONGEST_RUN)
        return replace(self, last_run=number, open_runs=(*alive, OpenRun(number, now)))

    def abandoned(self, number: int) -> WindowState:
        """Return the state without a run whose results do not count, for a later one has been claimed meanwhile."""
        return replace(self, open_runs=_without(self.open_runs, number), due_at=self.reconciled_at)

    def finished(self, now: datetime, *, next_deadline: datetime | None, slow: timedelta | None) -> WindowState:
        """Return the state after the last run; `next_deadline` is when a call of it is no longer late."""
        age = now - self.window.ends_at
        is_over = age >= LATENESS and next_deadline is None
        pause = min(_LONGEST_PAUSE, max(_SHORTEST_PAUSE, age / _PAUSE_PART))
        # Once more when nothing comes any more, to say so.
        times = [now + pause, next_deadline, self.window.ends_at + LATENESS if age < LATENESS else None]
        due_at = max(now, min(time for time in times if time is not None))
        return replace(
            self,
            open_runs=_without(self.open_runs, self.last_run),
            reconciled_at=now,
            due_at=None if is_over or self.window.is_day else due_at,
            settled=is_over,
            slow_arrival=slow,
        )


def _without(runs: tuple[OpenRun, ...], number: int) -> tuple[OpenRun, ...]:
    return tuple(run for run in runs if run.number != number)


def open_windows(now: datetime) -> list[Window]:
    """Return the hours that may still change, newest first."""
    newest = Window.of_hour(now)
    return [Window(newest.begins_at - HOUR * ago) for ago in range(OPEN_HOURS)]
