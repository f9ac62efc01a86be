"""The same on a real emulator, in less detail: records, folds two at a time and rebuilds, and every report a sum."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import aiohttp
import pytest
from azure.data.tables.aio import TableServiceClient

from local.azurite import Azurite
from shared.adapters import landed_calls
from shared.adapters.system_clock import SystemClock
from shared.adapters.table_authorization import TableEndpoint
from shared.adapters.table_transactions import TableTransactions
from shared.adapters.table_usage_ledger import TableUsageLedger
from shared.bootstrap.rolling_up import UsageRollups
from shared.domain.report_dimensions import Dimension
from shared.domain.usage_entry import UsageEntry
from shared.domain.usage_record import Charge, Outcome, UsageRecord
from shared.domain.usage_span import UsageSpan
from tests.adapters.records import record
from tests.fakes_rollups import usage_entry
from tests.usecases.rolling_up import READER, naive_report, query

# A month of our own, long over: what is folded is settled at once.
FIRST = datetime(2019, 2, 1, tzinfo=UTC)
MONTH = UsageSpan(begun_from=FIRST, begun_before=datetime(2019, 3, 1, tzinfo=UTC))
MORNING = UsageSpan(begun_from=FIRST + timedelta(hours=7, seconds=11), begun_before=FIRST + timedelta(days=2, hours=3))
SHAPES: tuple[tuple[Dimension, ...], ...] = (
    (Dimension.PRINCIPAL,),
    (Dimension.PRINCIPAL, Dimension.DAY, Dimension.OUTCOME),
    (Dimension.LABEL, Dimension.HOUR),
    (Dimension.MONTH, Dimension.MODEL),
)
WAVES = 8


class Ledger:
    """Tables on the emulator, and what was recorded in them."""

    def __init__(self, service: TableServiceClient, session: aiohttp.ClientSession, seed: int) -> None:
        endpoint, clock = TableEndpoint.of(service), SystemClock()
        transactions = TableTransactions(
            endpoint, session, create_table=service.create_table_if_not_exists, clock=clock, jitter=random.random
        )
        self.ledger = TableUsageLedger(transactions, worker_id=uuid.uuid4().hex, lease_seconds=90)
        self.rollups = UsageRollups.over(endpoint, session, transactions, clock)
        self.chance = random.Random(seed)
        self.recorded: dict[str, UsageEntry] = {}

    def a_record(self) -> UsageRecord:
        chance = self.chance
        made = record(
            uuid.uuid4().hex,
            begun_at=FIRST + timedelta(seconds=chance.randrange(4 * 86_400)),
            object_id=chance.choice(["ann", "ben"]),
            prompt_tokens=chance.randrange(1000),
        )
        return replace(
            made,
            call=replace(made.call, user_label=chance.choice(["x", None])),
            duration_ms=chance.randrange(20_000),
            outcome=chance.choice([Outcome.COMPLETED, Outcome.REFUSED_BY_AZURE]),
            charge=Charge(cost_usd=chance.choice([None, Decimal("0.000123")])),
        )

    async def record(self) -> None:
        made = self.a_record()
        if self.chance.random() < 0.7:
            await self.ledger.begin(made.call)
        await self.ledger.end(made)
        self.recorded[made.call.call_id] = usage_entry(made)

    async def fold(self) -> None:
        await asyncio.gather(*(self.rollups.roll_up_usage()() for _ in range(2)))

    async def rebuild(self) -> None:
        await self.rollups.rebuild_rollups()(FIRST.date(), date(2019, 2, 4))

    async def check(self) -> None:
        """Ask everything of everything."""
        for by in SHAPES:
            for span in (MONTH, MORNING):
                percentiles = Dimension.HOUR not in by
                asked = query(*by, span=span, percentiles=percentiles)
                answer = await self.rollups.query_usage()(asked, READER)
                expected = naive_report(list(self.recorded.values()), asked.shape, span)

                assert (answer.totals, answer.rows) == (expected.totals, expected.rows), (by, span)


@pytest.fixture
async def ledger(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ledger]:
    monkeypatch.setattr(landed_calls, "_TIDY_SECONDS", 0.02)
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(TableServiceClient.from_connection_string(azurite.connection_string))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        made = Ledger(service, session, seed=7)
        stack.push_async_callback(made.ledger.close)
        yield made


async def test_every_report_equals_the_sum_of_the_records(ledger: Ledger) -> None:
    """While they are noted, folded, folded anew, and brought into their month."""
    for _ in range(WAVES):
        await asyncio.gather(*(ledger.record() for _ in range(6)))
        await ledger.check()
        await ledger.chance.choice([ledger.fold, ledger.fold, ledger.rebuild])()
        await ledger.check()
    await ledger.ledger.close()
    await ledger.fold()
    await ledger.check()
    unfolded = await ledger.rollups.unfolded.read()

    assert not [whose for whose in unfolded.days if whose.day < date(2019, 3, 1)]
    assert not [day for day in unfolded.unsettled if day < date(2019, 3, 1)]
