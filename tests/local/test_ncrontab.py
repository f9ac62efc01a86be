"""When timers are due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from local.ncrontab import ScheduleError, parse_schedule

_NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)  # a Monday


def _ranges(first: int, last: int) -> st.SearchStrategy[str]:
    value = st.integers(first, last)
    # cronsim takes a range of one for its start where a step follows; NCrontab does not.
    span = st.lists(value, min_size=2, max_size=2, unique=True).map(lambda ends: f"{min(ends)}-{max(ends)}")
    part = st.one_of(value.map(str), span, st.integers(2, 20).flatmap(lambda step: _stepped(span, step)))
    return st.one_of(st.just("*"), st.lists(part, min_size=1, max_size=3).map(",".join))


def _stepped(span: st.SearchStrategy[str], step: int) -> st.SearchStrategy[str]:
    return st.one_of(st.just("*"), span).map(lambda text: f"{text}/{step}")


_MOMENTS = st.timedeltas(timedelta(0), timedelta(days=20_000)).map(lambda later: _NOON + later)
_TIMES = st.tuples(_ranges(0, 59), _ranges(0, 59), _ranges(0, 23))
# cron joins the two kinds of day with "or" where NCrontab says "and", so only one of them is set.
_DAYS = st.one_of(
    _ranges(1, 28).map(lambda day: f"{day} * *"),
    st.tuples(_ranges(1, 12), _ranges(0, 6)).map(lambda pair: f"* {pair[0]} {pair[1]}"),
)


@given(times=_TIMES, days=_DAYS, moment=_MOMENTS)
def test_it_agrees_with_cronsim_where_cron_and_ncrontab_agree(
    times: tuple[str, str, str], days: str, moment: datetime
) -> None:
    """A second implementation, by somebody else."""
    text = " ".join([*times, days])

    assert parse_schedule(text).next_after(moment) == next(CronSim(text, moment))


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("0 */5 * * * *", "2026-11-23 12:05:00"),
        ("*/5 * * * *", "2026-11-23 12:05:00"),
        ("30 10/20 * * * *", "2026-11-23 12:10:30"),
        ("0 30 9 * Jan Mon", "2027-01-04 09:30:00"),
        ("0 0 0 * february sunday", "2027-02-07 00:00:00"),
        ("0 0 17-9 * * *", "2026-11-23 13:00:00"),
        ("0 0 0 29 2 *", "2028-02-29 00:00:00"),
        ("0 0 0 13 * 5", "2027-08-13 00:00:00"),
        ("00:05:00", "2026-11-23 12:05:00"),
        ("1.00:00:01", "2026-11-24 12:00:01"),
        ("24:00:00", "2026-12-17 12:00:00"),
    ],
)
def test_schedules_mean_what_azure_says(text: str, due: str) -> None:
    """Among them: both days must match, a range turned round, and 24 hours that are 24 days."""
    assert parse_schedule(text).next_after(_NOON) == datetime.fromisoformat(f"{due}+00:00")


def test_what_is_due_now_is_due_again_only_later() -> None:
    """Else a timer that took less than a second would run twice."""
    every_second = parse_schedule("* * * * * *")

    assert every_second.next_after(_NOON) == _NOON + timedelta(seconds=1)
    assert every_second.next_after(_NOON + timedelta(milliseconds=1)) == _NOON + timedelta(seconds=1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "* * * * * * *",
        "60 * * * * *",
        "* * 24 * * *",
        "* * * 0 * *",
        "* * * * 13 *",
        "* * * * * 7",
        "*/0 * * * * *",
        "*/x * * * * *",
        "1- * * * * *",
        ", * * * * *",
        "* * * * ju *",
        "0 0 0 30 2 *",
        "00:00:00",
        "00:60:00",
        "٣ * * * * *",
    ],
)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    """When the host starts, not when the timer never fires."""
    with pytest.raises(ScheduleError):
        parse_schedule(text)
