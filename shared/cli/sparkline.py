"""Trends, each in a line of text."""

from __future__ import annotations

from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"
# As wide as a month of days.
_MAX_BARS = 31


def sparklines(trends: Sequence[Sequence[int]]) -> list[str]:
    """
    Return a line for each trend: a bar for each value, or for the sum of some where they are many.

    One scale is for all, so that lines can be compared. A blank is nothing at all; what is there shows.
    """
    sums = [_sums(values) for values in trends]
    highest = max((value for bars in sums for value in bars), default=0)
    return ["".join(_bar(value, highest) for value in bars) for bars in sums]


def _sums(values: Sequence[int]) -> list[int]:
    width = max(-(-len(values) // _MAX_BARS), 1)
    return [sum(values[start : start + width]) for start in range(0, len(values), width)]


def _bar(value: int, highest: int) -> str:
    if value <= 0:
        return " "
    return _BARS[min(value * len(_BARS) // highest, len(_BARS) - 1)]
