"""A host that is killed while calls are under way: another one finds them, and each has one row."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from local.azurite import running_azurite
from local.child import Child
from local.stack import app_settings, function_host, keep_key, ready_url, running_simulator
from shared.adapters.table_service import StorageSettings, open_tables
from shared.adapters.table_usage_records import TableUsageRecords
from shared.adapters.usage_columns import OPEN_CALLS_TABLE
from shared.domain.usage_record import Outcome, UsageRecord, UsageSource
from tests.hosts import HOSTS

CHAT = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
STORY = "Tell me a long story about a lighthouse keeper and her goat. " * 20
LEASE_SECONDS = 2
SETTINGS = {"WORKER_LEASE_SECONDS": str(LEASE_SECONDS), "SWEEP_SCHEDULE": "* * * * * *"}


@pytest.mark.parametrize("host", HOSTS)
def test_calls_of_a_killed_host_are_abandoned_once_with_an_estimate(host: str) -> None:
    """Nothing of ours ran after SIGKILL: what is known was durable before the calls were sent."""
    with running_azurite() as azurite, running_simulator() as upstream_url:
        key = keep_key(azurite.connection_string, "dev")
        settings = {**app_settings(azurite.connection_string, upstream_url), **SETTINGS}
        prompt_tokens = _kill_in_mid_call(function_host(settings, host_module=host), upstream_url, key)
        with function_host(settings, host_module=host) as another:
            ready_url(another)
            _wait_until(lambda: len(_ledger(azurite.connection_string)[0]) == 3)
            # What later sweeps might do, they have done.
            time.sleep(LEASE_SECONDS)
            rows, left_open = _ledger(azurite.connection_string)

    completed, *abandoned = sorted(rows, key=lambda row: row.outcome is Outcome.ABANDONED)
    assert completed.outcome is Outcome.COMPLETED
    assert sorted(row.call.streamed for row in abandoned) == [False, True]
    for row in abandoned:
        assert row.outcome is Outcome.ABANDONED
        assert (row.usage.source, row.usage.method) == (UsageSource.ESTIMATED, "request size")
        assert row.usage.prompt_tokens == pytest.approx(prompt_tokens, rel=0.3)
        assert row.usage.completion_tokens is None
    assert left_open == []


def _kill_in_mid_call(app: Child, upstream_url: str, key: str) -> int:
    """Let one call end, kill the app while two are under way, and return the prompt tokens of the one that ended."""
    url = ready_url(app)
    completed = _post(url, key)
    with ThreadPoolExecutor() as callers:
        unanswered = callers.submit(_post, url, key, {"x-simulate": "delay_ms=60000"})
        headers = {"api-key": key, "x-simulate": "chunk_ms=60000,tokens=8"}
        with httpx.stream("POST", url + CHAT, json=_body(stream=True), headers=headers, timeout=60) as stream:
            chunks = stream.iter_raw()
            next(chunks)
            _wait_until(lambda: len(httpx.get(f"{upstream_url}/_simulator/requests").text.splitlines()) == 3)
            app.stop(signal.SIGKILL)
            with pytest.raises(httpx.TransportError):
                list(chunks)
        _assert_cut(unanswered)
    prompt_tokens: int = completed.json()["usage"]["prompt_tokens"]
    return prompt_tokens


def _post(url: str, key: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    return httpx.post(url + CHAT, json=_body(), headers={"api-key": key, **(headers or {})}, timeout=60)


def _body(*, stream: bool = False) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": STORY}], "stream": stream}


def _assert_cut(call: Future[httpx.Response]) -> None:
    assert isinstance(call.exception(30), httpx.TransportError)


def _wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _ledger(connection_string: str) -> tuple[list[UsageRecord], list[str]]:
    """Return all rows, and the ids of calls that are still open."""
    return asyncio.run(_read_ledger(connection_string))


async def _read_ledger(connection_string: str) -> tuple[list[UsageRecord], list[str]]:
    now = datetime.now(UTC)
    async with open_tables(StorageSettings(connection_string=connection_string)) as tables:
        pages = TableUsageRecords(tables).between(now - timedelta(days=1), now + timedelta(days=1))
        rows = [row async for page in pages for row in page]
        open_calls = tables.get_table_client(OPEN_CALLS_TABLE).query_entities("RowKey lt '~'")
        return rows, [str(entity["RowKey"]) async for entity in open_calls]
