from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from shared.domain.counting.completion import count_completion
from shared.domain.counting.count import Count, Uncounted
from shared.domain.operation import Metered
from shared.domain.visible_answer import Choice, ToolCall, VisibleAnswer
from tests.domain.counting import function, rules

CHAT = Metered.CHAT_COMPLETIONS
RESPONSES = Metered.RESPONSES
CALL = ToolCall(name="f", arguments="{}")
FORCED = {"tool_choice": {"type": "function", "function": {"name": "f"}}, "tools": [function()]}


def count(
    *choices: Choice,
    model: str = "gpt-4o",
    metered: Metered = CHAT,
    request: dict[str, Any] | None = None,
    cut: bool = False,
    on_azure: bool = False,
    answered_on: date | None = None,
    **seen: Any,
) -> Count:
    answer = VisibleAnswer(choices=choices, **seen)
    counted_by = rules(model, metered, answered_on)
    return count_completion(answer, request or {}, counted_by, cut=cut, on_azure=on_azure)


def said(text: str, finish_reason: str | None = "stop") -> Choice:
    return Choice(texts=(text,), finish_reason=finish_reason)


@pytest.mark.parametrize(
    ("model", "metered", "finish_reason", "on_azure", "tokens"),
    [
        ("gpt-4o", CHAT, "stop", True, 1),
        ("gpt-4o", CHAT, "length", True, 0),
        ("gpt-4o", CHAT, "stop", False, 0),
        ("gpt-35-turbo", CHAT, "stop", True, 0),
        ("gpt-5.1", CHAT, "stop", True, 10),
        ("gpt-5.4", CHAT, "stop", True, 4),
        ("gpt-4o", RESPONSES, "completed", True, 1),
        ("gpt-4o", RESPONSES, "incomplete", False, 0),
        ("gpt-5.4", RESPONSES, "completed", False, 4),
        ("gpt-3.5-turbo-instruct", Metered.COMPLETIONS, "stop", True, 0),
    ],
)
def test_the_end_of_an_answer_is_billed_by_family(
    model: str, metered: Metered, finish_reason: str, on_azure: bool, tokens: int
) -> None:
    """Azure bills a token that OpenAI does not, and only where the model stopped of itself."""
    counted = count(said("two words", finish_reason), model=model, metered=metered, on_azure=on_azure)

    assert counted.tokens == 2 + tokens


@pytest.mark.parametrize(
    ("day", "members", "finish_reason", "tokens"),
    [
        (date(2024, 12, 20), {}, "stop", 1),
        (date(2025, 5, 14), {}, "stop", 1),
        (date(2025, 5, 14), {"model": "o3-mini"}, "stop", 0),
        (date(2025, 5, 14), {}, "length", 0),
        (date(2025, 5, 14), {"request": {"stop": ["\n"]}}, "stop", 0),
        (date(2025, 5, 14), {"request": {"stop": []}}, "stop", 1),
        (date(2025, 5, 15), {}, "stop", 0),
    ],
)
def test_openai_billed_the_end_for_a_time(day: date, members: dict[str, Any], finish_reason: str, tokens: int) -> None:
    """It was billed where the model wrote it: not where the answer ran into a limit, or may have into a stop."""
    now = count(said("two words", finish_reason), **members)

    assert count(said("two words", finish_reason), answered_on=day, **members) == now + Count(tokens)


def test_azure_bills_the_end_once_whatever_the_day() -> None:
    """It is the same token."""
    assert count(said("a"), on_azure=True, answered_on=date(2025, 2, 1)) == count(said("a"), on_azure=True)


def test_an_answer_in_words_beside_tools_costs_one_more() -> None:
    """It might have called one; with "none" it could not."""
    tools = {"tools": [function()]}

    assert count(said("fine"), request=tools).tokens == 2
    assert count(said("fine"), request=tools | {"tool_choice": "none"}).tokens == 1


def test_beside_tools_the_model_names_the_schema_it_follows() -> None:
    """Without them its name is prompt."""
    schema = {"response_format": {"type": "json_schema", "json_schema": {"name": "Answer", "schema": {}}}}

    assert count(said("{}"), request=schema).tokens == 1
    assert count(said("{}"), request=schema | {"tools": [function()]}).tokens == 1 + 1 + 3


@pytest.mark.parametrize(
    ("model", "metered", "tokens"),
    [
        ("gpt-4o", CHAT, 6),
        ("gpt-4-0613", CHAT, 3),
        ("gpt-5", CHAT, 15),
        ("gpt-5.4", CHAT, 9),
        ("gpt-4o", RESPONSES, 7),
        ("gpt-5.4", RESPONSES, 10),
    ],
)
@pytest.mark.parametrize("calls", [1, 2])
def test_a_call_is_framed_by_family(model: str, metered: Metered, tokens: int, calls: int) -> None:
    """Several are one call; recipient and arguments are a word each."""
    counted = count(Choice(tool_calls=(CALL,) * calls, finish_reason="tool_calls"), model=model, metered=metered)

    assert counted.tokens == tokens + 2


def test_a_call_may_come_after_words() -> None:
    """Both are billed."""
    assert count(Choice(texts=("let me see",), tool_calls=(CALL,), finish_reason="tool_calls")).tokens == 3 + 6 + 2


@pytest.mark.parametrize(("metered", "tokens"), [(CHAT, 1), (RESPONSES, 2)])
def test_of_a_forced_call_only_the_arguments_are_the_models(metered: Metered, tokens: int) -> None:
    """The rest was put into its mouth, and is prompt. It ends in "stop"."""
    counted = count(Choice(tool_calls=(CALL,), finish_reason="stop"), metered=metered, request=FORCED)

    assert counted.tokens == tokens


def test_every_choice_is_counted() -> None:
    """n > 1, each with its end."""
    assert count(said("a"), said("b c"), on_azure=True).tokens == 5


def test_the_messages_of_a_response_end_once() -> None:
    """Whatever parts it comes in."""
    answer = Choice(texts=("one", "two"), finish_reason="completed")

    assert count(answer, metered=RESPONSES).tokens == 3


def test_a_refusal_is_billed_with_its_mark() -> None:
    """Four of four recorded calls."""
    assert count(Choice(refusal="I cannot", finish_reason="stop")).tokens == 3


def test_a_cut_answer_is_what_was_seen() -> None:
    """No end, and no frame of calls that may never have been finished: a lower bound stays below the bill."""
    cut_call = Choice(texts=("let me",), tool_calls=(CALL, ToolCall(name="g", arguments='{"a')))

    assert count(cut_call, cut=True, on_azure=True).tokens == 2 + 4


def test_reasoning_that_shows_costs_its_separator() -> None:
    """What was thought is hidden; that it was is not."""
    answer = said("fine", "completed")
    thought = count(answer, model="gpt-5", metered=RESPONSES, has_reasoned=True)

    assert thought.tokens == (count(answer, model="gpt-5", metered=RESPONSES).tokens or 0) + 2
    assert thought.uncounted == {Uncounted.REASONING}


@pytest.mark.parametrize(
    ("model", "request_members", "hides"),
    [
        ("gpt-5", {}, True),
        ("o1-mini", {}, True),
        ("gpt-5.1", {"reasoning_effort": "none"}, False),
        ("gpt-5.1", {"reasoning": {"effort": "none"}}, False),
        ("gpt-4o", {}, False),
    ],
)
def test_hidden_reasoning_makes_every_answer_a_lower_bound(
    model: str, request_members: dict[str, Any], hides: bool
) -> None:
    """Only a request that forbids it can be counted."""
    counted = count(said("fine"), model=model, request=request_members)

    assert counted.uncounted == ({Uncounted.REASONING} if hides else frozenset())


def test_what_does_not_show_is_said() -> None:
    """Sound, what a filter took out, and what the service's own tools wrote."""
    assert count(said(""), has_audio=True).uncounted == {Uncounted.AUDIO}
    assert count(said("", "content_filter")).uncounted == {Uncounted.FILTERED}
    assert count(said("a link"), metered=RESPONSES, has_built_in_items=True) == Count(
        None, frozenset({Uncounted.BUILT_IN_TOOLS})
    )


def test_an_answer_nobody_saw_is_unknown() -> None:
    """What is not known is never written as 0."""
    assert count() == Count(None, frozenset({Uncounted.ANSWER}))
    assert count(said("", None), cut=True) == Count(None, frozenset({Uncounted.ANSWER}))
