"""Errors of a counter, and what they come to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# An error this large is still close: a token of framing on either side.
CLOSE = 2


@dataclass(frozen=True, slots=True)
class Tally:
    """
    The counts of some calls. `errors` are ours minus billed, of those that could be counted.

    `bounds_broken` are the calls of which only a lower bound is known, and it is above the bill.
    """

    rows: int
    errors: tuple[int, ...]
    bounds_broken: int = 0

    @property
    def countable(self) -> int:
        """How many could be counted."""
        return len(self.errors)

    @property
    def exact(self) -> int:
        """How many were counted as billed."""
        return sum(error == 0 for error in self.errors)

    @property
    def within_2(self) -> int:
        """How many are at most CLOSE off."""
        return sum(abs(error) <= CLOSE for error in self.errors)

    @property
    def p95(self) -> int:
        """The error that 95 of 100 counts do not exceed."""
        if not self.errors:
            return 0
        sizes = sorted(map(abs, self.errors))
        return sizes[max(-(-len(sizes) * 95 // 100) - 1, 0)]

    @property
    def worst(self) -> int:
        """The largest error."""
        return max(map(abs, self.errors), default=0)

    def as_json(self) -> dict[str, int]:
        """Return what programs read."""
        return {
            "rows": self.rows,
            "countable": self.countable,
            "exact": self.exact,
            "within_2": self.within_2,
            "p95": self.p95,
            "worst": self.worst,
            "bounds_broken": self.bounds_broken,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """
    One count beside what was billed. `counted` is None where it cannot be counted.

    `at_least` is the lower bound where only that is known.
    """

    kind: str
    shape: str
    source: str
    call_id: str
    billed: int
    counted: int | None
    at_least: int | None = None


def tally(measured: Iterable[Measured]) -> Tally:
    """Return what some counts come to."""
    rows = list(measured)
    return Tally(
        rows=len(rows),
        errors=tuple(row.counted - row.billed for row in rows if row.counted is not None),
        bounds_broken=sum(row.at_least is not None and row.at_least > row.billed for row in rows),
    )
