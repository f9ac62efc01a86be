"""Azurite with the ledger's tables, and what writes many rows to them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from azure.data.tables.aio import TableServiceClient

from local.azurite import running_azurite
from local.errors import WorkbenchError
from shared.adapters.rollup_columns import ROLLUPS_TABLE
from shared.adapters.system_clock import SystemClock
from shared.adapters.table_authorization import TableEndpoint
from shared.adapters.table_transactions import TableTransactions
from shared.adapters.table_wire import TableWrite
from shared.adapters.unfolded_columns import UNFOLDED_TABLE
from shared.adapters.usage_columns import OPEN_CALLS_TABLE, USAGE_TABLE
from shared.bootstrap.rolling_up import UsageRollups
from shared.domain.table_entity import MAX_BATCH_ENTITIES

_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The tables of an emulator of its own."""

    service: TableServiceClient
    transactions: TableTransactions
    rollups: UsageRollups

    async def write(self, table: str, writes: Iterable[TableWrite]) -> None:
        """Write rows that come partition by partition."""
        group: list[TableWrite] = []
        for write in writes:
            if group and (len(group) == MAX_BATCH_ENTITIES or group[0].partition_key != write.partition_key):
                await self._commit(table, group)
                group = []
            group.append(write)
        await self._commit(table, group)

    async def _commit(self, table: str, group: list[TableWrite]) -> None:
        deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        refusal = await self.transactions.commit(table, group, deadline=deadline)
        if refusal is not None:
            raise WorkbenchError(f"table {table!r} refuses rows: {refusal}")


@asynccontextmanager
async def running_store() -> AsyncIterator[Store]:
    """Run an emulator until the context ends."""
    with running_azurite() as azurite:
        async with (
            TableServiceClient.from_connection_string(azurite.connection_string) as service,
            aiohttp.ClientSession() as session,
        ):
            endpoint, clock = TableEndpoint.of(service), SystemClock()
            transactions = TableTransactions(
                endpoint,
                session,
                create_table=service.create_table_if_not_exists,
                clock=clock,
                jitter=random.random,
            )
            for table in (USAGE_TABLE, OPEN_CALLS_TABLE, UNFOLDED_TABLE, ROLLUPS_TABLE):
                await service.create_table_if_not_exists(table)
            rollups = UsageRollups.over(endpoint, session, transactions, clock)
            yield Store(service=service, transactions=transactions, rollups=rollups)
