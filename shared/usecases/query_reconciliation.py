"""Query reconciliation: what each hour of a resource came to on either side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from shared.domain.errors import PrincipalNotAllowed
from shared.domain.principal import Principal
from shared.domain.reconciliation.lateness import lateness
from shared.domain.reconciliation.totals import HourTotals
from shared.domain.reconciliation.windows import HOUR, OPEN_HOURS
from shared.ports.clock import Clock
from shared.ports.reconciliation import Windows
from shared.usecases.query_usage import READ_ALL_ROLE

_SUMMED = [field.name for field in fields(HourTotals) if field.name.endswith("_tokens") or field.type == "int"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """Hours, oldest first, what they come to together, and how long Azure's lines are waited for by now."""

    lateness: timedelta
    rows: Sequence[HourTotals]
    totals: dict[str, int | None]


class QueryReconciliation:
    """Answers from what the hours came to when they were looked at last."""

    def __init__(self, windows: Windows, clock: Clock) -> None:
        self._windows = windows
        self._clock = clock

    async def __call__(
        self, begun_from: datetime, begun_before: datetime, resource: str | None, asker: Principal
    ) -> Reconciliation:
        """
        Return the hours that begin between two times, of a resource (its id, its name or its host) or of all.

        Raises:
            PrincipalNotAllowed: it is about everybody's calls, and the asker may not see them.
            StorageError: they cannot be read.
        """
        if READ_ALL_ROLE not in asker.roles:
            raise PrincipalNotAllowed(f"to see how the ledger reconciles takes the app role {READ_ALL_ROLE}")
        rows = list[HourTotals]()
        async for totals in self._windows.totals(begun_from, begun_before):
            rows += [each for each in totals if begun_from <= each.hour < begun_before and _is_of(each, resource)]
        return Reconciliation(lateness=await self._lateness(), rows=rows, totals=_summed(rows))

    async def _lateness(self) -> timedelta:
        now = self._clock.now()
        states = await self._windows.states(now - HOUR * OPEN_HOURS, now + HOUR)
        return lateness(state.slow_arrival for state in states.values())


def _is_of(totals: HourTotals, resource: str | None) -> bool:
    if resource is None:
        return True
    wanted = resource.lower().strip("/")
    return totals.resource.strip("/") == wanted or totals.resource.endswith(f"/{wanted}")


def _summed(rows: Sequence[HourTotals]) -> dict[str, int | None]:
    known = {name: [count for row in rows if (count := getattr(row, name)) is not None] for name in _SUMMED}
    return {name: sum(counts) if counts or not name.endswith("_tokens") else None for name, counts in known.items()}
