"""Which call of the ledger is which call that Azure logged. The order of either side does not matter."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from shared.domain.reconciliation.calls import AzureCall, CallUnderWay, OurCall
from shared.domain.reconciliation.resource_names import ResourceNames

_Call = TypeVar("_Call")

# Between our clock just before a call was sent, and Azure's when it arrived.
CLOCK_TOLERANCE = timedelta(seconds=30)
# Of a stream the body goes on with an option more, and without the blanks between its members.
_STREAM_FEWER_BYTES, _STREAM_MORE_BYTES = 256, 64
# So many that can be one's own are as good as any number.
_CROWD = 50


class MatchedBy(StrEnum):
    """How two calls were seen to be one."""

    ID = "id"  # apim-request-id is the correlation id
    LIKENESS = "likeness"  # the answer's headers were lost: they are the only two that can be one


@dataclass(frozen=True, slots=True)
class Pair:
    """One call, as both sides have it."""

    ours: OurCall
    azures: AzureCall
    by: MatchedBy


@dataclass(frozen=True, slots=True)
class Matching:
    """All calls, each once: in a pair, or left over on its side."""

    pairs: Sequence[Pair]
    ours_only: Sequence[OurCall]
    azure_only: Sequence[AzureCall]


def match(ours: Iterable[OurCall], azures: Iterable[AzureCall], names: ResourceNames) -> Matching:
    """Return which are one: first those with one id, then those that are like each other and like no other."""
    by_id = _by_id(ours, azures)
    alike = _by_likeness(by_id, names)
    return Matching(
        pairs=[*by_id.pairs, *alike],
        ours_only=_without({id(pair.ours) for pair in alike}, by_id.ours_only),
        azure_only=_without({id(pair.azures) for pair in alike}, by_id.azure_only),
    )


def _without(taken: set[int], calls: Sequence[_Call]) -> list[_Call]:
    return [call for call in calls if id(call) not in taken]


def _by_id(ours: Iterable[OurCall], azures: Iterable[AzureCall]) -> Matching:
    logged = {call.correlation_id: call for call in sorted(azures, key=_logged_first, reverse=True)}
    pairs, left = list[Pair](), list[OurCall]()
    # Should two records claim one id, which no honest upstream gives twice, the first has it.
    for call in sorted(ours, key=lambda call: (call.begun_at, call.call_id)):
        found = logged.pop(call.correlation_id, None) if call.correlation_id else None
        if found:
            pairs.append(Pair(call, found, MatchedBy.ID))
        else:
            left.append(call)
    return Matching(pairs, left, sorted(logged.values(), key=_logged_first))


def _logged_first(call: AzureCall) -> tuple[datetime, str]:
    return call.began_at, call.correlation_id


def _by_likeness(left: Matching, names: ResourceNames) -> list[Pair]:
    gate = _gate_seen_by_azure(left.pairs)
    logged = _BySize(left.azure_only)
    found = dict[str, list[AzureCall]]()
    claims = Counter[int]()
    for call in left.ours_only:
        if not call.correlation_id and call.was_sent and call.request_bytes is not None:
            found[call.call_id] = [each for each in logged.near(call) if _are_alike(call, each, gate, names)]
            claims.update(id(each) for each in found[call.call_id])
    claims.update(logged.crowded())
    return [
        Pair(call, alike[0], MatchedBy.LIKENESS)
        for call in left.ours_only
        if len(alike := found.get(call.call_id, [])) == 1 and claims[id(alike[0])] == 1
    ]


@dataclass(frozen=True, slots=True)
class GateSeenByAzure:
    """From which masked addresses, and as whom, Azure sees the calls that are known to be ours, by resource."""

    addresses: Mapping[str, frozenset[str]] = field(default_factory=dict)
    object_ids: Mapping[str, frozenset[str]] = field(default_factory=dict)


def _gate_seen_by_azure(pairs: Iterable[Pair]) -> GateSeenByAzure:
    addresses, object_ids = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for pair in pairs:
        call = pair.azures.call
        addresses[call.resource_id].add(call.caller_address or "")
        object_ids[call.resource_id].add(call.object_id or "")
    return GateSeenByAzure(
        {resource: frozenset(seen) for resource, seen in addresses.items()},
        {resource: frozenset(seen) for resource, seen in object_ids.items()},
    )


class _BySize:
    """Azure's calls by deployment, size and time, so that what is near a call is found without a look at all."""

    def __init__(self, calls: Iterable[AzureCall]) -> None:
        by_size = defaultdict[tuple[str, int], list[AzureCall]](list)
        for call in sorted(calls, key=_logged_first):
            if call.call.request_bytes is not None:
                by_size[(call.call.deployment or "").lower(), call.call.request_bytes].append(call)
        self._slots = {key: _Slot(calls) for key, calls in by_size.items()}

    def near(self, ours: OurCall) -> list[AzureCall]:
        """Return the calls of the same deployment and size that began about when this one did; none of a crowd."""
        near = list[AzureCall]()
        for size in _sizes(ours):
            slot = self._slots.get((ours.deployment, size))
            near += slot.near(ours.begun_at) if slot else ()
        return near

    def crowded(self) -> Iterator[int]:
        """Yield the identities of calls that stood in a crowd somebody looked at."""
        for slot in self._slots.values():
            yield from slot.crowded()


class _Slot:
    """Calls of one deployment and size, by time. A crowd is not gone through: nobody can say which is one's own."""

    __slots__ = ("_calls", "_edges", "_times")

    def __init__(self, calls: list[AzureCall]) -> None:
        self._calls = calls
        self._times = [call.began_at for call in calls]
        self._edges = Counter[int]()

    def near(self, begun_at: datetime) -> Sequence[AzureCall]:
        first = bisect_left(self._times, begun_at - CLOCK_TOLERANCE)
        end = bisect_left(self._times, begun_at + CLOCK_TOLERANCE)
        if end - first <= _CROWD:
            return self._calls[first:end]
        self._edges.update({first: 1})
        self._edges.subtract({end: 1})
        return ()

    def crowded(self) -> Iterator[int]:
        depth = 0
        for number, call in enumerate(self._calls):
            depth += self._edges[number]
            if depth:
                yield id(call)


def _sizes(ours: OurCall) -> Iterable[int]:
    """Return the sizes that Azure may log of a call."""
    sent = ours.request_bytes or 0
    return range(sent - _STREAM_FEWER_BYTES, sent + _STREAM_MORE_BYTES + 1) if ours.streamed else (sent,)


def _are_alike(ours: OurCall, azures: AzureCall, gate: GateSeenByAzure, names: ResourceNames) -> bool:
    call = azures.call
    if not names.may_be(ours.resource, call.resource_id):
        return False
    # What is known of the gate's own calls: where none was matched in this time, nothing is.
    addresses = gate.addresses.get(call.resource_id)
    object_ids = gate.object_ids.get(call.resource_id)
    from_the_gate = addresses is None or (call.caller_address or "") in addresses
    as_the_gate = object_ids is None or (call.object_id or "") in object_ids | {ours.object_id}
    return from_the_gate and as_the_gate


def _same_size(sent: int | None, logged: int | None, *, streamed: bool) -> bool:
    if sent is None or logged is None:
        return False
    if not streamed:
        return sent == logged
    return sent - _STREAM_FEWER_BYTES <= logged <= sent + _STREAM_MORE_BYTES


class CallsUnderWay:
    """Calls that have not ended, by time: any of them may be one that Azure has logged the beginning of."""

    def __init__(self, calls: Iterable[CallUnderWay], names: ResourceNames) -> None:
        self._calls = sorted(calls, key=lambda call: call.begun_at)
        self._times = [call.begun_at for call in self._calls]
        self._names = names

    def may_have(self, azures: AzureCall) -> bool:
        """Return whether a call that Azure has logged may be one of these."""
        first = bisect_left(self._times, azures.began_at - CLOCK_TOLERANCE)
        end = bisect_right(self._times, azures.began_at + CLOCK_TOLERANCE)
        return any(_may_be(azures, call, self._names) for call in self._calls[first:end])


def _may_be(azures: AzureCall, ours: CallUnderWay, names: ResourceNames) -> bool:
    call = azures.call
    return (
        (call.deployment or "").lower() in {ours.deployment, ""}
        and names.may_be(ours.resource, call.resource_id)
        and (
            ours.request_bytes is None
            or call.request_bytes is None
            or _same_size(ours.request_bytes, call.request_bytes, streamed=ours.streamed)
        )
    )
