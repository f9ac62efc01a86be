"""Logs that Azure exports, read by the app's own triggers, on both hosts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from local.stack import running_stack
from tests.hosts import HOSTS
from tests.usecases.ingesting import LogAccount, call_line, log_account

CONTAINER = "insights-logs-requestresponse"
NEVER = "0 0 0 1 1 *"


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + 30
    while not await is_so():
        assert time.monotonic() < deadline, "not within 30 s"
        await asyncio.sleep(0.2)


async def append_recent(account: LogAccount, *ids: str) -> None:
    """Append to the blob of this hour, in the container that a diagnostic setting makes."""
    now = account.clock.now()
    blob = replace(account.blob(now), container=CONTAINER)
    account.container = CONTAINER
    await account.append(blob, b"".join(call_line(account.resource, each, at=now) + b"\n" for each in ids))


@pytest.mark.parametrize("host_module", HOSTS)
@pytest.mark.parametrize(
    "settings", [{"INGEST_SCHEDULE": "* * * * * *"}, {"INGEST_SCHEDULE": NEVER, "INGEST_BLOB_TRIGGER": "polling"}]
)
async def test_what_azure_logs_is_soon_in_the_tables(host_module: str, settings: dict[str, str]) -> None:
    """
    By the timer, or by the blob trigger alone; and the blob's growth as well as its beginning.

    That the host starts at all shows that the worker takes the Event Hub trigger, too, which it would
    refuse for an annotation it does not know.
    """
    with running_stack(host_module=host_module, settings={**settings, "LOGS_EVENT_HUB": "logs"}) as stack:
        async with log_account(stack.azurite) as account:
            await append_recent(account, "c1", "c2")
            await until(lambda: _is_stored(account, "c1", "c2"))
            await append_recent(account, "c3")
            await until(lambda: _is_stored(account, "c1", "c2", "c3"))

        assert "ingest_log_events" in stack.host.last_lines(200)


async def _is_stored(account: LogAccount, *ids: str) -> bool:
    return await account.call_ids() == list(ids)
