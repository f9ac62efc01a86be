"""Faults and pace, as a relay in front meets them."""

from __future__ import annotations

import asyncio
import gzip
import time
import zlib
from contextlib import suppress

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.simulated_azure_openai import Config, RunningServer, Simulation, serve
from local.simulated_azure_openai.azure_errors import AzureError
from tests.local.simulated_azure_openai.conftest import CHAT, HELLO, Caller

STREAM = HELLO | {"stream": True, "stream_options": {"include_usage": True}}


@pytest.mark.parametrize(
    "header", ["delay=1", "delay_ms", "delay_ms=-1", "delay_ms=1.5", "gzip=2", "cut_bytes=\u0663", "status=200"]
)
async def test_a_key_nobody_knows_is_an_error(caller: Caller, header: str) -> None:
    """A test that misspells its fault would pass without it."""
    if not header.isascii():
        with pytest.raises(AzureError):
            Simulation().changed_by(header)
        return

    reply = await caller.post(CHAT, HELLO, simulate=header)

    assert (reply.status, reply.json["error"]["code"]) == (400, "SimulatorMisused")


def test_a_header_changes_only_what_it_names() -> None:
    simulation = Simulation(delay_ms=5, gzip=True).changed_by(" chunk_ms = 7 , gzip=0, no_usage,, tokens=3")

    assert simulation == Simulation(delay_ms=5, chunk_ms=7, no_usage=True, tokens=3)


@given(st.text())
def test_any_header_is_read_or_refused(header: str) -> None:
    with suppress(AzureError):
        Simulation().changed_by(header)


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
async def test_an_error_is_sent_in_the_words_of_azure(caller: Caller, status: int) -> None:
    reply = await caller.post(CHAT, HELLO, simulate=f"status={status}")

    assert reply.status == status
    assert reply.json["error"]["message"]
    assert (reply.headers.get("retry-after"), reply.headers.get("retry-after-ms")) == (
        ("1", "1000") if status == 429 else (None, None)
    )


@pytest.mark.parametrize("body", [HELLO, STREAM])
@pytest.mark.parametrize("faults", ["", ",gzip", ",no_content_length"])
@pytest.mark.parametrize("cut", [0, 1, 400])
async def test_the_connection_is_cut_after_exactly_so_many_bytes(
    caller: Caller, body: dict[str, object], faults: str, cut: int
) -> None:
    """Whatever had arrived is what the caller of a relay must have too, to the byte."""
    headers = {"api-key": "simulated", "x-simulate": f"tokens=900,cut_bytes={cut}{faults}"}
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.post(caller.url + CHAT, json=body, headers=headers) as response,
    ):
        received, cut_off = await read_until_cut(response)

    assert (response.status, cut_off) == (200, True)
    assert len(received) == cut


async def test_the_connection_is_cut_instead_of_an_answer(server: RunningServer, caller: Caller) -> None:
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await caller.post(CHAT, HELLO, simulate="cut_before_headers")

    assert len(server.requests) == 1


async def test_an_answer_shorter_than_the_cut_arrives_whole(caller: Caller) -> None:
    reply = await caller.post(CHAT, HELLO, simulate="cut_bytes=1000000")

    assert reply.json["object"] == "chat.completion"


@pytest.mark.parametrize("body", [HELLO, STREAM])
async def test_usage_is_left_out_though_asked_for(caller: Caller, body: dict[str, object]) -> None:
    reply = await caller.post(CHAT, body, simulate="no_usage")

    assert b'"usage":{' not in reply.body


async def test_an_answer_has_the_length_it_was_given(caller: Caller) -> None:
    reply = await caller.post(CHAT, HELLO, simulate="tokens=1234")

    assert len(reply.json["choices"][0]["message"]["content"].split()) == 1234
    assert reply.json["usage"]["completion_tokens"] == 1234


async def test_each_event_of_a_packed_stream_can_be_read_when_it_comes(caller: Caller) -> None:
    """A relay that holds packed bytes back breaks streaming without breaking any byte."""
    headers = {"api-key": "simulated", "x-simulate": "gzip,silent_ms=300"}
    unpacker = zlib.decompressobj(wbits=31)
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.post(caller.url + CHAT, json=STREAM, headers=headers) as response,
    ):
        first = unpacker.decompress(await response.content.readany())
        rest = unpacker.decompress(await response.read())

    assert response.headers["content-encoding"] == "gzip"
    assert first.startswith(b'data: {"choices":[],')
    assert first.endswith(b"\n\n")
    assert rest.endswith(b"data: [DONE]\n\n")
    assert unpacker.eof


async def test_json_can_be_packed_and_sent_without_a_length(caller: Caller) -> None:
    headers = {"api-key": "simulated", "x-simulate": "gzip,no_content_length"}
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.post(caller.url + CHAT, json=HELLO, headers=headers) as response,
    ):
        body = await response.read()

    assert "content-length" not in response.headers
    assert gzip.decompress(body).startswith(b'{"choices":[{')


@pytest.mark.parametrize(
    ("simulate", "seconds"), [("delay_ms=200", 0.2), ("silent_ms=200", 0.2), ("chunk_ms=20,tokens=10", 0.2)]
)
async def test_a_slow_answer_takes_its_time(caller: Caller, simulate: str, seconds: float) -> None:
    started = time.monotonic()
    await caller.post(CHAT, STREAM, simulate=simulate)

    assert time.monotonic() - started >= seconds


async def test_a_whole_server_can_be_faulty_and_a_request_be_spared() -> None:
    config = Config(simulation=Simulation(no_usage=True, tokens=5))
    async with serve(config) as server, aiohttp.ClientSession() as session:
        caller = Caller(server.url, session)
        faulty = await caller.post(CHAT, HELLO)
        spared = await caller.post(CHAT, HELLO, simulate="no_usage=0")

    assert "usage" not in faulty.json
    assert spared.json["usage"]["completion_tokens"] == 5


async def test_a_caller_that_hangs_up_does_no_harm(caller: Caller) -> None:
    headers = {"api-key": "simulated", "x-simulate": "tokens=2000,chunk_ms=1"}
    async with caller.session.post(caller.url + CHAT, json=STREAM, headers=headers) as response:
        await response.content.readany()
        response.close()
    await asyncio.sleep(0.05)

    assert (await caller.post(CHAT, HELLO)).status == 200


async def read_until_cut(response: aiohttp.ClientResponse) -> tuple[bytes, bool]:
    """Return what arrived, and whether the connection ended before the answer did."""
    received = b""
    try:
        async for piece in response.content.iter_any():
            received += piece
    except aiohttp.ClientPayloadError:
        return received, True
    return received, False
