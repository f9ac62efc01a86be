"""A long time cut into windows: whole, in order, and none across midnight."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.domain.time_windows import Window, days_backwards, windows_backwards, windows_forwards

_times = st.datetimes(timezones=st.just(UTC))
_LAST = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)


@given(_times, st.timedeltas(timedelta(microseconds=1), timedelta(days=92)))
@example(_LAST - timedelta(days=1), timedelta(days=1))
@example(datetime(1, 1, 1, tzinfo=UTC), timedelta(hours=3))
def test_windows_are_the_whole_time_once(begun_from: datetime, length: timedelta) -> None:
    """A gap hides calls, an overlap shows them twice; the calendar ends on both sides."""
    begun_before = begun_from + length if begun_from <= _LAST - length else _LAST
    if begun_from == begun_before:
        return
    backwards = list(windows_backwards(begun_from, begun_before))
    for windows in (
        backwards[::-1],
        list(windows_forwards(begun_from, begun_before)),
        list(days_backwards(begun_from, begun_before))[::-1],
    ):
        assert (windows[0].begun_from, windows[-1].begun_before) == (begun_from, begun_before)
        assert all(one.begun_before == next_one.begun_from for one, next_one in pairwise(windows))
        assert all(_lies_in_a_day(window) for window in windows)
        assert len(windows) <= 92 + 10


def _lies_in_a_day(window: Window) -> bool:
    last = window.begun_before - timedelta(microseconds=1)
    return window.begun_from < window.begun_before and last.date() == window.begun_from.date() == window.day


def test_the_first_windows_are_small_and_a_quiet_day_is_one() -> None:
    """A page of a busy ledger is in the last minutes; three months of a quiet one are not a thousand requests."""
    end = datetime(2026, 11, 23, 12, tzinfo=UTC)
    widths = [each.begun_before - each.begun_from for each in windows_backwards(end - timedelta(days=90), end)]

    assert widths[:3] == [timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=3)]
    assert len(widths) == 94


@pytest.mark.parametrize("windows", [windows_backwards, windows_forwards, days_backwards])
def test_no_time_has_no_window(windows: object) -> None:
    """What ends before it begins, as behind a cursor that lies outside."""
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)

    assert list(windows(now, now)) == list(windows(now, now - timedelta(days=1))) == []  # type: ignore[operator]
