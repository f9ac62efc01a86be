"""What a terminal is told of a call."""

from __future__ import annotations

from decimal import Decimal

import pytest

from shared.cli.text import dollars


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (None, "-"),
        (Decimal(0), "0.0000"),
        (Decimal("0.00000014"), "<0.0001"),
        (Decimal("0.0001"), "0.0001"),
        (Decimal("1234.5"), "1,234.5000"),
    ],
)
def test_little_is_not_shown_as_nothing(amount: Decimal | None, shown: str) -> None:
    """A call of an embedding costs less than a hundredth of a cent, and is not free."""
    assert dollars(amount) == shown
