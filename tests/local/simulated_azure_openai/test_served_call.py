"""What the simulated service tells of its calls: the logs are made of it, and the ledger is held against them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import jwt
import pytest

from local.simulated_azure_openai import Config, serve
from local.simulated_azure_openai.served_call import ServedCall
from local.simulated_azure_openai.token_counts import TokenCounts, counts_of
from tests.local.simulated_azure_openai.conftest import CHAT, HELLO, Caller

DATED = "/openai/deployments/{}/chat/completions?api-version=2024-10-21"
OBJECT_ID = "0b000000-0000-4000-8000-00000000000a"


@dataclass
class Service:
    """A running service, what it told, and who calls it."""

    caller: Caller
    told: list[ServedCall]

    async def call(self, path: str = CHAT, value: Any = HELLO, **headers: str) -> ServedCall:
        """Make a call and return what was told of it."""
        try:
            await self.caller.send("POST", path, json=value, headers={"api-key": "simulated"} | headers)
        except aiohttp.ClientError:
            await asyncio.sleep(0.05)
        (told,) = self.told
        self.told.clear()
        return told


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    told: list[ServedCall] = []
    async with serve(Config(on_served=told.append)) as server, aiohttp.ClientSession() as session:
        yield Service(Caller(server.url, session), told)


async def test_a_call_has_the_id_of_its_answer_and_the_tokens_that_it_says(service: Service) -> None:
    """By the one a record is found for it, by the other held against it."""
    answer = await service.caller.post(CHAT, HELLO)
    (told,) = service.told

    assert told.correlation_id == answer.headers["apim-request-id"]
    assert told.tokens == counts_of(answer.json["usage"])
    assert (told.status, told.operation, told.streamed) == (200, "ChatCompletions_Create", False)
    assert (told.request_bytes, told.response_bytes) == (len(json.dumps(HELLO)), len(answer.body))
    assert timedelta(0) < datetime.now(UTC) - told.requested_at < timedelta(seconds=10)


@pytest.mark.parametrize(
    ("path", "value", "headers", "status", "deployment"),
    [
        (CHAT, HELLO, {"api-key": "wrong"}, 401, "gpt-4o"),
        (CHAT, HELLO, {"x-simulate": "status=429"}, 429, "gpt-4o"),
        (CHAT, HELLO, {"x-simulate": "status=400"}, 400, "gpt-4o"),
        (CHAT, {"model": "gpt-4o"}, {}, 400, "gpt-4o"),
        (CHAT, {"messages": []}, {}, 400, None),
        (CHAT, {"model": "none"}, {}, 404, "none"),
        (DATED.format("none"), HELLO, {}, 404, "none"),
        ("/openai/nothing/here", HELLO, {}, 404, None),
    ],
)
async def test_what_is_refused_is_told_too(
    service: Service, path: str, value: Any, headers: dict[str, str], status: int, deployment: str | None
) -> None:
    """Azure logs it, and charges nothing."""
    told = await service.call(path, value, **headers)

    assert (told.status, told.deployment, told.tokens) == (status, deployment, None)


async def test_a_stream_is_charged_whether_its_answer_says_so_or_arrives(service: Service) -> None:
    """A caller that asks for no usage, or hangs up, is logged all the same: as to its beginning, and without length."""
    stream = HELLO | {"stream": True}
    plain = await service.call(value=stream, **{"x-simulate": "chunk_ms=100, delay_ms=40"})
    cut = await service.call(value=stream, **{"x-simulate": "cut_bytes=100"})
    silent = await service.call(**{"x-simulate": "no_usage"})

    assert plain.tokens == cut.tokens == silent.tokens == TokenCounts(prompt=9, completion=4)
    assert (plain.streamed, plain.response_bytes) == (True, 0)
    assert timedelta(milliseconds=40) <= plain.duration < timedelta(milliseconds=600)


async def test_a_token_has_an_object_id_and_a_key_has_none(service: Service) -> None:
    """Nor has a token that was refused, or is no Entra token: nobody has proved it."""
    token = jwt.encode({"oid": OBJECT_ID}, "", algorithm="none")
    with_token = await service.call(authorization=f"Bearer {token}")
    with_key = await service.call()
    with_anything = await service.call(authorization="Bearer anything")

    assert [each.object_id for each in (with_token, with_key, with_anything)] == [OBJECT_ID, "", ""]


async def test_a_token_that_was_refused_has_no_object_id() -> None:
    """Nobody has proved it."""
    told: list[ServedCall] = []
    config = Config(on_served=told.append, bearer_tokens=frozenset())
    token = jwt.encode({"oid": OBJECT_ID}, "", algorithm="none")
    async with serve(config) as server, aiohttp.ClientSession() as session:
        await Caller(server.url, session).send("POST", CHAT, json=HELLO, headers={"authorization": f"Bearer {token}"})

    assert [(each.status, each.object_id) for each in told] == [(401, "")]


async def test_the_address_is_that_of_the_connection_unless_the_caller_says_another(service: Service) -> None:
    """On one machine all have the same; who comes round the gateway needs one of its own."""
    plain = await service.call()
    named = await service.call(**{"x-simulate-address": "203.0.113.9"})

    assert (plain.caller_address, named.caller_address) == ("127.0.0.1", "203.0.113.9")


@pytest.mark.parametrize(
    ("model", "name", "version"),
    [
        ("gpt-4o-2024-11-20", "gpt-4o", "2024-11-20"),
        ("gpt-35-turbo-0125", "gpt-35-turbo", "0125"),
        ("text-embedding-3-large", "text-embedding-3-large", "1"),
        (None, None, None),
    ],
)
def test_a_model_has_its_version_apart(model: str | None, name: str | None, version: str | None) -> None:
    """As logs have it, where answers have both in one word."""
    call = ServedCall(correlation_id="c", requested_at=datetime.now(UTC), model=model)

    assert (call.model_name, call.model_version) == (name, version)
