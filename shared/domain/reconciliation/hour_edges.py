"""An hour's tokens beside those of its metrics, which Azure counts when a call is done and not when it began."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta

from shared.domain.reconciliation.calls import OurCall, Tokens
from shared.domain.reconciliation.windows import Window

# Metrics are by the minute, and not of our clock.
_EDGE = timedelta(minutes=1)


@dataclass(slots=True)
class _Sum:
    """Tokens of the hour, and of them, and beside them, those that may count in another hour."""

    inside: int = 0
    may_leave: int = 0
    may_come: int = 0

    def allows(self, counted: int | None) -> bool:
        return counted is None or self.inside - self.may_leave <= counted <= self.inside + self.may_come


class HourEdges:
    """Sums up the tokens of an hour, by resource, and how far they may be off for calls at its edges."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._prompts = defaultdict[str, _Sum](_Sum)
        self._completions = defaultdict[str, _Sum](_Sum)
        self._not_exact: set[str] = set()

    def add(self, resource: str, call: OurCall) -> None:
        """Add a call of the hour, or of one next to it."""
        window = self._window
        is_inside = window.begins_at <= call.begun_at < window.ends_at
        ends_inside = call.ended_at >= window.begins_at - _EDGE and call.begun_at < window.ends_at + _EDGE
        if not is_inside and not ends_inside:
            return
        if not call.is_exact:
            self._not_exact.add(resource)
        for sums, count in ((self._prompts, call.tokens.prompt), (self._completions, call.tokens.completion)):
            tokens = count or 0
            sums[resource].inside += tokens if is_inside else 0
            sums[resource].may_come += 0 if is_inside else tokens
            # One that began in the first minute may stand in the metrics of the hour before by Azure's clock.
            at_an_edge = call.ended_at >= window.ends_at - _EDGE or call.begun_at < window.begins_at + _EDGE
            sums[resource].may_leave += tokens if is_inside and at_an_edge else 0

    def tokens(self, resource: str) -> Tokens:
        """Return the tokens of calls that began in the hour."""
        return Tokens(prompt=self._prompts[resource].inside, completion=self._completions[resource].inside)

    def differ(self, resource: str, counted: Tokens) -> bool:
        """Return whether no call at an edge explains the count. Where ours is not exact nothing can be said."""
        if resource in self._not_exact:
            return False
        return not (
            self._prompts[resource].allows(counted.prompt) and self._completions[resource].allows(counted.completion)
        )
