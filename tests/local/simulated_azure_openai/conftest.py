"""A simulated resource that runs in the test's own event loop, and how to talk to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from local.simulated_azure_openai import RunningServer, serve

CHAT = "/openai/v1/chat/completions"
HELLO = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello there"}]}


@dataclass(frozen=True)
class Reply:
    """An answer read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    json: Any


@dataclass(frozen=True)
class Caller:
    """Sends requests as they are, good or bad, with the api-key unless told otherwise."""

    url: str
    session: aiohttp.ClientSession

    async def send(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **options: Any) -> Reply:
        all_headers = {"api-key": "simulated"} if headers is None else headers
        async with self.session.request(method, self.url + path, headers=all_headers, **options) as response:
            body = await response.read()
            parsed = await response.json() if response.content_type == "application/json" else None
            return Reply(response.status, response.headers, body, parsed)

    async def post(self, path: str, value: Any, *, simulate: str = "") -> Reply:
        return await self.send("POST", path, json=value, headers={"api-key": "simulated", "x-simulate": simulate})


@pytest.fixture
async def server() -> AsyncIterator[RunningServer]:
    async with serve() as running:
        yield running


@pytest.fixture
async def caller(server: RunningServer) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession() as session:
        yield Caller(server.url, session)
