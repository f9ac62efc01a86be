"""Whether a worker is gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.liveness import Heartbeat, LeftOpen, Workers
from tests.adapters.records import open_call

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
LEASE = timedelta(seconds=90)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def workers(*heartbeats: Heartbeat) -> Workers:
    return Workers(now=NOW, lease=LEASE, heartbeats={beat.worker_id: beat for beat in heartbeats})


def beat(age: float, *, worker_id: str = "w1", lease: timedelta = LEASE) -> Heartbeat:
    return Heartbeat(worker_id=worker_id, beat_at=NOW - seconds(age), lease=lease, version="1")


def row(age: float, *, worker_id: str = "w1") -> LeftOpen:
    return LeftOpen(worker_id=worker_id, written_at=NOW - seconds(age), call=open_call())


@pytest.mark.parametrize(("age", "is_gone"), [(-1.0, False), (0, False), (90, False), (90.001, True), (1e6, True)])
def test_a_worker_is_gone_when_its_lease_is_over(age: float, is_gone: bool) -> None:
    """Not before: a sweep may come at any moment between two beats."""
    assert [each.worker_id for each in workers(beat(age)).gone()] == ["w1"] * is_gone
    assert workers(beat(age)).have_left(row(1e6)) is is_gone


def test_a_worker_that_has_just_begun_a_call_lives() -> None:
    """It was paused for longer than its lease, and its next beat is still to come."""
    assert not workers(beat(1000)).have_left(row(1))


@pytest.mark.parametrize(("age", "is_gone"), [(1, False), (90, False), (91, True)])
def test_a_call_without_a_heartbeat_is_judged_by_its_own_row(age: float, is_gone: bool) -> None:
    """Another sweeper has taken the heartbeat away, or its write was lost."""
    assert workers(beat(0, worker_id="w2")).have_left(row(age)) is is_gone


def test_a_worker_is_judged_by_its_own_lease() -> None:
    """While a new setting is rolled out, workers of the old one live among those of the new."""
    patient = beat(200, lease=seconds(300))

    assert workers(patient).gone() == []
    assert not workers(patient).have_left(row(250))


@pytest.mark.parametrize(
    ("heartbeats", "age", "ran"), [([beat(100)], 160, 60), ([beat(100)], 91, 0), ([], 91, 0), ([beat(100)], 100, 0)]
)
def test_a_call_ran_at_least_until_its_worker_was_last_seen(
    heartbeats: list[Heartbeat], age: float, ran: float
) -> None:
    """By one clock, so that it is never less than nothing."""
    assert workers(*heartbeats).known_to_run(row(age)) == seconds(ran)
