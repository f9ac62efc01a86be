from __future__ import annotations

from datetime import date

from shared.domain.period import Period


def test_a_period_has_its_first_and_last_day() -> None:
    """And none that nobody knows."""
    period = Period(first=date(2025, 3, 10), last=date(2025, 3, 27))

    assert date(2025, 3, 10) in period
    assert date(2025, 3, 27) in period
    assert date(2025, 3, 9) not in period
    assert date(2025, 3, 28) not in period
    assert None not in period
