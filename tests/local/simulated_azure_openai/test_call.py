"""Requests that no client sends: whatever their JSON holds, Azure refuses them with a 400."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.simulated_azure_openai import Simulation
from local.simulated_azure_openai.azure_errors import AzureError
from local.simulated_azure_openai.call import Call
from local.simulated_azure_openai.chat_completions import answer_chat_completion
from local.simulated_azure_openai.completions import answer_completion
from local.simulated_azure_openai.deployments import Deployment
from local.simulated_azure_openai.embeddings import answer_embeddings
from local.simulated_azure_openai.media import answer_image_generation
from local.simulated_azure_openai.responses import Responses

NAMES = st.sampled_from(
    "type function name parameters properties enum content text role output arguments include_usage".split()
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(0, 20)
    | st.sampled_from(["function", "required", "object", "image_url", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)
MESSAGES = st.lists(st.fixed_dictionaries({"role": st.just("user")}, optional={"content": VALUES}), min_size=1) | VALUES
FUNCTIONS = st.fixed_dictionaries({"name": st.just("f")}, optional={"parameters": VALUES, "enum": VALUES}) | VALUES
TOOLS = st.lists(st.fixed_dictionaries({"type": st.just("function"), "function": FUNCTIONS}), min_size=1) | VALUES

# Each changes a request that would be answered, so that what follows the first check is reached too.
CHANGES = (
    st.fixed_dictionaries({"tools": TOOLS, "tool_choice": st.just("required") | VALUES})
    | st.fixed_dictionaries({"messages": MESSAGES, "input": MESSAGES, "prompt": VALUES})
    | st.fixed_dictionaries({"stream": st.just(True) | VALUES, "stream_options": VALUES})
    | st.fixed_dictionaries({"n": VALUES, "max_tokens": VALUES, "dimensions": VALUES, "max_output_tokens": VALUES})
)
REQUEST = {"messages": [{"role": "user", "content": "Hello"}], "input": "Hello", "prompt": "Hello"}


@pytest.mark.parametrize(
    "answer",
    [answer_chat_completion, answer_completion, answer_embeddings, answer_image_generation, Responses().create],
)
@given(changes=CHANGES)
def test_any_json_is_answered_or_refused(answer: Any, changes: dict[str, Any]) -> None:
    """A 500 of the simulator's own would be taken for a fault of the relay."""
    with suppress(AzureError):
        assert answer(call(REQUEST | changes), Deployment("gpt-4o", "gpt-4o-2024-11-20")).status == 200


def call(request: dict[str, Any]) -> Call:
    return Call(
        request_id="00000000-0000-0000-0000-000000000000",
        path={},
        api_version=None,
        content_type="application/json; charset=utf-8",
        body=json.dumps(request).encode(),
        upload=None,
        simulation=Simulation(),
    )
