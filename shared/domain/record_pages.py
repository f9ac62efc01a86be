"""Usage records one after the other, across principals: their order, where a page ends, what a page keeps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from shared.domain.principal import Principal
from shared.domain.usage_record import Outcome, UsageRecord


class PrincipalId(NamedTuple):
    """What tells a principal from every other."""

    tenant_id: str
    object_id: str

    @classmethod
    def of(cls, principal: Principal) -> PrincipalId:
        """Return that of a principal."""
        return cls(principal.tenant_id, principal.object_id)


class Order(StrEnum):
    """Which records come first, by when their calls began."""

    NEWEST = "newest"
    OLDEST = "oldest"


class RecordPlace(NamedTuple):
    """Where a record stands among all. No two stand in one place, and none moves, whatever is written meanwhile."""

    begun_at: datetime
    call_id: str
    tenant_id: str
    object_id: str

    @classmethod
    def of(cls, record: UsageRecord) -> RecordPlace:
        """Return the place of a record."""
        call = record.call
        return cls(call.begun_at, call.call_id, call.principal.tenant_id, call.principal.object_id)

    @classmethod
    def before_all_of(cls, begun_at: datetime) -> RecordPlace:
        """Return the place behind all that began earlier, and before all that began then: no record stands there."""
        return cls(begun_at, "", "", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFilter:
    """Which records are asked for. None takes all; an empty text takes those of which it is not known."""

    deployment: str | None = None
    model: str | None = None
    operation: str | None = None
    outcome: Outcome | None = None

    def takes(self, record: UsageRecord) -> bool:
        """Return whether a record is asked for."""
        return (
            self.deployment in {None, record.call.deployment or ""}
            and self.model in {None, record.model or ""}
            and self.operation in {None, record.call.operation}
            and self.outcome in {None, record.outcome}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPage:
    """Records in the order that was asked for, and behind which place the next page begins; None on the last."""

    begun_from: datetime
    begun_before: datetime
    records: tuple[UsageRecord, ...]
    next_place: RecordPlace | None


class FirstRecords:
    """Keeps the first records behind a place, of any number that come in any order: at most twice `count` at a time."""

    def __init__(self, count: int, order: Order, after: RecordPlace | None = None) -> None:
        self._count = count
        self._is_newest_first = order is Order.NEWEST
        self._after = after
        self._kept: dict[RecordPlace, UsageRecord] = {}
        self._last: RecordPlace | None = None

    def add(self, records: Iterable[UsageRecord]) -> None:
        """Take those that are among the first so far."""
        for record in records:
            place = RecordPlace.of(record)
            if self._may_keep(place):
                self._kept[place] = record
        if len(self._kept) >= 2 * self._count:
            self._cut()

    @property
    def is_full(self) -> bool:
        """Whether there are as many as are wanted."""
        return len(self._kept) >= self._count

    def last(self) -> RecordPlace | None:
        """Return the place behind which nothing is wanted any more; None while there are too few to say."""
        if self.is_full:
            self._cut()
        return self._last

    def in_order(self) -> list[UsageRecord]:
        """Return them."""
        self._cut()
        return list(self._kept.values())

    def _may_keep(self, place: RecordPlace) -> bool:
        return (self._after is None or self._comes_before(self._after, place)) and (
            self._last is None or self._comes_before(place, self._last)
        )

    def _comes_before(self, one: RecordPlace, other: RecordPlace) -> bool:
        return one > other if self._is_newest_first else one < other

    def _cut(self) -> None:
        places = sorted(self._kept, reverse=self._is_newest_first)[: self._count]
        self._kept = {place: self._kept[place] for place in places}
        if len(places) == self._count:
            self._last = places[-1]
