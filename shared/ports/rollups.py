"""Keeps rollups."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from shared.domain.rollup import Rollup
from shared.domain.usage_keys import Owner, PrincipalDay


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """
    Which parts of rollups are wanted: each costs reading.

    Without `cells` all sums stand in one, which is of nothing in particular. Hours and sketches are those of cells.
    """

    cells: bool = False
    hours: bool = False
    sketches: bool = False


EVERYTHING = Detail(cells=True, hours=True, sketches=True)


@dataclass(slots=True, kw_only=True)
class DayRollup:
    """
    The rollup of a principal's day, and all records up to `folded_through`, a row key, are in it: as far as its
    last fold could know, which had read `folded_notes`.

    `digest` names what is in it; `version` is the row's, empty where there is none yet.
    """

    whose: PrincipalDay
    rollup: Rollup = field(default_factory=Rollup)
    folded_through: str = ""
    folded_notes: Set[str] = frozenset()
    digest: str = ""
    version: str = ""


@dataclass(slots=True, kw_only=True)
class MonthRollup:
    """
    The rollup of a principal's month, named by its first day: of the `days` that have been settled.

    They are told by the digest their rollups had.
    """

    month: date
    owner: Owner
    rollup: Rollup = field(default_factory=Rollup)
    days: Mapping[date, str] = field(default_factory=dict)
    version: str = ""


class Rollups(Protocol):
    """Keeps rollups: one row each, so that a reader never sees half of one."""

    async def day(self, whose: PrincipalDay, detail: Detail = EVERYTHING) -> DayRollup:
        """
        Return the rollup of a principal's day; an empty one, without a version, where there is none.

        Raises:
            StorageError: it cannot be read.
        """
        ...

    def days(self, first: date, last: date, detail: Detail) -> AsyncIterator[Sequence[DayRollup]]:
        """
        Yield all rollups of these days, a page at a time.

        Raises:
            StorageError: they cannot be read.
        """
        ...

    async def month(self, month: date, owner: Owner, detail: Detail = EVERYTHING) -> MonthRollup:
        """Return the rollup of a principal's month, as `day` does."""
        ...

    def months(self, month: date, detail: Detail) -> AsyncIterator[Sequence[MonthRollup]]:
        """Yield all rollups of a month, as `days` does."""
        ...

    async def keep(self, rollups: Sequence[DayRollup] | Sequence[MonthRollup]) -> list[bool]:
        """
        Write rollups, each in the place of the version it was read in, and return which were written.

        Those were not whose row somebody else has changed meanwhile, or that no row can hold; the latter
        are logged.

        Raises:
            StorageError: nobody knows which were written.
        """
        ...
