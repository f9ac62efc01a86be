from __future__ import annotations

from typing import Any

import pytest

from shared.domain.counting.count import Count, Uncounted
from shared.domain.counting.tool_definitions import defined_functions, tools_text
from shared.domain.operation import Metered
from tests.domain.counting import chat, function, response, rules

USER = {"role": "user", "content": "hi"}
SYSTEM = {"role": "system", "content": "be brief"}
WEATHER = function("weather", description="tell\n\nit ", parameters={"properties": {"city": {"type": "string"}}})


def test_tools_are_shown_as_a_namespace() -> None:
    """Every line of a description is a comment; a tool without parameters takes none."""
    assert tools_text(defined_functions({"tools": [WEATHER, function("now")]}), rules()) == (
        "namespace functions {\n\n"
        "// tell\n//\n// it\ntype weather = (_: { city?: string }) => any;\n\n"
        "type now = () => any;\n\n"
        "} // namespace functions"
    )


def test_harmony_opens_with_another_line_and_strips_descriptions() -> None:
    """A first comment costs a token there that it does not elsewhere: 80 recorded calls."""
    shown = tools_text([{"name": "f", "description": "\n do it\n "}], rules("gpt-5"))

    assert shown.startswith("namespace functions {\n\n\n// do it\ntype f")


def test_functions_of_all_three_forms_are_found() -> None:
    """Chat completions, the Responses API, and the form before there were tools."""
    request = {
        "tools": [function("a"), {"type": "function", "name": "b"}, {"type": "custom"}],
        "functions": [{"name": "c"}],
    }

    assert [found["name"] for found in defined_functions(request)] == ["a", "b", "c"]


def test_tools_are_a_part_of_the_system_message() -> None:
    """Where there is none they make one: a frame of 3, and its role."""
    there = chat([SYSTEM, USER], tools=[function()]).tokens or 0
    made = chat([USER], tools=[function()]).tokens or 0

    assert there - (chat([SYSTEM, USER]).tokens or 0) == made - (chat([USER]).tokens or 0) - 4


@pytest.mark.parametrize(("model", "tokens"), [("gpt-5", 90), ("o3-mini", 10)])
def test_reasoning_models_are_told_of_tools_apart(model: str, tokens: int) -> None:
    """The namespace of one bare tool is 13 words."""
    assert chat([USER], model, tools=[function()]) == chat([USER], model) + Count(tokens + 13)


@pytest.mark.parametrize(("model", "tokens"), [("gpt-4o", 3), ("gpt-5", 8)])
def test_the_responses_api_frames_them_otherwise(model: str, tokens: int) -> None:
    """The same namespace."""
    tool = {"type": "function", "name": "f"}

    assert response("hi", model, tools=[tool]) == response("hi", model) + Count(tokens + 13)


def test_what_was_never_recorded_is_a_lower_bound() -> None:
    """How the o-series shows tools in the Responses API nobody knows."""
    counted = response("hi", "o4-mini", tools=[{"type": "function", "name": "f"}])

    assert counted.uncounted == {Uncounted.TOOLS}


@pytest.mark.parametrize(
    ("choice", "tokens"),
    [
        (None, 0),
        ("auto", 0),
        ("required", 0),
        ("none", 1),
        ({"type": "function", "function": {"name": "f"}}, 8),
        ({"name": "f"}, 8),
        ({"type": "allowed_tools"}, 0),
        ([], 0),
    ],
)
def test_a_choice_of_tool_has_its_price(choice: Any, tokens: int) -> None:
    """A forced one is named in the header of the reply: 7 and its name."""
    plain = chat([USER], tools=[function()])

    assert chat([USER], tools=[function()], tool_choice=choice) == plain + Count(tokens)
    assert chat([USER], "gpt-5", tools=[function()], tool_choice=choice) == chat([USER], "gpt-5", tools=[function()])


@pytest.mark.parametrize(("tools", "tokens"), [(1, 8), (2, 0)])
def test_to_require_the_only_tool_is_to_force_it(tools: int, tokens: int) -> None:
    """In the Responses API alone."""
    defined = [{"type": "function", "name": "f"}] * tools

    assert response("hi", tools=defined, tool_choice="required") == response("hi", tools=defined) + Count(tokens)


@pytest.mark.parametrize(
    ("tool", "count"),
    [
        ({"type": "custom", "custom": {"name": "sql"}}, Uncounted.TOOLS),
        ({"type": "web_search"}, Uncounted.BUILT_IN_TOOLS),
        ({"type": ["function"]}, Uncounted.BUILT_IN_TOOLS),
    ],
)
def test_tools_that_are_no_functions_are_not_counted(tool: dict[str, Any], count: Uncounted) -> None:
    """The service's own bring instructions that nobody sees."""
    for counted in (chat([USER], tools=[tool]), response("hi", tools=[tool])):
        assert counted.uncounted == {count}
        assert (counted.tokens is None) == (count is Uncounted.BUILT_IN_TOOLS)


@pytest.mark.parametrize("metered", [Metered.CHAT_COMPLETIONS, Metered.RESPONSES])
def test_tools_without_end_leave_a_lower_bound(metered: Metered) -> None:
    """The rest of the prompt is known all the same."""
    endless = {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}
    tool = function(parameters=endless) | {"name": "f", "parameters": endless}
    counted = chat([USER], tools=[tool]) if metered is Metered.CHAT_COMPLETIONS else response("hi", tools=[tool])

    assert counted == Count(8, frozenset({Uncounted.TOOLS}))
