"""What the server says it received: crash tests compare the ledger with it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path

import aiohttp
import pytest

from local.simulated_azure_openai import Config, RunningServer, serve
from tests.local.simulated_azure_openai.conftest import CHAT, HELLO, Caller

LOG = "/_simulator/requests"


async def test_a_request_is_told_as_it_came(server: RunningServer, caller: Caller) -> None:
    body = json.dumps(HELLO).encode()
    headers = {"Api-Key": "simulated", "Content-Type": "application/json", "X-Custom": "Grün"}
    reply = await caller.send("POST", CHAT + "?a=%20b", data=body, headers=headers)
    [line] = (await caller.send("GET", LOG)).body.splitlines()
    [request] = server.requests

    told = json.loads(line)
    assert (told["method"], told["path"], told["query"]) == ("POST", CHAT, "a=%20b")
    assert (told["body_bytes"], told["body_sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
    assert told["apim_request_id"] == reply.headers["apim-request-id"] == request.apim_request_id
    assert (told["number"], told["complete"]) == (1, True)
    assert "X-Custom" in dict(request.headers)


@pytest.mark.parametrize(
    ("headers", "credential"),
    [({"api-key": "s3cret"}, "api-key"), ({"Authorization": "Bearer s3cret"}, "bearer"), ({}, None)],
)
async def test_a_credential_is_told_by_its_kind_only(
    server: RunningServer, caller: Caller, headers: dict[str, str], credential: str | None
) -> None:
    """What shows that a secret did not leak must not leak it."""
    await caller.send("POST", CHAT, json=HELLO, headers=headers)

    assert server.requests[0].credential == credential
    assert b"s3cret" not in (await caller.send("GET", LOG)).body


async def test_the_log_can_be_cleared_and_goes_on_counting(server: RunningServer, caller: Caller) -> None:
    await caller.post(CHAT, HELLO)
    cleared = await caller.send("DELETE", LOG)
    await caller.post(CHAT, HELLO)

    assert cleared.status == 204
    assert [request.number for request in server.requests] == [2]


async def test_a_request_is_on_disk_before_its_answer_begins(tmp_path: Path) -> None:
    """Whoever is killed while waiting for the answer finds the request there."""
    path = tmp_path / "requests.jsonl"
    async with serve(Config(request_log=path)) as server, aiohttp.ClientSession() as session:
        waiting = asyncio.create_task(Caller(server.url, session).post(CHAT, HELLO, simulate="delay_ms=60000"))
        while not path.read_bytes():
            await asyncio.sleep(0.01)
        [line] = path.read_bytes().splitlines()
        waiting.cancel()

    assert json.loads(line)["path"] == CHAT


async def test_a_request_that_ends_early_is_told_as_such(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A relay that dies while sending has made a call, though not a whole one."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /openai/v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    while not server.requests:
        await asyncio.sleep(0.01)
    [request] = server.requests

    assert (request.complete, request.body_bytes) == (False, 9)
    assert not caplog.records
