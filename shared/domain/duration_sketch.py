"""How durations are distributed, in a few numbers that can be added up: a DDSketch."""

from __future__ import annotations

from functools import lru_cache

from ddsketch.mapping import LogarithmicMapping

# Of the value a percentile is given as: 2 % of ten seconds are 200 ms. Half of it would take twice the bins,
# of which there are some 270 from a millisecond to a minute.
RELATIVE_ACCURACY = 0.02

_MAPPING = LogarithmicMapping(RELATIVE_ACCURACY)


class DurationSketch(dict[int, int]):
    """How many durations, in milliseconds, are in each bin. What took less than one counts as one."""

    def add(self, duration_ms: int) -> None:
        """Add a duration."""
        key = _bin(duration_ms)
        self[key] = self.get(key, 0) + 1

    def merge(self, other: DurationSketch) -> None:
        """Add what another has counted."""
        for key, count in other.items():
            self[key] = self.get(key, 0) + count

    def percentile(self, percent: int) -> int | None:
        """Return the duration that so many percent do not exceed, within RELATIVE_ACCURACY; None for none at all."""
        rank = percent / 100 * (sum(self.values()) - 1)
        reached = 0
        for key in sorted(self):
            reached += self[key]
            if reached > rank:
                return round(_MAPPING.value(key))
        return None


@lru_cache(maxsize=65_536)
def _bin(duration_ms: int) -> int:
    return int(_MAPPING.key(max(duration_ms, 1)))
