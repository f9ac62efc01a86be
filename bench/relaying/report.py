"""What was measured, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.relaying.measure import Measured
from bench.relaying.rig import Relay
from bench.relaying.saturation import OTHER_PRINCIPALS, PRINCIPALS, Burst, Case, Cost, Kind, costs


def result(measured: Measured) -> dict[str, Any]:
    """Return what programs compare. The last four say whether what was measured was the whole job."""
    by_case = {cost.case: cost for cost in costs(measured.rounds)}
    ours = {kind: by_case[Case(kind=kind, relay=Relay.LEDGER)] for kind in Kind}
    others = {n: by_case[Case(kind=Kind.CALLS, relay=Relay.LEDGER, principals=n)] for n in OTHER_PRINCIPALS}
    low = measured.low_load
    return {
        **{str(kind): _numbers(cost) for kind, cost in ours.items()},
        "first_chunk_added_ms": round(low.first_chunk_ms - low.first_chunk_direct_ms, 2),
        "call_added_ms": round(low.call_ms - low.call_direct_ms, 2),
        "transactions_per_call": round(ours[Kind.CALLS].transactions_per_call, 3),
        "low_load_round_trips": round(low.round_trips, 2),
        "principals": PRINCIPALS,
        "calls_of_principals": {str(count): _numbers(cost) for count, cost in others.items()},
        "tables": "stand-in",
        "calls_without_row": sum(burst.calls - burst.usage_rows for burst in _ours(measured)),
        "calls_left_open": measured.left_open,
        "bytes_changed": sum(abs(difference) for difference in _byte_differences(measured)),
    }


def lines(measured: Measured) -> Iterator[str]:
    """Yield the table, and what must be known to read it."""
    plan = measured.plan
    yield f"Saturated: medians of {plan.rounds} interleaved rounds of {plan.calls} calls and {plan.streams} streams."
    yield "CPU seconds are of the relay's process alone, and `busy` is its share of a core."
    yield "Tables are a stand-in, rows in memory: they show what writing costs us, not how long storage takes."
    yield ""
    yield f"{'':52}{'CPU s/1,000':>11}{'calls/s':>9}{'busy':>7}{'to bare':>9}{'to null':>9}{'transactions/call':>19}"
    for cost in costs(measured.rounds):
        yield _line(cost)
    yield ""
    yield from _helper_lines(measured)
    yield from _low_load_lines(measured)


def _numbers(cost: Cost) -> dict[str, float]:
    return {
        "cpu_per_1000": round(cost.cpu_per_1000, 3),
        "to_bare": round(cost.to_bare, 2),
        "to_null": round(cost.to_null, 2),
        "rps": round(cost.rps),
        "busy": round(cost.busy, 2),
        "transactions_per_call": round(cost.transactions_per_call, 3),
    }


def _ours(measured: Measured) -> Iterator[Burst]:
    return (burst for bursts in measured.rounds for case, burst in bursts.items() if case.relay is Relay.LEDGER)


def _byte_differences(measured: Measured) -> Iterator[int]:
    """Yield by how many bytes the answers that came through us differ from those that came directly, by burst."""
    for burst in _ours(measured):
        direct = measured.direct[burst.case.kind]
        yield burst.body_bytes - direct.body_bytes // direct.calls * burst.calls


def _line(cost: Cost) -> str:
    transactions = f"{cost.transactions_per_call:.3f}" if cost.case.relay is Relay.LEDGER else ""
    return (
        f"{_name(cost.case):52}{cost.cpu_per_1000:>11.3f}{cost.rps:>9,.0f}{cost.busy:>7.0%}"
        f"{cost.to_bare:>9.2f}{cost.to_null:>9.2f}{transactions:>19}"
    ).rstrip()


def _name(case: Case) -> str:
    return f"{case.kind}: {case.relay}, {case.principals} principal{'s' * (case.principals > 1)}"


def _helper_lines(measured: Measured) -> Iterator[str]:
    rates = ", ".join(f"{direct.rps:,.0f} {kind}" for kind, direct in measured.direct.items())
    busiest = max(costs(measured.rounds), key=lambda cost: cost.helpers_busy)
    yield f"A second, without a relay: {rates}."
    yield "Upstream, tables and load generator are processes of their own; the busiest of them took"
    yield f"{busiest.helpers_busy:.0%} of a core ({_name(busiest.case)})."


def _low_load_lines(measured: Measured) -> Iterator[str]:
    low = measured.low_load
    yield "At low load, medians:"
    yield f"  first chunk {low.first_chunk_ms:.2f} ms, without us {low.first_chunk_direct_ms:.2f}"
    yield f"  call {low.call_ms:.2f} ms, without us {low.call_direct_ms:.2f}"
    yield f"  round trips to storage that a call waits for: {low.round_trips:.2f}"
