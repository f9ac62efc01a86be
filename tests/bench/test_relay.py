"""The relay's benchmark: not how fast we are, but that it measures the whole job."""

from __future__ import annotations

from bench.relaying.measure import Measured, Plan, measure
from bench.relaying.report import lines, result
from bench.relaying.saturation import cases

_TINY = Plan(rounds=1, calls=20, streams=4, low_load=4)


def test_every_call_it_measures_is_recorded_and_answered_unchanged() -> None:
    """A relay that forgets calls, or half of an answer, would be the fastest of all."""
    measured = measure(_TINY)
    numbers = result(measured)

    assert numbers["calls_without_row"] == 0
    assert numbers["calls_left_open"] == 0
    assert numbers["bytes_changed"] == 0
    assert numbers["transactions_per_call"] > 0
    _assert_names(numbers)
    _assert_table(measured)


def _assert_names(numbers: dict[str, object]) -> None:
    assert {"calls", "streams", "paced_streams", "first_chunk_added_ms", "low_load_round_trips"} <= numbers.keys()
    for kind in ("calls", "streams", "paced_streams"):
        cost = numbers[kind]
        assert isinstance(cost, dict)
        assert {"cpu_per_1000", "to_bare", "to_null", "rps"} <= cost.keys()


def _assert_table(measured: Measured) -> None:
    table = list(lines(measured))

    assert any("stand-in" in line for line in table)
    assert sum("principal" in line for line in table) >= len(list(cases()))
