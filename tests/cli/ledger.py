"""A ledger in real tables for tests of the command line, and how its commands are run."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from typing import Any

import aiohttp
from typer.testing import CliRunner, Result

from shared.adapters.system_clock import SystemClock
from shared.adapters.table_authorization import TableEndpoint
from shared.adapters.table_service import StorageSettings, open_tables
from shared.adapters.table_transactions import TableTransactions
from shared.adapters.table_usage_ledger import TableUsageLedger
from shared.cli.__main__ import app
from shared.domain.usage_record import UsageRecord
from tests.adapters.usage_rows import put_records


def put(connection_string: str, records: Sequence[UsageRecord]) -> None:
    """Put the rows of calls there, and nothing that tells of them."""

    async def write() -> None:
        async with open_tables(StorageSettings(connection_string=connection_string)) as tables:
            await put_records(tables, records)

    asyncio.run(write())


def record_calls(connection_string: str, records: Sequence[UsageRecord]) -> None:
    """Record calls as the relay does, so that reports know of them."""
    asyncio.run(_record_calls(connection_string, records))


async def _record_calls(connection_string: str, records: Sequence[UsageRecord]) -> None:
    async with (
        open_tables(StorageSettings(connection_string=connection_string)) as tables,
        aiohttp.ClientSession() as session,
    ):
        transactions = TableTransactions(
            TableEndpoint.of(tables),
            session,
            create_table=tables.create_table_if_not_exists,
            clock=SystemClock(),
            jitter=random.random,
        )
        ledger = TableUsageLedger(transactions, worker_id="worker-of-tests", lease_seconds=90)
        for each in records:
            await ledger.end(each)
        await ledger.close()


def run(*arguments: str, columns: int = 140) -> Result:
    """Run a command as a shell does, with a pipe for its output, which so many columns are claimed for."""
    return CliRunner().invoke(app, arguments, env={"COLUMNS": str(columns), "TERM": "dumb"})


def json_lines(result: Result) -> list[dict[str, Any]]:
    """Return what was printed, a line of JSON each."""
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]
