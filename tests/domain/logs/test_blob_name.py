"""A blob's name tells which hour it is of, and so whether it can still change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.logs.blob_name import LATENESS, hour_of, is_sealed, recent_prefixes

FOLDER = "resourceId=/SUBSCRIPTIONS/S/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.COGNITIVESERVICES/ACCOUNTS/A/"
HOUR = datetime(2026, 11, 20, 8, tzinfo=UTC)
NAME = f"{FOLDER}y=2026/m=11/d=20/h=08/m=00/PT1H.json"

nows = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.timezones())  # noqa: DTZ001 - hypothesis adds the zone


@pytest.mark.parametrize("name", [NAME, NAME.lower(), NAME.upper(), NAME.removeprefix(FOLDER)])
def test_a_name_tells_the_hour(name: str) -> None:
    """Azure does not promise the case of its names."""
    assert hour_of(name) == HOUR


@pytest.mark.parametrize(
    "name",
    ["", "lines.jsonl", NAME.replace("d=20", "d=31"), NAME.replace("h=08", "h=24"), NAME.replace("y=2026", "y=²026")],
)
def test_another_name_tells_none(name: str) -> None:
    """Whoever may write a blob chooses its name."""
    assert hour_of(name) is None


def test_a_blob_can_change_until_all_that_is_late_has_come() -> None:
    """Its last line, if it has no newline, is taken as it is only then."""
    end = HOUR + timedelta(hours=1)

    assert not is_sealed(NAME, end + LATENESS - timedelta(seconds=1))
    assert is_sealed(NAME, end + LATENESS)
    assert not is_sealed("lines.jsonl", end + LATENESS)


def test_the_days_of_the_lateness_are_listed() -> None:
    """By day, not by hour: three or four listings for a resource, and not fifty."""
    assert recent_prefixes("f/", datetime(2026, 3, 1, 0, 30, tzinfo=UTC)) == [
        "f/y=2026/m=03/d=01/",
        "f/y=2026/m=02/d=28/",
        "f/y=2026/m=02/d=27/",
        "f/y=2026/m=02/d=26/",
    ]


@given(nows, st.timedeltas(timedelta(hours=-1), timedelta(hours=60)))
def test_every_blob_that_can_change_is_listed(now: datetime, age: timedelta) -> None:
    """One that is not would be read never again."""
    hour = (now - age).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    name = f"{FOLDER}{hour:y=%Y/m=%m/d=%d/h=%H}/m=00/PT1H.json"

    if hour <= now and not is_sealed(name, now):
        assert name.startswith(tuple(recent_prefixes(FOLDER, now)))
