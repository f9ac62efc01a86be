"""Legacy completions."""

from __future__ import annotations

from local.simulated_azure_openai import RunningServer
from tests.local.simulated_azure_openai.conftest import Caller
from tests.local.simulated_azure_openai.openai_clients import dated_client

COMPLETIONS = "/openai/v1/completions"


async def test_the_client_reads_a_stream_of_text(server: RunningServer) -> None:
    async with dated_client(server.url) as client:
        stream = await client.completions.create(
            model="gpt-35-turbo-instruct", prompt="Once upon", stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]

    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == "You said: Once upon"
    assert chunks[-1].usage is not None
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (2, 4)


async def test_each_prompt_has_its_choices_and_is_counted_once(caller: Caller) -> None:
    """Azure charges the prompt once however many choices were asked for."""
    body = {"model": "gpt-35-turbo-instruct", "prompt": ["one two", "three"], "n": 2, "echo": True}
    reply = await caller.post(COMPLETIONS, body)

    texts = [choice["text"] for choice in reply.json["choices"]]
    assert texts == ["one two You said: one two"] * 2 + ["three You said: three"] * 2
    assert reply.json["usage"] == {"prompt_tokens": 3, "completion_tokens": 14, "total_tokens": 17}


async def test_an_answer_is_cut_at_sixteen_tokens_unless_told(caller: Caller) -> None:
    prompt = {"model": "gpt-35-turbo-instruct", "prompt": [1, 2, 3]}

    default = await caller.post(COMPLETIONS, prompt, simulate="tokens=100")
    told = await caller.post(COMPLETIONS, prompt | {"max_tokens": 50}, simulate="tokens=100")

    assert default.json["usage"] == {"prompt_tokens": 3, "completion_tokens": 16, "total_tokens": 19}
    assert default.json["choices"][0]["finish_reason"] == "length"
    assert told.json["usage"]["completion_tokens"] == 50
