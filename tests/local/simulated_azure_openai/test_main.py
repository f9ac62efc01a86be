"""The command, as the set-up on one machine starts it."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.local.simulated_azure_openai.conftest import CHAT, HELLO, Caller

COMMAND = ("-m", "local.simulated_azure_openai")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_server_says_when_it_listens_and_stops_when_told(tmp_path: Path, number: signal.Signals) -> None:
    """Whoever starts it waits for the line, and leaves nothing behind."""
    log = tmp_path / "requests.jsonl"
    process = await asyncio.create_subprocess_exec(
        sys.executable, *COMMAND, "--request-log", log, "--delay-ms", "1", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    ready, _, url = (await process.stdout.readline()).decode().strip().partition(" ")
    async with aiohttp.ClientSession() as session:
        status = (await Caller(url, session).post(CHAT, HELLO)).status
    process.send_signal(number)

    assert (ready, status) == ("ready", 200)
    assert await asyncio.wait_for(process.wait(), 10) == 0
    assert len(log.read_bytes().splitlines()) == 1


async def test_a_fault_that_does_not_exist_is_refused_at_the_start() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *COMMAND, "--simulate", "delay=1", stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()

    assert process.returncode == 2
    assert b"x-simulate has no 'delay' with the value '1'" in errors
