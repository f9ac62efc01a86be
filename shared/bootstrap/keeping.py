"""How calls are kept: in Table Storage, and on this machine while it does not take them."""

from __future__ import annotations

import random
import re
import uuid
from contextlib import AsyncExitStack

from azure.data.tables.aio import TableServiceClient

from shared.adapters.disk_spool import DiskSpool
from shared.adapters.json_prices import shipped_prices
from shared.adapters.table_authorization import TableEndpoint
from shared.adapters.table_transactions import TableTransactions
from shared.adapters.table_usage_ledger import Patience, TableUsageLedger
from shared.adapters.table_windows import TABLE as WINDOWS_TABLE
from shared.adapters.table_windows import TableWindows
from shared.domain.pricing import PriceTable
from shared.ports.clock import Clock
from shared.ports.usage_ledger import UsageLedger
from shared.settings import Settings
from shared.settings.pricing import PricingSettings
from shared.usecases.drain_spool import DrainSpool
from shared.usecases.guarded_ledger import GuardedLedger
from shared.usecases.mark_windows import MarkLateRecords
from shared.usecases.price_records import PriceRecords
from shared.usecases.record_calls import RecordCalls, WhenUnavailable

# A caller who would be refused has time to wait for storage; one who is let through anyway has not.
# Nor has an end: the disk takes it.
_PATIENCE = {
    WhenUnavailable.REFUSE: Patience(begin_seconds=10.0, end_seconds=10.0),
    WhenUnavailable.ALLOW: Patience(begin_seconds=3.0, end_seconds=5.0),
}


def open_ledger(
    settings: Settings,
    service: TableServiceClient,
    endpoint: TableEndpoint,
    transactions: TableTransactions,
    clock: Clock,
    stack: AsyncExitStack,
) -> RecordCalls:
    """Open the ledger; the stack closes it."""
    tables = TableUsageLedger(
        transactions,
        worker_id=uuid.uuid4().hex,
        lease_seconds=settings.ledger.worker_lease_seconds,
        patience=_PATIENCE[settings.ledger.when_unavailable],
    )
    stack.push_async_callback(tables.close)
    # What is kept for one storage account must never be recorded in another.
    folder = settings.ledger.spool_dir / re.sub(r"\W+", "-", endpoint.url)
    spool = DiskSpool(folder, max_bytes=settings.ledger.spool_max_bytes)
    stack.push_async_callback(spool.close)
    windows = TableWindows(service.get_table_client(WINDOWS_TABLE))
    stored = GuardedLedger(MarkLateRecords(_priced(settings.pricing, tables), windows, clock), clock)
    drain = DrainSpool(spool=spool, stored=stored, jitter=random.random)
    drain.start()
    stack.push_async_callback(drain.close)
    return RecordCalls(stored=stored, spool=spool, when_unavailable=settings.ledger.when_unavailable)


def _priced(settings: PricingSettings, ledger: UsageLedger) -> PriceRecords:
    tables = [PriceTable(settings.prices), PriceTable(shipped_prices())]
    return PriceRecords(ledger, settings.deployments, tables)
