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


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--simulate", "delay=1"], b"x-simulate has no 'delay' with the value '1'"),
        (["--past-the-gate"], b"--past-the-gate needs --export-to"),
    ],
)
async def test_what_cannot_be_is_refused_at_the_start(arguments: list[str], problem: bytes) -> None:
    """Not found out by a test that waits for what never comes."""
    process = await asyncio.create_subprocess_exec(sys.executable, *COMMAND, *arguments, stderr=asyncio.subprocess.PIPE)
    _, errors = await process.communicate()

    assert process.returncode == 2
    assert problem in errors
