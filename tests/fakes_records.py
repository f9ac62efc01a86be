"""Fakes of the ports that find records one by one. They pass the contract tests of the real adapter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

from shared.domain.call_story import LoggedCall
from shared.domain.errors import LedgerError
from shared.domain.record_pages import PrincipalId, RecordFilter
from shared.domain.usage_record import UsageRecord
from shared.ports.record_search import WrittenRecord


class FakeRecordSearch:
    """
    RecordSearch, RecordsById and NewRecords in memory. Set `failure` to have everything raise it.

    `put` is what a worker does; `now` is storage's clock. `pages` and `rows` count those read.
    """

    def __init__(self, records: Iterable[UsageRecord] = ()) -> None:
        self.now = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
        self.failure: LedgerError | None = None
        self.pages = 0
        self.rows = 0
        self._written: dict[tuple[PrincipalId, datetime, str], WrittenRecord] = {}
        self.put(*records)

    def put(self, *records: UsageRecord) -> None:
        """Write records, each a little after the one before."""
        for record in records:
            self.now += timedelta(milliseconds=1)
            call = record.call
            key = (PrincipalId.of(call.principal), call.begun_at, call.call_id)
            self._written[key] = WrittenRecord(record=record, written_at=self.now)

    @property
    def records(self) -> list[UsageRecord]:
        """All there are."""
        return [written.record for written in self._written.values()]

    async def principals(self, day: date) -> Sequence[PrincipalId]:
        await self._answer()
        return sorted({key[0] for key in self._written if key[1].astimezone(UTC).date() == day})

    async def within(
        self,
        principal: PrincipalId,
        begun_from: datetime,
        begun_before: datetime,
        only: RecordFilter,
        *,
        page_size: int,
    ) -> AsyncIterator[Sequence[UsageRecord]]:
        await self._answer()
        found = [
            written.record
            for key, written in sorted(self._written.items(), key=lambda item: item[0][1:])
            if key[0] == principal and begun_from <= key[1] < begun_before and only.takes(written.record)
        ]
        for start in range(0, len(found), page_size):
            await asyncio.sleep(0)
            page = found[start : start + page_size]
            self.pages += 1
            self.rows += len(page)
            yield page

    async def with_id(
        self, call_id: str, begun_from: datetime, begun_before: datetime, principal: PrincipalId | None
    ) -> Sequence[UsageRecord]:
        await self._answer()
        return [
            written.record
            for key, written in self._written.items()
            if key[0] == (principal or key[0]) and begun_from <= key[1] < begun_before and key[2].startswith(call_id)
        ][:3]

    async def written_since(
        self, principal: PrincipalId, begun_from: datetime, day: date, written_after: datetime | None
    ) -> Sequence[WrittenRecord]:
        await self._answer()
        return [
            written
            for key, written in sorted(self._written.items(), key=lambda item: item[0][1:])
            if key[0] == principal
            and key[1] >= begun_from
            and key[1].astimezone(UTC).date() == day
            and (written_after is None or written.written_at > written_after)
        ]

    async def _answer(self) -> None:
        # As storage does, it lets others go on meanwhile.
        await asyncio.sleep(0)
        if self.failure:
            raise self.failure


class FakeCallLog:
    """CallLog in memory, by Azure's id."""

    def __init__(self, **logged: LoggedCall) -> None:
        self._logged = logged

    async def of_record(self, record: UsageRecord) -> LoggedCall | None:
        return self._logged.get((record.apim_request_id or "").lower())
