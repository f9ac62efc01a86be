"""Trends in a line of text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.cli.sparkline import sparklines


def test_bars_rise_with_their_values() -> None:
    """Nothing is a blank, and not the lowest bar: a day without a call is not one with few."""
    assert sparklines([[0, 1, 2, 3, 4, 5, 6, 7, 8]]) == [" ▂▃▄▅▆▇██"]
    assert sparklines([[0, 1, 1_000_000]]) == [" ▁█"]


def test_lines_are_of_one_scale() -> None:
    """Beside a large one a small one is small."""
    assert sparklines([[100, 0], [1, 1]]) == ["█ ", "▁▁"]


def test_what_is_empty_is_an_empty_line() -> None:
    """A report may have no rows, and a row no use."""
    assert sparklines([]) == []
    assert sparklines([[], [0, 0]]) == ["", "  "]


@given(st.lists(st.lists(st.integers(0, 2**63), min_size=100, max_size=100), min_size=1, max_size=4))
def test_a_line_is_never_wider_than_a_month(trends: list[list[int]]) -> None:
    """Of many days each bar stands for some; none is lost."""
    lines = sparklines(trends)

    assert all(len(line) == 25 for line in lines)
    assert [bool(line.strip()) for line in lines] == [any(values) for values in trends]
