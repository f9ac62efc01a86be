"""The ports of rollups in memory, over a FakeUsageLedger: nothing is ever folded, unless a test keeps a rollup."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime

from shared.domain.errors import LedgerError
from shared.domain.pricing import decimal_text
from shared.domain.unfolded import LooseDay, Unfolded
from shared.domain.usage_entry import UsageEntry
from shared.domain.usage_keys import Owner, PrincipalDay, usage_partition, usage_row
from shared.domain.usage_record import UsageRecord
from shared.ports.rollups import EVERYTHING, DayRollup, Detail, MonthRollup
from shared.usecases.gather_usage import GatherUsage
from shared.usecases.query_usage import QueryUsage
from tests.fakes import FakeUsageLedger


def usage_entry(record: UsageRecord) -> UsageEntry:
    """Return what rollups need of a record."""
    call, usage, charge = record.call, record.usage, record.charge
    day = call.begun_at.astimezone(UTC).date()
    return UsageEntry(
        partition=usage_partition(day, call.principal.tenant_id, call.principal.object_id),
        row_key=usage_row(call.begun_at, call.call_id),
        principal_kind=call.principal.kind,
        principal_name=call.principal.name,
        operation=call.operation,
        outcome=record.outcome,
        usage_source=usage.source,
        duration_ms=record.duration_ms,
        deployment=call.deployment,
        model=record.model,
        user_label=call.user_label,
        first_chunk_ms=record.first_chunk_ms,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        total_tokens=usage.total_tokens,
        cost_usd=decimal_text(charge.cost_usd) if charge.cost_usd is not None else None,
        provisioned=charge.provisioned,
    )


class FakeUsageEntries:
    """UsageEntries of a FakeUsageLedger, two a page. Set `failure` to have it raise that."""

    def __init__(self, ledger: FakeUsageLedger) -> None:
        self._ledger = ledger
        self.failure: LedgerError | None = None

    def all(self) -> list[UsageEntry]:
        return sorted(map(usage_entry, self._ledger.records.values()), key=lambda entry: entry.row_key)

    async def entries(
        self, whose: PrincipalDay, *, row_from: str = "", row_after: str = "", row_before: str = ""
    ) -> AsyncIterator[Sequence[UsageEntry]]:
        if self.failure:
            raise self.failure
        found = [
            entry
            for entry in self.all()
            if entry.partition == whose.partition
            and row_from <= entry.row_key
            and (not row_after or entry.row_key > row_after)
            and (not row_before or entry.row_key < row_before)
        ]
        for start in range(0, len(found), 2):
            yield found[start : start + 2]

    async def principal_days(self, first: date, last: date) -> set[PrincipalDay]:
        return {whose for entry in self.all() if first <= (whose := entry.principal_day).day <= last}


class FakeUnfoldedUsage:
    """UnfoldedUsage to which every record is changed, and so has to be read. Set `failure` to have it raise that."""

    def __init__(self, entries: FakeUsageEntries, now: datetime) -> None:
        self._entries = entries
        self.now = now
        self.marked: list[PrincipalDay] = []
        self.unsettled: dict[date, str] = {}
        self.failure: LedgerError | None = None

    async def read(self) -> Unfolded:
        if self.failure:
            raise self.failure
        days: dict[PrincipalDay, LooseDay] = {}
        for entry in self._entries.all():
            days.setdefault(entry.principal_day, LooseDay()).land(entry.row_key, None, "n")
        return Unfolded(served_at=self.now, days=days, notes=(), unsettled=self.unsettled)

    async def forget(self, unfolded: Unfolded, folded_before: Mapping[PrincipalDay, str]) -> None:
        """Nothing is noted."""

    async def unsettle(self, day: date) -> None:
        self.unsettled[day] = f"{len(self.unsettled)}"

    async def settle(self, day: date, version: str) -> bool:
        return self.unsettled.pop(day, None) == version

    async def mark_changed(self, days: Iterable[PrincipalDay]) -> None:
        self.marked += days


class FakeRollups:
    """Rollups in memory, a version each time one is kept."""

    def __init__(self) -> None:
        self.kept: dict[PrincipalDay, DayRollup] = {}
        self.kept_months: dict[tuple[date, Owner], MonthRollup] = {}

    async def day(self, whose: PrincipalDay, detail: Detail = EVERYTHING) -> DayRollup:
        return self.kept.get(whose, DayRollup(whose=whose))

    async def days(self, first: date, last: date, detail: Detail) -> AsyncIterator[Sequence[DayRollup]]:
        for whose, kept in self.kept.items():
            if first <= whose.day <= last:
                yield [kept]

    async def month(self, month: date, owner: Owner, detail: Detail = EVERYTHING) -> MonthRollup:
        return self.kept_months.get((month, owner), MonthRollup(month=month, owner=owner))

    async def months(self, month: date, detail: Detail) -> AsyncIterator[Sequence[MonthRollup]]:
        for kept in self.kept_months.values():
            if kept.month == month:
                yield [kept]

    async def keep(self, rollups: Sequence[DayRollup] | Sequence[MonthRollup]) -> list[bool]:
        for each in rollups:
            each.version = f"{each.version}+"
            if isinstance(each, DayRollup):
                self.kept[each.whose] = each
            else:
                self.kept_months[each.month, each.owner] = each
        return [True] * len(rollups)


def fake_query_usage(ledger: FakeUsageLedger, now: datetime) -> tuple[QueryUsage, FakeUsageEntries]:
    """Return what reports the records of a ledger, and what it reads them from."""
    entries = FakeUsageEntries(ledger)
    gather = GatherUsage(unfolded=FakeUnfoldedUsage(entries, now), rollups=FakeRollups(), entries=entries)
    return QueryUsage(gather), entries
