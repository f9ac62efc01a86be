"""Days on end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Days, the first and the last among them."""

    first: date
    last: date

    def __contains__(self, day: date | None) -> bool:
        """Return whether a day is one of them. None, a day nobody knows, is none."""
        return day is not None and self.first <= day <= self.last
