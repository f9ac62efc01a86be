from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.counting.count import Count
from shared.domain.counting.tool_turns import merged_results, parallel_arguments
from shared.domain.visible_answer import ToolCall
from tests.domain.counting import chat, response

USER = {"role": "user", "content": "hi"}


def called(*arguments: str, name: str = "f") -> dict[str, Any]:
    calls = [
        {"id": str(number), "function": {"name": name, "arguments": text}} for number, text in enumerate(arguments)
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def result(number: int, content: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": str(number), "content": content}


@pytest.mark.parametrize(("model", "frames"), [("gpt-4o", 5 + 7), ("gpt-5", 9 + 9), ("o3-mini", 5 + 7)])
def test_a_call_and_its_result_are_framed_by_family(model: str, frames: int) -> None:
    """The recipient, the arguments, the sender and the result are a word each."""
    assert chat([USER, called("{}"), result(0, "ok")], model) == chat([USER], model) + Count(frames + 4)


def test_arguments_are_billed_as_if_written_without_blanks() -> None:
    """OpenAI writes them anew: here a word, where there were four."""
    assert chat([called('{ "a": 5 }')]) == chat([called('{"a":5}')])
    assert chat([called("no json at all")]) == chat([called("{}")]) + Count(3)


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-5"])
def test_calls_at_once_are_one_call(model: str) -> None:
    """And so are their results: 35 recorded calls. All the JSON here is without a blank but for the results' ", "."""
    together = chat([USER, called("{}", "{}"), result(0, "a"), result(1, "b")], model)

    assert together == chat([USER, called("{}"), result(0, "a")], model) + Count(1)


def test_parallel_calls_are_the_arguments_of_one() -> None:
    """Of a tool that nobody defined."""
    calls = [ToolCall(name="f", arguments='{"a": 1}'), ToolCall(name="g", arguments="oops")]

    assert parallel_arguments(calls) == (
        '{"tool_uses":[{"recipient_name":"functions.f","parameters":{"a":1}},'
        '{"recipient_name":"functions.g","parameters":"oops"}]}'
    )


def test_results_that_are_json_stay_json() -> None:
    """Any other is a text: `["true", "{..."]` would cost more than was billed."""
    assert merged_results(["50 °C", '{"a":1}', "true"]) == '["50 °C", {"a": 1}, true]'


@given(st.lists(st.text() | st.builds(json.dumps, st.integers() | st.booleans() | st.text()), max_size=4))
def test_results_are_always_json(contents: list[str]) -> None:
    """Whatever a tool answers with."""
    assert len(json.loads(merged_results(contents))) == len(contents)


def test_a_picture_among_results_is_counted_beside_them() -> None:
    """It cannot be a text of the array."""
    picture = [{"type": "image_url", "image_url": {"url": "", "detail": "low"}}]

    counted = chat([called("{}", "{}"), result(0, "a"), result(1, picture)])

    assert counted == chat([called("{}", "{}"), result(0, "a"), result(1, "")]) + Count(85 - 1)


def test_the_form_before_there_were_tools_counts_alike() -> None:
    """A result names its function itself."""
    legacy: list[dict[str, Any]] = [
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "ok"},
    ]

    assert chat(legacy) == chat([called("{}"), result(0, "ok")])


def test_a_result_of_no_call_is_counted_all_the_same() -> None:
    """A caller may cut history where it likes; the service then refuses, or bills."""
    assert chat([result(9, "ok")]).tokens == 3 + 7 + 1


def test_results_were_ascii_until_february_2026() -> None:
    """Two recorded calls of before are exact only so, and five of after only without."""
    assert merged_results(["°"], in_ascii=True) == '["\\u00b0"]'

    messages = [USER, called("{}", "{}"), result(0, "\u3000"), result(1, "b")]

    # A blank that is no ASCII parts words, its six characters do not.
    assert chat(messages, answered_on=date(2026, 2, 11)) == chat(messages) + Count(-1)
    assert chat(messages, answered_on=date(2026, 2, 12)) == chat(messages)


def call_item(number: int = 1, **members: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": str(number), "name": "f", "arguments": "{}", **members}


def output_item(number: int = 1) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": str(number), "output": "ok"}


@pytest.mark.parametrize(("model", "frames"), [("gpt-4o", 4 + 5), ("gpt-5", 9 + 6), ("gpt-5.4", 12 + 6)])
def test_the_responses_api_frames_calls_of_several_turns_alone(model: str, frames: int) -> None:
    """Each has its frame, and its result has one."""
    turn = [call_item(), output_item()]

    assert response([USER, *turn, *turn], model) == response([USER], model) + Count(2 * (frames + 4))


@pytest.mark.parametrize(
    ("model", "first", "further"), [("gpt-4o", 4 + 2 + 5 + 2, 4 + 2 + 5 + 2), ("gpt-5.4", 12 + 2 + 6 + 2, 6 + 2)]
)
def test_the_responses_api_merges_calls_at_once_where_the_model_does(model: str, first: int, further: int) -> None:
    """Their results stay apart: recorded calls with two and with four. All the JSON of the calls is one word here."""
    for number in (1, 2, 4):
        calls = [call_item(at) for at in range(number)]
        results = [output_item(at) for at in range(number)]
        expected = first + (number - 1) * further

        assert response([USER, *calls, *results], model) == response([USER], model) + Count(expected)


@pytest.mark.parametrize(
    ("model", "mark"), [("gpt-4o", {"status": "completed"}), ("gpt-5", {"id": "fc_1"}), ("gpt-5.2", {"id": "fc_1"})]
)
def test_a_call_sent_back_as_it_came_costs_more(model: str, mark: dict[str, Any]) -> None:
    """With what the service marked it by: 3 tokens in 16 of 17 recorded calls of gpt-4o, and in 6 of gpt-5."""
    assert response([call_item(**mark)], model) == response([call_item()], model) + Count(3)


def test_a_call_costs_the_same_however_it_comes_back() -> None:
    """By what the family has no eye for."""
    assert response([call_item(id="fc_1")]) == response([call_item()])
    assert response([call_item(status="completed")], "gpt-5") == response([call_item()], "gpt-5")
    assert response([call_item(id="fc_1")], "gpt-5.4") == response([call_item()], "gpt-5.4")


def test_calls_at_once_have_no_mark() -> None:
    """The model wrote them as one, so that none of them is what it wrote: a recorded call with two."""
    stored = [call_item(number, status="completed") for number in (1, 2)]

    assert response(stored) == response([call_item(1), call_item(2)])
