"""A breaker: after a failure hardly anybody waits for what is down, and it is found again when it is back."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.circuit_breaker import CircuitBreaker


def test_all_try_what_has_not_failed() -> None:
    """It costs nothing while all is well."""
    breaker = CircuitBreaker(pause_seconds=5)

    assert all(breaker.admits(now) for now in (0, 0, 1, 100))
    assert not breaker.is_open


def test_after_a_failure_one_tries_every_pause() -> None:
    """A storm of trials would keep down what is coming up."""
    breaker = CircuitBreaker(pause_seconds=5)
    breaker.failed(10)

    assert [breaker.admits(now) for now in (10, 14.9, 15, 15, 19.9, 20, 20)] == [
        False,
        False,
        True,
        False,
        False,
        True,
        False,
    ]


def test_a_success_lets_all_through() -> None:
    """One is enough to know."""
    breaker = CircuitBreaker(pause_seconds=5)
    breaker.failed(10)
    was_open = breaker.is_open
    breaker.succeeded()

    assert (was_open, breaker.is_open) == (True, False)
    assert breaker.admits(10)


def test_a_trial_that_fails_begins_the_pause_anew() -> None:
    """It may have taken longer than the pause itself."""
    breaker = CircuitBreaker(pause_seconds=5)
    breaker.failed(0)
    assert breaker.admits(5)
    breaker.failed(15)

    assert not breaker.admits(19.9)
    assert breaker.admits(20)


def test_a_trial_that_never_reports_holds_nobody_up() -> None:
    """Its caller hung up."""
    breaker = CircuitBreaker(pause_seconds=5)
    breaker.failed(0)
    assert breaker.admits(5)

    assert breaker.admits(10)


@given(st.lists(st.floats(0, 3), max_size=100))
def test_while_it_is_open_no_two_trials_are_closer_than_a_pause(steps: list[float]) -> None:
    """Whenever they ask."""
    breaker = CircuitBreaker(pause_seconds=5)
    breaker.failed(0)
    now, trials = 0.0, [0.0]
    for step in steps:
        now += step
        if breaker.admits(now):
            trials.append(now)

    assert all(later - earlier >= 5 for earlier, later in pairwise(trials))
