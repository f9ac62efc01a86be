"""A host that is told to stop while calls are under way: each has its row, and nothing is left open."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from local.azurite import running_azurite
from local.stack import app_settings, function_host, keep_key, ready_url, running_simulator
from shared.adapters.table_service import StorageSettings, open_tables
from shared.adapters.table_usage_records import TableUsageRecords
from shared.domain.usage_record import Outcome, UsageRecord
from tests.hosts import HOSTS

CHAT = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
BODY = {"messages": [{"role": "user", "content": "Hello"}], "stream": True}


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(
    ("chunk_ms", "outcome"), [(100, Outcome.COMPLETED), (20_000, Outcome.CUT_BY_SHUTDOWN)], ids=["nearly done", "long"]
)
def test_a_call_under_way_is_ended_as_what_it_is(host: str, chunk_ms: int, outcome: Outcome) -> None:
    """SIGTERM is how a platform scales in; what a call used until then was used."""
    with running_azurite() as azurite, running_simulator() as upstream_url:
        key = keep_key(azurite.connection_string, "dev")
        settings = {**app_settings(azurite.connection_string, upstream_url), "SHUTDOWN_GRACE_SECONDS": "1"}
        app = function_host(settings, host_module=host, arguments=["--grace", "2"])
        headers = {"api-key": key, "x-simulate": f"chunk_ms={chunk_ms},tokens=8"}
        with httpx.stream("POST", ready_url(app) + CHAT, json=BODY, headers=headers, timeout=60) as response:
            chunks = response.iter_raw()
            next(chunks)
            code = _stop_while_reading(app.stop, chunks)
        row, open_calls = _ledger(azurite.connection_string)

    assert code == 0
    assert row.outcome is outcome
    assert row.usage.prompt_tokens
    assert open_calls == []


def _stop_while_reading(stop: Callable[[], int], chunks: Iterator[bytes]) -> int:
    """Return the exit code; the answer is read as far as it comes."""
    codes: list[int] = []
    stopping = threading.Thread(target=lambda: codes.append(stop()))
    stopping.start()
    with contextlib.suppress(httpx.RemoteProtocolError, httpx.ReadError):
        list(chunks)
    stopping.join()
    return codes[0]


def _ledger(connection_string: str) -> tuple[UsageRecord, list[str]]:
    """Return the one row there is, and the calls that are still open."""
    return asyncio.run(_read_ledger(connection_string))


async def _read_ledger(connection_string: str) -> tuple[UsageRecord, list[str]]:
    now = datetime.now(UTC)
    async with open_tables(StorageSettings(connection_string=connection_string)) as tables:
        pages = TableUsageRecords(tables).between(now - timedelta(days=1), now + timedelta(days=1))
        (row,) = [row async for page in pages for row in page]
        open_rows = tables.get_table_client("opencalls").list_entities()
        return row, [str(entity["RowKey"]) async for entity in open_rows if "call_id" in entity]
