"""When an hour is looked at again, how long lines are waited for, and what has it looked at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.logs.blob_name import LATENESS
from shared.domain.logs.entries import AuditKind, OtherEntry
from shared.domain.reconciliation.lateness import SHORTEST_LATENESS, lateness, slow_arrival
from shared.domain.reconciliation.marks import windows_of
from shared.domain.reconciliation.windows import HOUR, LONGEST_RUN, OpenRun, Window, WindowState, open_windows
from tests.usecases.reconciling import NOW, event, logged_call, logged_usage, minute

WINDOW = Window.of_hour(NOW)
_delays = st.timedeltas(timedelta(0), LATENESS)


@given(time=st.datetimes(min_value=datetime(1990, 1, 1), timezones=st.just(UTC)), is_day=st.booleans())  # noqa: DTZ001
def test_a_window_comes_back_from_its_text(*, time: datetime, is_day: bool) -> None:
    """It is a key."""
    window = Window.of_day(time) if is_day else Window.of_hour(time)

    assert Window.parse(str(window)) == window


def test_the_hours_that_may_change_are_those_of_two_days_and_the_newest() -> None:
    """Two days is what Azure may take."""
    hours = open_windows(NOW)

    assert (len(hours), hours[0]) == (50, WINDOW)
    assert NOW - hours[-1].ends_at >= LATENESS


@given(st.integers(0, 200), st.none() | st.integers(-10, 3000))
def test_a_window_is_due_again_and_in_the_end_never(age_hours: int, deadline_minutes: int | None) -> None:
    """Soon after its hour, later the longer ago that is, and as soon as a call is no longer late."""
    now = WINDOW.ends_at + HOUR * age_hours
    deadline = None if deadline_minutes is None else now + timedelta(minutes=deadline_minutes)
    done = WindowState(window=WINDOW).claimed(now).finished(now, next_deadline=deadline, slow=None)

    assert done.settled == (HOUR * age_hours >= LATENESS and deadline is None)
    assert done.open_runs == ()
    if done.settled:
        assert not done.is_due(now + timedelta(days=365))
    else:
        assert done.due_at is not None
        assert now <= done.due_at <= max(now, min(now + timedelta(hours=6), deadline or done.due_at))


def test_a_run_that_is_open_has_the_window_run_again() -> None:
    """It may have written of an older view, last."""
    first = WindowState(window=WINDOW).claimed(NOW)
    second = first.claimed(NOW)
    done = second.finished(NOW, next_deadline=None, slow=None)

    assert [run.number for run in done.open_runs] == [1]
    assert done.is_due(NOW)
    assert not done.abandoned(1).open_runs
    assert done.claimed(NOW + LONGEST_RUN).open_runs == (OpenRun(3, NOW + LONGEST_RUN),)


@given(st.lists(_delays), st.randoms())
def test_how_slow_lines_are_is_the_same_in_any_order(delays: list[timedelta], chance: st.DataObject) -> None:
    """A quantile, of what arrived in any order."""
    shuffled = sorted(delays, reverse=True)

    assert slow_arrival(shuffled) == slow_arrival(delays)


def test_how_slow_lines_are_leaves_out_what_was_read_again() -> None:
    """A year's logs, read by hand, are not late."""
    assert slow_arrival([timedelta(seconds=5), timedelta(days=300)]) == timedelta(seconds=5)
    assert slow_arrival([timedelta(seconds=-5)]) == timedelta(0)
    assert slow_arrival([]) is None


def test_one_slow_line_in_a_thousand_does_not_make_all_late() -> None:
    """The slowest but one in a hundred does."""
    assert slow_arrival([timedelta(hours=5)] + [timedelta(seconds=9)] * 999) == timedelta(seconds=9)


@pytest.mark.parametrize(
    ("arrivals", "expected"),
    [
        ([], LATENESS),
        ([None], LATENESS),
        ([timedelta(seconds=90), None], SHORTEST_LATENESS),
        ([timedelta(hours=3), timedelta(seconds=1)], timedelta(hours=6)),
        ([timedelta(hours=40)], LATENESS),
    ],
)
def test_lateness_has_a_floor_and_an_end(arrivals: list[timedelta | None], expected: timedelta) -> None:
    """Minutes is what Azure takes, and two days what it may."""
    assert lateness(arrivals) == expected


def test_a_line_marks_each_hour_that_its_call_may_stand_in() -> None:
    """By either side's clock, and where another line of it stands."""
    edge = NOW.replace(hour=10, minute=1)
    late = logged_call(at=edge, logged_at=edge + 3 * HOUR)

    assert {window.place for window in windows_of([late])} == {"09", "10", "13"}
    assert {window.place for window in windows_of([logged_usage(at=edge)])} == {"09", "10"}
    assert {window.place for window in windows_of([minute("GeneratedTokens", 1)])} == {"09"}
    assert windows_of([minute("Latency", 1)]) == set()


def test_an_event_marks_its_day_and_at_midnight_both() -> None:
    """Its beginning may stand on the other."""
    midnight = NOW.replace(hour=0, minute=0)

    assert windows_of([event()]) == {Window.of_day(NOW)}
    assert windows_of([event(at=midnight)]) == {Window.of_day(midnight), Window.of_day(midnight - HOUR)}
    assert windows_of([event(AuditKind.OTHER), OtherEntry(occurred_at=NOW, category="Trace", record="{}")]) == set()
