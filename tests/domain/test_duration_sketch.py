"""Percentiles of durations that can be added up, as the library's own sketch has them."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from ddsketch import DDSketch
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.duration_sketch import RELATIVE_ACCURACY, DurationSketch

durations = st.lists(st.integers(1, 10_000_000), min_size=1, max_size=60)


def sketch_of(values: Iterable[int]) -> DurationSketch:
    sketch = DurationSketch()
    for value in values:
        sketch.add(value)
    return sketch


@given(durations, st.sampled_from([0, 50, 95, 99, 100]))
def test_a_percentile_is_that_of_the_librarys_sketch(values: list[int], percent: int) -> None:
    """Its bins are in our tables: another reader of them must come to the same."""
    theirs = DDSketch(RELATIVE_ACCURACY)
    for value in values:
        theirs.add(value)
    expected = theirs.get_quantile_value(percent / 100)

    assert expected is not None
    assert sketch_of(values).percentile(percent) == round(expected)


@given(durations, durations)
def test_sketches_add_up(some: list[int], more: list[int]) -> None:
    """A month is its days, whatever came when."""
    merged = sketch_of(some)
    merged.merge(sketch_of(more))

    assert merged == sketch_of(more + some)


@pytest.mark.parametrize("value", [1, 9, 250, 30_000, 3_600_000])
def test_a_percentile_is_within_two_percent(value: int) -> None:
    """As the operations guide says."""
    assert sketch_of([value]).percentile(50) == pytest.approx(value, rel=RELATIVE_ACCURACY, abs=0.5)


def test_of_nothing_there_is_no_percentile() -> None:
    """Nobody knows is not 0."""
    assert DurationSketch().percentile(50) is None


def test_a_duration_of_nothing_counts_as_a_millisecond() -> None:
    """It has no logarithm."""
    assert sketch_of([0, -5]) == sketch_of([1, 1])
