"""Follow records: each call once, soon after it has been recorded, as they end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from shared.domain.record_pages import PrincipalId, RecordFilter, RecordPlace
from shared.domain.usage_record import UsageRecord
from shared.ports.clock import Clock
from shared.ports.record_search import NewRecords, WrittenRecord

_CONCURRENT_READS = 16
# Of two rows written together, either may be seen first; what has been told is not told again.
_OVERLAP = timedelta(seconds=30)
# Who has records of a day is not asked every time: whoever is new is seen a little later.
_PRINCIPALS_SECONDS = 15.0


class _Part(NamedTuple):
    """What is read by one request: a principal's day."""

    day: date
    principal: PrincipalId

    @classmethod
    def of(cls, record: UsageRecord) -> _Part:
        return cls(record.call.begun_at.astimezone(UTC).date(), PrincipalId.of(record.call.principal))


class FollowRecords:
    """
    Tells what is new, whenever it is asked. What it reads is bounded by the calls of `longest_call`, not the day's.

    A row is keyed by when its call began and written when it ended, so the rows of all calls that may just
    have ended are asked which of them storage has written since. Only storage's clock has a say in that.
    """

    def __init__(
        self,
        records: NewRecords,
        clock: Clock,
        *,
        longest_call: timedelta,
        tenant_id: str | None = None,
        object_id: str | None = None,
    ) -> None:
        """
        Follow everybody's records, or a principal's; without a tenant id, that of any tenant.

        A call that took longer than `longest_call`, or was recorded so much later, is not told.
        """
        self._records = records
        self._clock = clock
        self._longest_call = longest_call
        self._tenant_id = tenant_id
        self._object_id = object_id
        self._written_until: dict[_Part, datetime] = {}
        self._told: dict[RecordPlace, datetime] = {}
        self._principals: dict[date, tuple[float, Sequence[PrincipalId]]] = {}

    async def poll(self, only: RecordFilter) -> list[UsageRecord]:
        """
        Return the records that are new, in the order their calls ended; the first time, all of `longest_call`.

        Where it fails, the same are told the next time.

        Raises:
            StorageError: the ledger cannot be read.
        """
        begun_from = self._clock.now() - self._longest_call
        written = await self._read(begun_from)
        new = {RecordPlace.of(each.record): each.record for each in written}
        records = [record for place, record in new.items() if place not in self._told and only.takes(record)]
        self._remember(written, begun_from)
        return sorted(records, key=lambda record: (record.ended_at, record.call.call_id))

    async def _read(self, begun_from: datetime) -> list[WrittenRecord]:
        parts = iter([_Part(day, who) for day in self._days(begun_from) for who in await self._of_day(day)])
        found: list[WrittenRecord] = []

        async def read_some() -> None:
            for part in parts:
                found.extend(await self._read_part(part, begun_from))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_CONCURRENT_READS):
                    group.create_task(read_some())
        except ExceptionGroup as errors:
            # The others were cancelled for it, or say the same.
            raise errors.exceptions[0] from errors
        return found

    def _days(self, begun_from: datetime) -> list[date]:
        # An instance whose clock is ahead has begun the next day already.
        last = self._clock.now().date() + timedelta(days=1)
        return [begun_from.date() + timedelta(days=number) for number in range((last - begun_from.date()).days + 1)]

    async def _read_part(self, part: _Part, begun_from: datetime) -> Sequence[WrittenRecord]:
        written_until = self._written_until.get(part)
        written_after = written_until - _OVERLAP if written_until else None
        return await self._records.written_since(part.principal, begun_from, part.day, written_after)

    async def _of_day(self, day: date) -> Sequence[PrincipalId]:
        now = self._clock.monotonic()
        asked_at, principals = self._principals.get(day, (None, ()))
        if asked_at is None or now - asked_at >= _PRINCIPALS_SECONDS:
            principals = [who for who in await self._records.principals(day) if self._is_followed(who)]
            self._principals[day] = (now, principals)
        return principals

    def _is_followed(self, who: PrincipalId) -> bool:
        return self._tenant_id in {None, who.tenant_id} and self._object_id in {None, who.object_id}

    def _remember(self, written: Sequence[WrittenRecord], begun_from: datetime) -> None:
        # Behind this nothing is read again.
        self._told = {place: at for place, at in self._told.items() if at >= begun_from}
        self._written_until = {part: at for part, at in self._written_until.items() if part.day >= begun_from.date()}
        self._principals = {day: known for day, known in self._principals.items() if day >= begun_from.date()}
        for each in written:
            part = _Part.of(each.record)
            self._told[RecordPlace.of(each.record)] = each.record.call.begun_at
            self._written_until[part] = max(each.written_at, self._written_until.get(part, each.written_at))
