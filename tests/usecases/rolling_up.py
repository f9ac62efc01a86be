"""A ledger with rollups over tables in memory: what tests of folding and reporting share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter

from shared.adapters.group_commit import Transactions
from shared.adapters.table_pages import TablePages
from shared.adapters.table_usage_entries import read_entry
from shared.adapters.table_usage_ledger import TableUsageLedger
from shared.adapters.table_wire import Refusal, TableWrite
from shared.adapters.usage_columns import USAGE_TABLE
from shared.bootstrap.rolling_up import UsageRollups
from shared.domain.errors import StorageUnavailable
from shared.domain.principal import Principal
from shared.domain.report_dimensions import Dimension
from shared.domain.rollup import Rollup
from shared.domain.usage_entry import UsageEntry
from shared.domain.usage_part import UsagePart
from shared.domain.usage_report import Arrangement, ReportShape, UsageFold, UsageReport
from shared.domain.usage_span import UsageSpan
from shared.usecases.query_usage import READ_ALL_ROLE, UsageQuery
from tests.fakes_tables import MemoryTables

READER = Principal.from_name("reader", roles=frozenset({READ_ALL_ROLE}))
EVERY_ROW = Arrangement(limit=100_000)
NOVEMBER = UsageSpan(begun_from=datetime(2026, 11, 1, tzinfo=UTC), begun_before=datetime(2026, 12, 1, tzinfo=UTC))


@dataclass
class Worker:
    """A process with a ledger, that can die: from then on nothing it does reaches storage."""

    tables: MemoryTables
    worker_id: str
    is_dead: bool = False
    ledger: TableUsageLedger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = TableUsageLedger(self, worker_id=self.worker_id, lease_seconds=90)

    async def commit(self, table: str, writes: Sequence[TableWrite], *, deadline: float) -> Refusal | None:
        self._live()
        refusal = await self.tables.commit(table, writes, deadline=deadline)
        self._live()
        return refusal

    def _live(self) -> None:
        if self.is_dead:
            raise StorageUnavailable("this process is dead")


def rollups_over(pages: TablePages, transactions: Transactions) -> UsageRollups:
    """Return what folds and reports."""
    return UsageRollups.of(pages, transactions)


def entries_in(tables: MemoryTables) -> list[UsageEntry]:
    """Return all records, in the order of their keys."""
    return [read_entry(body) for _, body in sorted(tables.bodies(USAGE_TABLE).items())]


def naive_report(
    entries: Sequence[UsageEntry], shape: ReportShape, span: UsageSpan, arrangement: Arrangement = EVERY_ROW
) -> UsageReport:
    """Return a report from the records alone."""
    fold = UsageFold(shape)
    for _, of_day in groupby(sorted(entries, key=attrgetter("partition", "row_key")), attrgetter("partition")):
        within = list(of_day)
        whose = within[0].principal_day
        row_from, row_before = span.row_bounds(whose.day)
        kept = [entry for entry in within if row_from <= entry.row_key < row_before] if span.touches(whose.day) else []
        fold.add(UsagePart(whose.owner, whose.day.isoformat(), Rollup.of(kept)))
    return fold.report(span, arrangement, of_all_principals=True)


def query(
    *by: Dimension, span: UsageSpan = NOVEMBER, arrangement: Arrangement = EVERY_ROW, percentiles: bool = False
) -> UsageQuery:
    """Return a query of everybody's usage."""
    return UsageQuery(span=span, shape=ReportShape(by=by, percentiles=percentiles), arrangement=arrangement)
