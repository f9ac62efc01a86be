"""Query records: calls one by one, newest or oldest first, as far as the asker may know."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from shared.domain.errors import PrincipalNotAllowed
from shared.domain.principal import Principal
from shared.domain.record_pages import FirstRecords, Order, PrincipalId, RecordFilter, RecordPage, RecordPlace
from shared.domain.time_windows import Window, windows_backwards, windows_forwards
from shared.domain.usage_record import UsageRecord
from shared.ports.clock import Clock
from shared.ports.record_search import RecordSearch
from shared.usecases.query_usage import READ_ALL_ROLE

_CONCURRENT_READS = 16
_MAX_PAGE_SIZE = 1000
# Far below the 230 s after which Azure's front end drops a connection.
_PATIENCE_SECONDS = 20.0
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsQuery:
    """
    What is asked. `begun_from` is included, `begun_before` is not; both are aware UTC.

    `of_tenant_id` and `of_object_id` narrow it to one principal; neither means all that the asker may see.
    """

    begun_from: datetime
    begun_before: datetime
    limit: int
    order: Order = Order.NEWEST
    only: RecordFilter = field(default=RecordFilter())
    after: RecordPlace | None = None
    of_tenant_id: str | None = None
    of_object_id: str | None = None


class QueryRecords:
    """
    Answers a page at a time, each with as much memory as the page takes, and no more reading than leads to it.

    Time is gone through in windows, small ones first, and in a window principal by principal: the first of
    all records are the first of each principal's first.
    """

    def __init__(self, search: RecordSearch, clock: Clock, *, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        """After `patience_seconds` a page ends with what was found, however little; the next goes on from there."""
        self._search = search
        self._clock = clock
        self._patience_seconds = patience_seconds

    async def __call__(self, query: RecordsQuery, asker: Principal) -> RecordPage:
        """
        Return a page. Only one without a next place is the last: others may be short, or even empty.

        Raises:
            PrincipalNotAllowed: the asker may not see another's records.
            StorageError: the ledger cannot be read.
        """
        principal = _scope(query, asker)
        # One more than a page says whether there is a next.
        first = FirstRecords(query.limit + 1, query.order, query.after)
        deadline = self._clock.monotonic() + self._patience_seconds
        reading = _Reading(self._search, query, first, principal)
        for window in _windows(query):
            await reading.read(window)
            if first.is_full:
                break
            if self._clock.monotonic() >= deadline:
                return _page(query, first.in_order(), _place_behind(window, query.order))
        found = first.in_order()
        next_place = RecordPlace.of(found[query.limit - 1]) if len(found) > query.limit else None
        return _page(query, found[: query.limit], next_place)


class _Reading:
    """Reads windows into what is kept, for one query."""

    def __init__(
        self, search: RecordSearch, query: RecordsQuery, first: FirstRecords, principal: PrincipalId | None
    ) -> None:
        self._search = search
        self._query = query
        self._first = first
        self._principal = principal
        self._day: date | None = None
        self._of_day: Sequence[PrincipalId] = ()

    async def read(self, window: Window) -> None:
        """Keep the first records of a window, whoever's they are. Raises StorageError."""
        waiting = iter(await self._principals(window.day))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_CONCURRENT_READS):
                    group.create_task(self._read_of_each(waiting, window))
        except ExceptionGroup as errors:
            # The others were cancelled for it, or say the same.
            raise errors.exceptions[0] from errors

    async def _principals(self, day: date) -> Sequence[PrincipalId]:
        if self._principal is not None:
            return [self._principal]
        if day != self._day:
            object_id = self._query.of_object_id
            self._of_day = [who for who in await self._search.principals(day) if object_id in {None, who.object_id}]
            self._day = day
        return self._of_day

    async def _read_of_each(self, waiting: Iterator[PrincipalId], window: Window) -> None:
        for principal in waiting:
            await self._read_of(principal, window)

    async def _read_of(self, principal: PrincipalId, window: Window) -> None:
        begun_from, begun_before = self._still_wanted(window)
        if begun_from >= begun_before:
            return
        page_size = min(self._query.limit + 1, _MAX_PAGE_SIZE)
        pages = self._search.within(principal, begun_from, begun_before, self._query.only, page_size=page_size)
        async for records in pages:
            self._first.add(record for record in records if self._query.only.takes(record))
            if records and records[-1].call.begun_at >= self._still_wanted(window)[1]:
                return

    def _still_wanted(self, window: Window) -> tuple[datetime, datetime]:
        """Return the part of a window where something could be that comes before what is kept already."""
        last = self._first.last()
        if last is None:
            return window.begun_from, window.begun_before
        if self._query.order is Order.NEWEST:
            return max(window.begun_from, last.begun_at), window.begun_before
        return window.begun_from, min(window.begun_before, last.begun_at + _INSTANT)


def _scope(query: RecordsQuery, asker: Principal) -> PrincipalId | None:
    """Return the one principal whose records are read; None where it is not one."""
    may_see_all = READ_ALL_ROLE in asker.roles
    if query.of_object_id is None:
        return None if may_see_all else PrincipalId.of(asker)
    if query.of_tenant_id is None and may_see_all:
        # Of whatever tenant.
        return None
    principal = PrincipalId(query.of_tenant_id or asker.tenant_id, query.of_object_id)
    if principal != PrincipalId.of(asker) and not may_see_all:
        raise PrincipalNotAllowed(f"to see another's records takes the app role {READ_ALL_ROLE}")
    return principal


def _windows(query: RecordsQuery) -> Iterator[Window]:
    """Yield the windows of what is still to come, in order."""
    if query.order is Order.NEWEST:
        before = query.begun_before
        if query.after and query.after.begun_at < before:
            before = query.after.begun_at + _INSTANT
        return windows_backwards(query.begun_from, before)
    begun_from = max(query.begun_from, query.after.begun_at) if query.after else query.begun_from
    return windows_forwards(begun_from, query.begun_before)


def _place_behind(window: Window, order: Order) -> RecordPlace:
    return RecordPlace.before_all_of(window.begun_from if order is Order.NEWEST else window.begun_before)


def _page(query: RecordsQuery, records: Sequence[UsageRecord], next_place: RecordPlace | None) -> RecordPage:
    return RecordPage(
        begun_from=query.begun_from,
        begun_before=query.begun_before,
        records=tuple(records),
        next_place=next_place,
    )
