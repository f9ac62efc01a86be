"""A time is cut into months, days and hours that are whole, and what is left at its edges."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.usage_keys import row_time
from shared.domain.usage_span import UsageSpan, start_of

times = st.timedeltas(timedelta(0), timedelta(days=3650)).map(datetime(2020, 1, 1, tzinfo=UTC).__add__)
spans = st.tuples(times, st.timedeltas(timedelta(microseconds=1), timedelta(days=400))).map(
    lambda pair: UsageSpan(begun_from=pair[0], begun_before=pair[0] + pair[1])
)


def span(begun_from: str, begun_before: str) -> UsageSpan:
    return UsageSpan(
        begun_from=datetime.fromisoformat(begun_from).replace(tzinfo=UTC),
        begun_before=datetime.fromisoformat(begun_before).replace(tzinfo=UTC),
    )


@given(spans)
def test_months_are_the_whole_without_a_gap(of: UsageSpan) -> None:
    """Each moment is in one of them, and each is within one month."""
    parts = list(of.months())

    assert (parts[0].begun_from, parts[-1].begun_before) == (of.begun_from, of.begun_before)
    assert all(one.begun_before == other.begun_from for one, other in itertools.pairwise(parts))
    assert all(part.first_day.replace(day=1) == part.last_day.replace(day=1) for part in parts)


@given(spans)
def test_whole_hours_are_those_wholly_inside(of: UsageSpan) -> None:
    """Of the others, records are read."""
    for day in {of.first_day, of.last_day}:
        inside = {
            hour
            for hour in range(24)
            if of.begun_from <= start_of(day) + timedelta(hours=hour)
            and start_of(day) + timedelta(hours=hour + 1) <= of.begun_before
        }

        assert set(of.whole_hours(day)) == inside
        assert of.holds(day) == (len(inside) == 24)


@given(spans)
def test_row_bounds_are_those_of_the_day_and_the_time(of: UsageSpan) -> None:
    """A record of another day is not in the partition; one of another time is not asked for."""
    first, end = of.row_bounds(of.first_day)

    assert first == row_time(of.begun_from)
    assert end == row_time(min(of.begun_before, start_of(of.first_day) + timedelta(days=1)))


@pytest.mark.parametrize(
    ("of", "before"),
    [
        (span("2026-11-01", "2026-12-01"), span("2026-10-01", "2026-11-01")),
        (span("2026-01-01", "2026-04-01"), span("2025-10-01", "2026-01-01")),
        (span("2026-11-01", "2026-11-23T09:30:00"), span("2026-10-09T14:30:00", "2026-11-01")),
        (span("2026-11-23", "2026-11-24"), span("2026-11-22", "2026-11-23")),
    ],
)
def test_the_time_before_is_as_long_or_as_many_months(of: UsageSpan, before: UsageSpan) -> None:
    """Who compares November wants October, which has a day more."""
    assert of.previous() == before


def test_the_last_moment_of_a_day_is_of_that_day() -> None:
    """Until midnight is not into the next day."""
    assert span("2026-11-01", "2026-11-02").last_day == date(2026, 11, 1)
