"""How long to wait for a line of Azure's logs before it counts as missing: as long as lines have taken, and more."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from shared.domain.logs.blob_name import LATENESS as LONGEST_LATENESS

# Microsoft says minutes, and gives no number.
SHORTEST_LATENESS = timedelta(minutes=30)
_QUANTILE = 0.99
_SAFETY = 2


def slow_arrival(delays: Iterable[timedelta]) -> timedelta | None:
    """
    Return how long the slowest but one in a hundred lines took from when Azure logged them; None of no lines.

    What took longer than Azure ever exports was read again, or read by hand, and says nothing.
    """
    known = sorted(max(delay, timedelta(0)) for delay in delays if delay <= LONGEST_LATENESS)
    return known[min(len(known) - 1, int(len(known) * _QUANTILE))] if known else None


def lateness(slow_arrivals: Iterable[timedelta | None]) -> timedelta:
    """
    Return how long lines may take, by how long they took in the hours that are known.

    Where none is known nothing can be said before all is here that Azure will ever export.
    """
    known = [arrival for arrival in slow_arrivals if arrival is not None]
    if not known:
        return LONGEST_LATENESS
    return min(LONGEST_LATENESS, max(SHORTEST_LATENESS, max(known) * _SAFETY))
