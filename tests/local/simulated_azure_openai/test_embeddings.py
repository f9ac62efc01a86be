"""Embeddings."""

from __future__ import annotations

import math
from typing import Any

import pytest

from local.simulated_azure_openai import RunningServer
from tests.local.simulated_azure_openai.conftest import Caller
from tests.local.simulated_azure_openai.openai_clients import dated_client

EMBEDDINGS = "/openai/v1/embeddings"


async def test_numbers_and_base64_say_the_same(server: RunningServer) -> None:
    """The client asks for base64 unless told otherwise, so both forms go through the relay."""
    async with dated_client(server.url) as client:
        packed = await client.embeddings.create(model="text-embedding-3-large", input="a cat")
        plain = await client.embeddings.create(model="text-embedding-3-large", input="a cat", encoding_format="float")

    assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)
    assert len(plain.data[0].embedding) == 3072
    assert math.hypot(*plain.data[0].embedding) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("value", "vectors", "tokens"),
    [("a cat", 1, 2), (["a cat", "a big dog"], 2, 5), ([1, 2, 3, 4], 1, 4), ([[1, 2], [3]], 2, 3)],
)
async def test_every_form_of_input_is_counted(caller: Caller, value: Any, vectors: int, tokens: int) -> None:
    reply = await caller.post(EMBEDDINGS, {"model": "text-embedding-3-small", "input": value, "dimensions": 8})

    assert [len(item["embedding"]) for item in reply.json["data"]] == [8] * vectors
    assert reply.json["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}


@pytest.mark.parametrize("value", ["", []])
async def test_an_empty_input_is_refused(caller: Caller, value: Any) -> None:
    reply = await caller.post(EMBEDDINGS, {"model": "text-embedding-ada-002", "input": value})

    assert (reply.status, reply.json["error"]["param"]) == (400, "input")
