"""
Calls that go round the gateway, for the reconciliation to find: straight to the simulated Azure OpenAI.

Soon after the start somebody lists the keys, and then one of them is used from an address that nobody knows.
A principal with a role of its own calls with its Entra token, too. After that, one of the two every few minutes.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress

import aiohttp
import jwt

from local.simulated_azure_openai.served_call import ADDRESS_HEADER
from local.simulated_exports.activity_log import Administrator
from local.simulated_exports.exports import SimulatedExports

LISTED_THE_KEYS = Administrator(
    object_id="0b000000-0000-4000-8000-0000000000a1", name="sam@contoso.example", address="198.51.100.23"
)
KEY_ADDRESS = "203.0.113.45"
TOKEN_ADDRESS = "192.0.2.118"
TOKEN_OBJECT_ID = "0b000000-0000-4000-8000-0000000000b2"

_FIRST_SECONDS = (1.0, 3.0)
_LATER_SECONDS = (240.0, 480.0)
_CALL = {"model": "gpt-4o", "messages": [{"role": "user", "content": "What does nobody see?"}]}

_logger = logging.getLogger(__name__)


@asynccontextmanager
async def passing_the_gate(
    url: str,
    api_key: str,
    exports: SimulatedExports,
    chance: random.Random,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[None]:
    """Go past the gate from time to time, until the context ends."""
    task = asyncio.create_task(_go_past(url, api_key, exports, chance, sleep))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _go_past(
    url: str,
    api_key: str,
    exports: SimulatedExports,
    chance: random.Random,
    sleep: Callable[[float], Awaitable[None]],
) -> None:
    with_key = {"api-key": api_key, ADDRESS_HEADER: KEY_ADDRESS}
    with_token = {"authorization": f"Bearer {_token()}", ADDRESS_HEADER: TOKEN_ADDRESS}
    exports.keys_listed(LISTED_THE_KEYS)
    async with aiohttp.ClientSession(url) as session:
        for seconds, headers in _calls(chance, with_key, with_token):
            await sleep(seconds)
            await _call(session, headers)


def _calls(
    chance: random.Random, with_key: Mapping[str, str], with_token: Mapping[str, str]
) -> Iterator[tuple[float, Mapping[str, str]]]:
    """Yield how long to wait before each call, and its headers."""
    yield chance.uniform(*_FIRST_SECONDS), with_key
    yield chance.uniform(*_FIRST_SECONDS), with_token
    while True:
        yield chance.uniform(*_LATER_SECONDS), chance.choice([with_key, with_token])


async def _call(session: aiohttp.ClientSession, headers: Mapping[str, str]) -> None:
    try:
        async with session.post("/openai/v1/chat/completions", json=_CALL, headers=headers) as answer:
            await answer.read()
    except aiohttp.ClientError as error:
        _logger.warning("past_the_gate.not_called: %s", type(error).__name__)


def _token() -> str:
    """Return an Entra token as far as logs are concerned: nobody signed it, and the simulated service takes any."""
    return jwt.encode({"oid": TOKEN_OBJECT_ID, "ver": "1.0"}, "", algorithm="none")
