"""What a relay costs when it has all it can do: bursts of calls through each in turn, and what they come to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from bench.relaying.cpu import cpu_seconds
from bench.relaying.load import Load, run_load
from bench.relaying.rig import Relay, Rig

PRINCIPALS = 8
# Ends of calls of one principal share transactions: with one, most do; with as many as there are connections, none.
OTHER_PRINCIPALS = (1, 64)
PACE_MS = 10


class Kind(StrEnum):
    """What is sent. A stream has 50 chunks: as fast as they can be had, or as a model makes them."""

    CALLS = "calls"
    STREAMS = "streams"
    PACED_STREAMS = "paced_streams"


# Of streams 10 ms apart it takes as many to keep a relay busy.
_CONNECTIONS = {Kind.CALLS: 64, Kind.STREAMS: 64, Kind.PACED_STREAMS: 200}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing to measure."""

    kind: Kind
    relay: Relay
    principals: int = PRINCIPALS


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """
    What a burst cost the relay's process, and wrote down.

    `busy` is the relay's share of a core, `helpers_busy` that of the busiest process beside it.
    """

    case: Case
    calls: int
    rps: float
    cpu_seconds: float
    busy: float
    helpers_busy: float
    body_bytes: int
    transactions: int
    usage_rows: int

    @property
    def cpu_per_1000(self) -> float:
        """CPU seconds per 1,000 calls."""
        return self.cpu_seconds / self.calls * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Medians over the rounds; the ratios are of bursts of the same round."""

    case: Case
    cpu_per_1000: float
    to_bare: float
    to_null: float
    rps: float
    busy: float
    helpers_busy: float
    transactions_per_call: float


def cases() -> Iterator[Case]:
    """Yield what one round measures, in order."""
    for kind in Kind:
        for relay in Relay:
            yield Case(kind=kind, relay=relay)
        if kind is Kind.CALLS:
            yield from (Case(kind=kind, relay=Relay.LEDGER, principals=count) for count in OTHER_PRINCIPALS)


def measure_burst(rig: Rig, case: Case, calls: int, keys: Sequence[str]) -> Burst:
    """Return what so many calls cost, the tidying after the last of them included. Raises ChildFailed."""
    pids = {"relay": rig.relays[case.relay].pid, "upstream": rig.upstream.pid, "tables": rig.tables.pid}
    counts_before, cpu_before = rig.counts(), _cpu(pids)
    result = run_load(burst_load(case.kind, rig.relays[case.relay].url, calls, keys[: case.principals]))
    counts, cpu = rig.wait_until_tidy(), _cpu(pids)
    spent = {name: cpu[name] - cpu_before[name] for name in pids}
    helpers_seconds = max(spent["upstream"], spent["tables"], result.cpu_seconds)
    return Burst(
        case=case,
        calls=result.calls,
        rps=result.rps,
        cpu_seconds=spent["relay"],
        busy=spent["relay"] / result.seconds,
        helpers_busy=helpers_seconds / result.seconds,
        body_bytes=result.body_bytes,
        transactions=counts.transactions - counts_before.transactions,
        usage_rows=counts.usage_rows - counts_before.usage_rows,
    )


def burst_load(kind: Kind, url: str, calls: int, keys: Sequence[str]) -> Load:
    """Return the load that saturates a relay."""
    return Load(
        url=url,
        keys=keys,
        calls=calls,
        connections=min(calls, _CONNECTIONS[kind]),
        streamed=kind is not Kind.CALLS,
        pace_ms=PACE_MS if kind is Kind.PACED_STREAMS else 0,
    )


def costs(rounds: Sequence[Mapping[Case, Burst]]) -> list[Cost]:
    """Return what the rounds come to, case by case."""
    return [_cost(case, rounds) for case in rounds[0]]


def _cost(case: Case, rounds: Sequence[Mapping[Case, Burst]]) -> Cost:
    bursts = [bursts[case] for bursts in rounds]
    return Cost(
        case=case,
        cpu_per_1000=median(burst.cpu_per_1000 for burst in bursts),
        to_bare=_ratio(case, Relay.BARE, rounds),
        to_null=_ratio(case, Relay.NULL, rounds),
        rps=median(burst.rps for burst in bursts),
        busy=median(burst.busy for burst in bursts),
        helpers_busy=median(burst.helpers_busy for burst in bursts),
        transactions_per_call=median(burst.transactions / burst.calls for burst in bursts),
    )


def _ratio(case: Case, relay: Relay, rounds: Sequence[Mapping[Case, Burst]]) -> float:
    baseline = Case(kind=case.kind, relay=relay)
    return median(bursts[case].cpu_per_1000 / bursts[baseline].cpu_per_1000 for bursts in rounds)


def _cpu(pids: Mapping[str, int]) -> dict[str, float]:
    return {name: cpu_seconds(pid) for name, pid in pids.items()}
