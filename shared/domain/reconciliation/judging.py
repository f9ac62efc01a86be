"""What becomes of an hour's calls: matched, late or missing, and what that comes to. A pure fold over both sides."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.reconciliation.bypass_record import bypass_id
from shared.domain.reconciliation.calls import AzureCall, CallUnderWay, OurCall, Tokens
from shared.domain.reconciliation.hour_edges import HourEdges
from shared.domain.reconciliation.lateness import slow_arrival
from shared.domain.reconciliation.matching import CallsUnderWay, MatchedBy, Matching, Pair
from shared.domain.reconciliation.resource_names import ResourceNames
from shared.domain.reconciliation.totals import HourTotals
from shared.domain.reconciliation.windows import Window

# Between a call's end and its record stand a write or two; Azure's line takes longer than both.
BYPASS_GRACE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricTotals:
    """An hour's tokens of a resource as its metrics have them."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class MetricGap:
    """An hour of a resource whose metrics count other tokens than its answers did."""

    resource: str
    ours: Tokens
    azures: Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """
    An hour's calls. `missing_lines` are ours that Azure should have logged by now, `bypasses` Azure's that went round
    the gate. `heard_of` are the resources that any line is of. `next_deadline` is when the next of the late ones no
    longer is, None where none is late.
    """

    window: Window
    pairs: Sequence[Pair]
    missing_lines: Sequence[OurCall]
    bypasses: Sequence[AzureCall]
    totals: Mapping[str, HourTotals]
    heard_of: frozenset[str]
    metric_gaps: Sequence[MetricGap]
    next_deadline: datetime | None
    slow_arrival: timedelta | None


def judge(
    window: Window,
    matching: Matching,
    *,
    names: ResourceNames,
    now: datetime,
    lateness: timedelta,
    under_way: Iterable[CallUnderWay],
    metrics: Mapping[str, MetricTotals],
    charged: Set[str] = frozenset(),
) -> Judged:
    """
    Return what becomes of the calls of a window, of a matching that has those next to it, too.

    `charged` are the ids of records that were made of Azure's logs before: their calls have been waited for, and a
    line that says more of one, or a call that begins now, does not have them waited for again.
    A pair whose sides stand in two hours is counted in that of Azure's side, and its tokens where each stands.
    """
    sums = _Sums(window, names)
    for pair in matching.pairs:
        sums.add_pair(pair)
    missing = [call for call in matching.ours_only if sums.add_ours(call, call.ended_at + lateness, now)]
    running = CallsUnderWay(under_way, names)
    bypasses = [
        call for call in matching.azure_only if sums.add_azures(call, _deadline(call, running, charged, now), now)
    ]
    return Judged(
        window=window,
        pairs=[pair for pair in matching.pairs if _is_in(window, pair.azures.began_at)],
        missing_lines=missing,
        bypasses=bypasses,
        totals=sums.totals(metrics),
        heard_of=frozenset(sums.heard_of),
        metric_gaps=sums.metric_gaps(metrics) if now >= window.ends_at + lateness else [],
        next_deadline=min(sums.deadlines, default=None),
        slow_arrival=slow_arrival(sums.delays),
    )


def _deadline(call: AzureCall, running: CallsUnderWay, charged: Set[str], now: datetime) -> datetime:
    """Return until when a record may still come of a call that Azure has logged."""
    if bypass_id(call.correlation_id) in charged:
        return now
    grace_ends_at = call.arrived_at + BYPASS_GRACE
    # One that may be it has not ended: look again in a while.
    return max(grace_ends_at, now + BYPASS_GRACE) if running.may_have(call) else grace_ends_at


def _is_in(window: Window, time: datetime) -> bool:
    return window.begins_at <= time < window.ends_at


class _Sums:
    """Sums up the calls of one window, by resource."""

    def __init__(self, window: Window, names: ResourceNames) -> None:
        self._window = window
        self._names = names
        self._counts = defaultdict[str, Counter[str]](Counter)
        self._ours = defaultdict[str, list[int | None]](lambda: [None, None])
        self._azures = defaultdict[str, list[int | None]](lambda: [None, None])
        self._edges = HourEdges(window)
        self.heard_of: set[str] = set()
        self.deadlines: list[datetime] = []
        self.delays: list[timedelta] = []

    def add_pair(self, pair: Pair) -> None:
        """Count a pair where Azure's side stands, and the tokens of each side where it stands."""
        resource = pair.azures.call.resource_id
        self._edges.add(resource, pair.ours)
        if _is_in(self._window, pair.ours.begun_at):
            self._add_our_tokens(resource, pair.ours)
        if self._add_logged(pair.azures):
            self._counts[resource]["matched"] += 1
            self._counts[resource]["matched_by_likeness"] += pair.by is MatchedBy.LIKENESS

    def add_ours(self, call: OurCall, deadline: datetime, now: datetime) -> bool:
        """Count a call of ours that is left over; return whether Azure's line is missing."""
        resource = self._names.resource_of(call.resource) or call.resource
        self._edges.add(resource, call)
        if not _is_in(self._window, call.begun_at):
            return False
        self._add_our_tokens(resource, call)
        if not call.was_answered:
            return False
        is_missing = deadline <= now
        self._counts[resource]["ours_only" if is_missing else "late"] += 1
        if not is_missing:
            self.deadlines.append(deadline)
        return is_missing

    def add_azures(self, call: AzureCall, deadline: datetime, now: datetime) -> bool:
        """Count a call of Azure's that is left over; return whether it went round the gate."""
        if not self._add_logged(call):
            return False
        is_bypass = deadline <= now
        self._counts[call.call.resource_id]["azure_only" if is_bypass else "late"] += 1
        if not is_bypass:
            self.deadlines.append(deadline)
        return is_bypass

    def totals(self, metrics: Mapping[str, MetricTotals]) -> Mapping[str, HourTotals]:
        """Return the sums; where Azure counted no call by itself, its tokens are those of its metrics."""
        measured = {
            resource for resource, metric in metrics.items() if metric.prompt_tokens or metric.completion_tokens
        }
        resources = {*self._counts, *self._ours, *self._azures, *measured}
        return {resource: self._of(resource, metrics.get(resource, MetricTotals())) for resource in sorted(resources)}

    def metric_gaps(self, metrics: Mapping[str, MetricTotals]) -> list[MetricGap]:
        """Return where metrics count otherwise, of resources whose calls Azure does not count one by one."""
        gaps = []
        for resource, metric in sorted(metrics.items()):
            counts = self._counts[resource]
            is_whole = not (counts["azure_only"] or counts["late"]) and self._azures[resource] == [None, None]
            azures = Tokens(prompt=metric.prompt_tokens, completion=metric.completion_tokens)
            if is_whole and self._edges.differ(resource, azures):
                gaps.append(MetricGap(resource, self._edges.tokens(resource), azures))
        return gaps

    def _of(self, resource: str, metric: MetricTotals) -> HourTotals:
        our_prompt, our_completion = self._ours[resource]
        prompt, completion = self._azures[resource]
        if prompt is None and completion is None:
            prompt, completion = metric.prompt_tokens, metric.completion_tokens
        counts = self._counts[resource]
        return HourTotals(
            resource=resource,
            hour=self._window.begins_at,
            matched=counts["matched"],
            matched_by_likeness=counts["matched_by_likeness"],
            ours_only=counts["ours_only"],
            azure_only=counts["azure_only"],
            late=counts["late"],
            our_prompt_tokens=our_prompt,
            our_completion_tokens=our_completion,
            azure_prompt_tokens=prompt,
            azure_completion_tokens=completion,
        )

    def _add_our_tokens(self, resource: str, call: OurCall) -> None:
        sums = self._ours[resource]
        sums[:] = [_plus(sums[0], call.tokens.prompt), _plus(sums[1], call.tokens.completion)]

    def _add_logged(self, call: AzureCall) -> bool:
        """Add what Azure logged of a call, if it is of this window; return whether it is."""
        if not _is_in(self._window, call.began_at):
            return False
        self.heard_of.add(call.call.resource_id)
        self.delays.append(call.arrived_at - call.call.logged_at)
        if tokens := call.tokens:
            sums = self._azures[call.call.resource_id]
            sums[:] = [_plus(sums[0], tokens.prompt), _plus(sums[1], tokens.completion)]
        return True


def _plus(total: int | None, more: int | None) -> int | None:
    return total if more is None else (total or 0) + more
