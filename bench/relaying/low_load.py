"""What a caller notices of us when there is little to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.relaying.load import Load, run_load
from bench.relaying.rig import Relay, Rig
from bench.relaying.saturation import PACE_MS

# Eight streams a second, each half a second long.
_STREAM_CONNECTIONS = 4
# Long beside all else that takes time here.
_TABLE_DELAY_MS = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class LowLoad:
    """
    Milliseconds, medians.

    `round_trips` is how many waits for storage the median call is made of: by how much it grows where
    storage answers later, divided by how much later that is.
    """

    first_chunk_ms: float
    first_chunk_direct_ms: float
    call_ms: float
    call_direct_ms: float
    round_trips: float


def measure_low_load(rig: Rig, calls: int, keys: Sequence[str]) -> LowLoad:
    """Send so many streams and calls, a few at a time and one at a time. Raises ChildFailed."""
    ours, direct = rig.relays[Relay.LEDGER].url, rig.upstream.url
    call_ms, answer_ms = _call_ms(ours, calls, keys), rig.tables_answer_ms()
    rig.delay_tables(_TABLE_DELAY_MS)
    late_call_ms, late_answer_ms = _call_ms(ours, calls, keys), rig.tables_answer_ms()
    rig.delay_tables(0)
    return LowLoad(
        first_chunk_ms=_first_chunk_ms(ours, calls, keys),
        first_chunk_direct_ms=_first_chunk_ms(direct, calls, keys),
        call_ms=call_ms,
        call_direct_ms=_call_ms(direct, calls, keys),
        round_trips=(late_call_ms - call_ms) / (late_answer_ms - answer_ms),
    )


def _call_ms(url: str, calls: int, keys: Sequence[str]) -> float:
    return run_load(Load(url=url, keys=keys, calls=calls, connections=1)).median_ms


def _first_chunk_ms(url: str, streams: int, keys: Sequence[str]) -> float:
    connections = min(streams, _STREAM_CONNECTIONS)
    load = Load(url=url, keys=keys, calls=streams, connections=connections, streamed=True, pace_ms=PACE_MS)
    return run_load(load).first_chunk_ms
