"""Recorded calls, replayed byte for byte."""

from __future__ import annotations

import json
import lzma
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.simulated_azure_openai import Config, Record, load_records, recorded_body, serve
from tests.local.simulated_azure_openai.conftest import CHAT, HELLO, Caller

USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
SSE = 'data: {"choices":[{"delta":{"content":"Grüße 世界 👋"}}]}\n\n' * 30 + "data: [DONE]\n\n"
RECORDS = [
    {
        "id": "body",
        "kind": "chat",
        "stream": False,
        "request": HELLO,
        "response": {"id": "chatcmpl-1", "text": "Grüße\u2028", "score": 1.10, "usage": USAGE},
        "sse": None,
        "usage": USAGE,
        "response_headers": {
            "content-type": "application/json",
            "x-ms-region": "East US 2",
            "apim-request-id": "recorded",
            "content-length": "1",
        },
        "shape": ["tools"],
    },
    {"id": "stream", "kind": "chat", "stream": True, "request": HELLO, "response": None, "sse": SSE},
]


@pytest.fixture(params=["calls.jsonl", "calls.jsonl.xz"])
def corpus(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / str(request.param)
    lines = b"".join(json.dumps(record).encode() + b"\n" for record in RECORDS)
    path.write_bytes(lzma.compress(lines) if path.suffix == ".xz" else lines)
    return path


@pytest.fixture
async def replaying(corpus: Path) -> AsyncIterator[Caller]:
    async with serve(Config(replay=corpus)) as server, aiohttp.ClientSession() as session:
        yield Caller(server.url, session)


def replay(record_id: str, simulate: str = "") -> dict[str, str]:
    return {"api-key": "simulated", "x-replay-id": record_id, "x-simulate": simulate}


def test_records_are_read_from_either_form(corpus: Path) -> None:
    records = list(load_records(corpus))

    assert [record.id for record in records] == ["body", "stream"]
    assert (records[0].usage, records[0].shape) == (USAGE, ("tools",))


async def test_a_body_is_replayed_with_its_headers_but_an_id_of_our_own(replaying: Caller) -> None:
    """Two replays of one recording are two calls: the ledger tells them apart by this id."""
    reply = await replaying.send("POST", CHAT, json=HELLO, headers=replay("body"))
    received = json.loads((await replaying.send("GET", "/_simulator/requests")).body)

    assert reply.body == '{"id":"chatcmpl-1","text":"Grüße\u2028","score":1.1,"usage":'.encode() + (
        b'{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}'
    )
    assert reply.headers["x-ms-region"] == "East US 2"
    assert reply.headers["apim-request-id"] == received["apim_request_id"]


async def test_a_stream_is_replayed_whole_though_cut_anywhere(replaying: Caller) -> None:
    reply = await replaying.send("POST", CHAT, json=HELLO, headers=replay("stream"))
    cut = replaying.session.post(replaying.url + CHAT, json=HELLO, headers=replay("stream", "chunk_ms=2"))
    async with cut as response:
        pieces = [piece async for piece, _ in response.content.iter_chunks()]

    assert reply.body == b"".join(pieces) == SSE.encode()
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert len([piece for piece in pieces if not piece.endswith(b"\n\n")]) > 5


async def test_a_recording_can_be_spoiled_like_any_answer(replaying: Caller) -> None:
    with pytest.raises(aiohttp.ClientPayloadError):
        await replaying.send("POST", CHAT, json=HELLO, headers=replay("stream", "cut_bytes=100"))


async def test_an_unknown_recording_is_said_to_be_unknown(replaying: Caller, caller: Caller) -> None:
    unknown = await replaying.send("POST", CHAT, json=HELLO, headers=replay("nobody"))
    no_corpus = await caller.send("POST", CHAT, json=HELLO, headers=replay("body"))

    assert (unknown.status, no_corpus.status) == (400, 400)
    assert "'nobody'" in unknown.json["error"]["message"]
    assert "--replay" in no_corpus.json["error"]["message"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(json_values)
def test_a_body_means_what_was_recorded(response: object) -> None:
    record = Record(id="1", kind="chat", stream=False, request={}, response=response)

    assert json.loads(recorded_body(record)) == response
