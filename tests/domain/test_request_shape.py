"""What kind of request it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.request_shape import shape_of

CALL = {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}
SCHEMA = {"type": "json_schema", "json_schema": {}}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("request_body", "shape"),
    [
        ({"messages": [{"role": "user", "content": "hi"}]}, "plain"),
        ({"input": "hi"}, "plain"),
        ({"messages": [], "tools": [{}]}, "tools"),
        ({"messages": [CALL], "tools": [{}]}, "tool turns+tools"),
        ({"input": [{"type": "function_call_output", "output": "1"}]}, "tool turns"),
        ({"messages": [{"content": [{"type": "image_url"}]}], "response_format": SCHEMA}, "image+json_schema"),
        ({"input": [{"content": [{"type": "input_file"}]}], "text": {"format": SCHEMA}}, "file+json_schema"),
        ({"messages": [], "n": 2}, "n"),
        ({"messages": [], "n": 1, "tools": []}, "plain"),
    ],
)
def test_a_request_is_named_by_what_decides_its_count(request_body: dict[str, Any], shape: str) -> None:
    """Drift shows by these words; each is a rule of its own."""
    assert shape_of(request_body) == shape


@given(st.dictionaries(st.sampled_from(["messages", "input", "tools", "n", "text", "response_format"]), JSON))
def test_any_request_has_a_shape(request_body: dict[str, Any]) -> None:
    """Callers send what they like."""
    assert shape_of(request_body)
