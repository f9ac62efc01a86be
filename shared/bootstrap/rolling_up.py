"""What rolls usage up, and reports from rollups."""

from __future__ import annotations

import random
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

import aiohttp

from shared.adapters.group_commit import Transactions
from shared.adapters.system_clock import SystemClock
from shared.adapters.table_authorization import TableEndpoint
from shared.adapters.table_pages import HttpTablePages, TablePages
from shared.adapters.table_rollups import TableRollups
from shared.adapters.table_service import StorageSettings, open_tables
from shared.adapters.table_transactions import TableTransactions
from shared.adapters.table_unfolded import TableUnfolded
from shared.adapters.table_usage_entries import TableUsageEntries
from shared.ports.clock import Clock
from shared.usecases.gather_usage import GatherUsage
from shared.usecases.query_usage import QueryUsage
from shared.usecases.rebuild_rollups import RebuildRollups
from shared.usecases.roll_up_usage import RollUpUsage
from shared.usecases.settle_days import SettleDays


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRollups:
    """What rollups are kept in, and read from."""

    unfolded: TableUnfolded
    rollups: TableRollups
    entries: TableUsageEntries

    @classmethod
    def over(
        cls, endpoint: TableEndpoint, session: aiohttp.ClientSession, transactions: Transactions, clock: Clock
    ) -> Self:
        """Return it over the ledger's tables. Raises SettingsInvalid as TableTransactions."""
        return cls.of(HttpTablePages(endpoint, session, clock=clock, jitter=random.random), transactions)

    @classmethod
    def of(cls, pages: TablePages, transactions: Transactions) -> Self:
        """Return it over what reads and writes tables."""
        return cls(
            unfolded=TableUnfolded(pages, transactions, new_id=lambda: uuid.uuid4().hex),
            rollups=TableRollups(pages, transactions),
            entries=TableUsageEntries(pages),
        )

    def roll_up_usage(self) -> RollUpUsage:
        """Return what folds."""
        settle_days = SettleDays(unfolded=self.unfolded, rollups=self.rollups)
        return RollUpUsage(unfolded=self.unfolded, rollups=self.rollups, entries=self.entries, settle_days=settle_days)

    def rebuild_rollups(self) -> RebuildRollups:
        """Return what folds anew."""
        return RebuildRollups(
            unfolded=self.unfolded, rollups=self.rollups, entries=self.entries, roll_up_usage=self.roll_up_usage()
        )

    def query_usage(self) -> QueryUsage:
        """Return what reports."""
        return QueryUsage(GatherUsage(unfolded=self.unfolded, rollups=self.rollups, entries=self.entries))


@asynccontextmanager
async def open_rollups(storage: StorageSettings) -> AsyncIterator[UsageRollups]:
    """Yield it over an account's tables, for a program that runs and ends. Raises SettingsInvalid."""
    async with open_tables(storage) as tables, aiohttp.ClientSession() as session:
        clock = SystemClock()
        endpoint = TableEndpoint.of(tables)
        transactions = TableTransactions(
            endpoint, session, create_table=tables.create_table_if_not_exists, clock=clock, jitter=random.random
        )
        yield UsageRollups.over(endpoint, session, transactions, clock)
