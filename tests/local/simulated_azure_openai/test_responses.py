"""The Responses API."""

from __future__ import annotations

import pytest
from openai import NotFoundError

from local.simulated_azure_openai import RunningServer
from tests.local.simulated_azure_openai.conftest import Caller
from tests.local.simulated_azure_openai.openai_clients import dated_client, v1_client

RESPONSES = "/openai/v1/responses"


async def test_an_answer_names_the_deployment_and_its_header_the_model(server: RunningServer) -> None:
    """Chat Completions names the model instead: a reader of one form is wrong about the other."""
    async with v1_client(server.url) as client:
        raw = await client.responses.with_raw_response.create(model="contoso-chat", input="Hello there")
    response = raw.parse()

    assert response.output_text == "You said: Hello there"
    assert response.model == "contoso-chat"
    assert raw.headers["x-ms-served-model"] == "gpt-4.1-mini-2025-04-14"
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens) == (9, 4)


async def test_a_stream_ends_with_the_usage_nobody_asked_for(server: RunningServer) -> None:
    async with dated_client(server.url) as client:
        stream = await client.responses.create(model="gpt-5-mini", input="Hello there", stream=True)
        events = [event async for event in stream]

    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[0].type == "response.created"
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == "You said: Hello there"
    assert last.response.usage is not None
    assert last.response.usage.output_tokens_details.reasoning_tokens == 64


async def test_a_response_cut_at_its_limit_says_so(server: RunningServer) -> None:
    async with v1_client(server.url) as client:
        stream = await client.responses.create(model="gpt-4o", input="Hello", max_output_tokens=1, stream=True)
        events = [event async for event in stream]

    last = events[-1]
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details is not None
    assert last.response.incomplete_details.reason == "max_output_tokens"


async def test_a_forced_function_is_called(server: RunningServer) -> None:
    async with v1_client(server.url) as client:
        stream = await client.responses.create(
            model="gpt-4o",
            input="Hello",
            stream=True,
            tool_choice={"type": "function", "name": "get_weather"},
            tools=[{"type": "function", "name": "get_weather", "parameters": {"properties": {}}, "strict": None}],
        )
        events = [event async for event in stream]

    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output[0].type == "function_call"
    assert last.response.output[0].arguments == "{}"


async def test_what_was_answered_can_be_read_until_it_is_deleted(server: RunningServer) -> None:
    """Its usage was charged when it was made: the relay must not charge it for the reading."""
    async with v1_client(server.url) as client:
        made = await client.responses.create(model="gpt-4o", input="Hello")
        read = await client.responses.retrieve(made.id)
        await client.responses.delete(made.id)
        with pytest.raises(NotFoundError):
            await client.responses.retrieve(made.id)

    assert read.usage == made.usage


async def test_a_conversation_is_charged_again_with_each_turn(server: RunningServer) -> None:
    async with v1_client(server.url) as client:
        first = await client.responses.create(model="gpt-4o", input="Hello")
        second = await client.responses.create(model="gpt-4o", input="Hello", previous_response_id=first.id)

    assert first.usage is not None
    assert second.usage is not None
    assert second.usage.input_tokens == first.usage.input_tokens + first.usage.total_tokens


async def test_what_is_not_to_be_stored_is_not(server: RunningServer) -> None:
    async with v1_client(server.url) as client:
        made = await client.responses.create(model="gpt-4o", input="Hello", store=False)
        with pytest.raises(NotFoundError):
            await client.responses.retrieve(made.id)


async def test_an_early_version_has_no_responses(caller: Caller) -> None:
    reply = await caller.post("/openai/responses?api-version=2024-10-21", {"model": "gpt-4o", "input": "Hello"})

    assert (reply.status, reply.json["error"]["code"]) == (400, "BadRequest")
