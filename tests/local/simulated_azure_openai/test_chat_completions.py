"""Chat Completions, as the official client and the bytes on the wire show them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.simulated_azure_openai import RunningServer
from tests.local.simulated_azure_openai.conftest import CHAT, HELLO, Caller
from tests.local.simulated_azure_openai.openai_clients import dated_client, v1_client

STREAM = HELLO | {"stream": True}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
    },
}


def events(body: bytes) -> list[Any]:
    lines = body.decode().split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]


async def test_the_azure_client_reads_an_answer(server: RunningServer) -> None:
    async with dated_client(server.url) as client:
        completion = await client.chat.completions.create(
            model="contoso-chat", messages=[{"role": "user", "content": "Hello there"}]
        )

    assert completion.choices[0].message.content == "You said: Hello there"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.model == "gpt-4.1-mini-2025-04-14"
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (9, 4)


async def test_the_openai_client_reads_a_stream(server: RunningServer) -> None:
    async with v1_client(server.url) as client:
        stream = await client.chat.completions.create(
            model="gpt-4o",
            messages=[{"role": "user", "content": "Grüße, 世界"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "You said: Grüße, 世界"
    assert [chunk.usage.total_tokens for chunk in chunks if chunk.usage] == [13]


async def test_a_stream_has_the_order_of_azure(caller: Caller) -> None:
    """The first chunk has no model: who takes it from there records none."""
    chunks = events((await caller.post(CHAT, STREAM)).body)

    assert (chunks[0]["model"], chunks[0]["choices"]) == ("", [])
    assert chunks[0]["prompt_filter_results"]
    assert chunks[1]["choices"][0]["delta"] == {"content": "", "refusal": None, "role": "assistant"}
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert all(chunk["model"] == "gpt-4o-2024-11-20" for chunk in chunks[1:])


async def test_usage_is_streamed_only_if_asked(caller: Caller) -> None:
    """The chunk that the relay adds and takes out again must not be there by itself."""
    asked = events((await caller.post(CHAT, STREAM | {"stream_options": {"include_usage": True}})).body)
    unasked = events((await caller.post(CHAT, STREAM)).body)
    declined = events((await caller.post(CHAT, STREAM | {"stream_options": {"include_usage": False}})).body)

    assert [chunk["usage"] for chunk in asked[1:-1]] == [None] * (len(asked) - 2)
    assert (asked[-1]["choices"], asked[-1]["usage"]["prompt_tokens"]) == ([], 9)
    assert not any("usage" in chunk for chunk in [asked[0], *unasked, *declined])


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (
            CHAT,
            HELLO | {"stream_options": {"include_usage": True}},
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        ),
        (
            "/openai/deployments/gpt-4o/chat/completions?api-version=2024-06-01",
            STREAM | {"stream_options": {"include_usage": True}},
            "Unknown parameter: 'stream_options'.",
        ),
    ],
)
async def test_stream_options_are_refused_where_azure_refuses_them(
    caller: Caller, path: str, body: dict[str, Any], message: str
) -> None:
    reply = await caller.post(path, body)

    assert (reply.status, reply.json["error"]["param"]) == (400, "stream_options")
    assert reply.json["error"]["message"] == message


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_an_answer_ends_at_its_limit(caller: Caller, name: str) -> None:
    reply = await caller.post(CHAT, HELLO | {name: 2, "n": 3})

    assert [choice["message"]["content"] for choice in reply.json["choices"]] == ["You said:"] * 3
    assert {choice["finish_reason"] for choice in reply.json["choices"]} == {"length"}
    assert reply.json["usage"]["completion_tokens"] == 6


async def test_reasoning_is_a_part_of_the_completion(caller: Caller) -> None:
    """A ledger that adds reasoning to completion tokens charges it twice."""
    whole = await caller.post(CHAT, HELLO | {"model": "gpt-5"})
    cut = await caller.post(CHAT, HELLO | {"model": "o4-mini", "max_completion_tokens": 10})

    assert whole.json["usage"]["completion_tokens"] == 68
    assert whole.json["usage"]["completion_tokens_details"]["reasoning_tokens"] == 64
    assert cut.json["choices"][0]["message"]["content"] == ""
    assert cut.json["usage"]["completion_tokens"] == 10


async def test_a_long_prompt_is_partly_cached(caller: Caller) -> None:
    long = [{"role": "user", "content": "word " * 1500}]

    usage = (await caller.post(CHAT, HELLO | {"messages": long})).json["usage"]

    assert usage["prompt_tokens"] == 1507
    assert usage["prompt_tokens_details"]["cached_tokens"] == 1408


@pytest.mark.parametrize(
    ("tool_choice", "finish_reason"),
    [("required", "tool_calls"), ({"type": "function", "function": {"name": "get_weather"}}, "stop")],
)
async def test_a_forced_tool_is_called(caller: Caller, tool_choice: Any, finish_reason: str) -> None:
    request = HELLO | {"tools": [WEATHER], "tool_choice": tool_choice}
    body = (await caller.post(CHAT, request)).json
    chunks = events((await caller.post(CHAT, request | {"stream": True})).body)

    function = body["choices"][0]["message"]["tool_calls"][0]["function"]
    assert json.loads(function["arguments"]) == {"city": "You said: Hello there", "days": 1}
    assert body["choices"][0]["finish_reason"] == chunks[-1]["choices"][0]["finish_reason"] == finish_reason
    calls = [call for chunk in chunks for choice in chunk["choices"] for call in choice["delta"].get("tool_calls", [])]
    assert calls[0]["function"]["name"] == function["name"] == "get_weather"
    assert "".join(call["function"]["arguments"] for call in calls) == function["arguments"]


async def test_a_tool_that_is_only_offered_is_not_called(caller: Caller) -> None:
    reply = await caller.post(CHAT, HELLO | {"tools": [WEATHER], "tool_choice": "auto"})

    assert reply.json["choices"][0]["message"]["content"] == "You said: Hello there"
