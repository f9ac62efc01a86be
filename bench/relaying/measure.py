"""All that `python -m bench.relay` measures, one thing after the other."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tqdm import tqdm

from bench.relaying.load import LoadResult, run_load
from bench.relaying.low_load import LowLoad, measure_low_load
from bench.relaying.rig import Relay, Rig, running_rig
from bench.relaying.saturation import OTHER_PRINCIPALS, PRINCIPALS, Burst, Case, Kind, burst_load, cases, measure_burst
from bench.relaying.table_stand_in import connection_string
from local.stack import keep_key

# Through each relay before it is measured, so that connections are open, keys are known, and code is warm.
_WARM_UP_CALLS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is sent: rounds, calls or streams a burst, and calls and streams at low load."""

    rounds: int
    calls: int
    streams: int
    low_load: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All of it. `direct` is the load generator on the mock upstream, with no relay between them."""

    plan: Plan
    rounds: Sequence[Mapping[Case, Burst]]
    direct: Mapping[Kind, LoadResult]
    low_load: LowLoad
    left_open: int


def measure(plan: Plan) -> Measured:
    """Run everything and measure it; show on stderr how far it is. Raises ChildFailed."""
    with running_rig() as rig:
        account = connection_string(rig.tables.url)
        keys = [keep_key(account, f"principal-{number}") for number in range(max(PRINCIPALS, *OTHER_PRINCIPALS))]
        direct = {kind: run_load(burst_load(kind, rig.upstream.url, _size(kind, plan), keys)) for kind in Kind}
        for relay in Relay:
            run_load(burst_load(Kind.CALLS, rig.relays[relay].url, _WARM_UP_CALLS, keys))
        return Measured(
            plan=plan,
            rounds=_rounds(rig, plan, keys),
            direct=direct,
            low_load=measure_low_load(rig, plan.low_load, keys[:PRINCIPALS]),
            left_open=rig.wait_until_tidy().open_calls,
        )


def _rounds(rig: Rig, plan: Plan, keys: Sequence[str]) -> list[dict[Case, Burst]]:
    rounds: list[dict[Case, Burst]] = [{} for _ in range(plan.rounds)]
    bursts = [(bursts, case) for bursts in rounds for case in cases()]
    for measured, case in tqdm(bursts, unit="burst", file=sys.stderr):
        measured[case] = measure_burst(rig, case, _size(case.kind, plan), keys)
    return rounds


def _size(kind: Kind, plan: Plan) -> int:
    return plan.calls if kind is Kind.CALLS else plan.streams
