from __future__ import annotations

from typing import Any

import pytest

from shared.domain.counting.count import Count, Uncounted
from shared.domain.counting.response_format import FormatTooDeep, answers_format
from tests.domain.counting import chat, function, response

USER = {"role": "user", "content": "hi"}
ASSISTANT = {"role": "assistant", "content": "ok"}


def chat_format(schema: Any, **members: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "Answer", "schema": schema, **members}}


def text_of(schema: Any, **members: Any) -> str:
    shown = answers_format({"response_format": chat_format(schema, **members)})
    assert shown
    return shown.text()


def test_a_schema_is_shown_as_json_without_what_only_binds() -> None:
    """And in ASCII: 23 recorded calls with a dash in a description are exact only so."""
    schema = {
        "type": "object",
        "properties": {"required": {"type": "string", "description": "a \u2013 b", "default": "x"}},
        "required": ["required"],
        "additionalProperties": False,
    }

    assert text_of(schema, description="what") == (
        "# Response Formats\n\n## Answer\n\n// what\n"
        '{"type":"object","properties":{"required":{"type":"string","description":"a \\u2013 b"}}}'
    )


def test_a_member_may_have_the_name_of_a_keyword() -> None:
    """What is hidden is a keyword, not a name."""
    assert '"default":{"type":"string"}' in text_of({"properties": {"default": {"type": "string"}}})


def test_every_turn_that_follows_a_schema_names_it() -> None:
    """In its header: 2 tokens and the name, for the reply and for each past answer."""
    plain = chat([USER, ASSISTANT, USER])
    formatted = chat([USER, ASSISTANT, USER], response_format=chat_format({}))

    # A system message (4) of "# Response Formats ## Answer {}" (6), and two headers.
    assert formatted == plain + Count(4 + 6 + 2 * 3)


def test_beside_tools_the_reply_is_not_named() -> None:
    """The model may call a tool instead."""
    tools = [function()]
    formatted = chat([USER, ASSISTANT, USER], response_format=chat_format({}), tools=tools)

    assert formatted == chat([USER, ASSISTANT, USER], tools=tools) + Count(6 + 3)


@pytest.mark.parametrize(("model", "tokens"), [("gpt-4o", 7), ("gpt-5.4", 6)])
def test_the_responses_api_frames_it_otherwise(model: str, tokens: int) -> None:
    """No message of its own, and no name in the header."""
    text = {"format": {"type": "json_schema", "name": "Answer", "schema": {}}}

    assert response("hi", model, text=text) == response("hi", model) + Count(tokens)


def test_what_was_never_recorded_is_a_lower_bound() -> None:
    """No chat completion of a reasoning model had a schema."""
    counted = chat([USER], "gpt-5", response_format=chat_format({}))

    assert counted == chat([USER], "gpt-5") + Count(0, frozenset({Uncounted.RESPONSE_FORMAT}))


@pytest.mark.parametrize("given", [None, "json", {"type": "text"}, {"type": "json_object"}])
def test_other_formats_cost_nothing(given: Any) -> None:
    """14 of 14 recorded calls."""
    assert chat([USER], response_format=given) == chat([USER])


def test_a_schema_nested_without_end_leaves_a_lower_bound() -> None:
    """It can be sent, and must not keep the record from being written."""
    schema: dict[str, Any] = {}
    for _ in range(200):
        schema = {"items": schema}

    with pytest.raises(FormatTooDeep):
        text_of(schema)
    assert chat([USER], response_format=chat_format(schema)).uncounted == {Uncounted.RESPONSE_FORMAT}
    text = {"format": {"type": "json_schema", "schema": schema}}
    assert response("hi", text=text).uncounted == {Uncounted.RESPONSE_FORMAT}
