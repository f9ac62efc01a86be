"""A trend in a line of text."""

from __future__ import annotations

from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"
# As wide as a month of days.
_MAX_BARS = 31


def sparkline(values: Sequence[int], highest: int | None = None) -> str:
    """
    Return a bar for each value, or for the sum of some where they are many; a blank is nothing at all.

    The highest bar is `highest`, so that several lines can be compared, or else the highest of the values.
    """
    bars = _sums(values)
    top = max(highest or 0, *bars, 1) if bars else 1
    return "".join(_bar(value, top) for value in bars)


def _sums(values: Sequence[int]) -> list[int]:
    width = -(-len(values) // _MAX_BARS) or 1
    return [sum(values[start : start + width]) for start in range(0, len(values), width)]


def _bar(value: int, top: int) -> str:
    # What is there shows, however little.
    return _BARS[min(value * len(_BARS) // top, len(_BARS) - 1)] if value > 0 else " "
