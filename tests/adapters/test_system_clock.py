"""The clocks of this machine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from shared.adapters.system_clock import SystemClock


def test_now_is_aware_and_in_utc() -> None:
    """A naive time in the ledger is off by the hours of whoever reads it."""
    now = SystemClock().now()

    assert now.utcoffset() == timedelta(0)
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_monotonic_clock_never_goes_back() -> None:
    """Durations are measured with it."""
    clock = SystemClock()
    ticks = [clock.monotonic() for _ in range(1000)]

    assert ticks == sorted(ticks)
