"""The prompt of a responses request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from shared.domain.counting.count import NOTHING, Count, Uncounted, lower_bound, unknown
from shared.domain.counting.json_values import JsonObject, list_of, object_of, text_of
from shared.domain.counting.messages import count_content, count_message, has_image
from shared.domain.counting.response_format import FormatTooDeep, answers_format
from shared.domain.counting.rules import Rules
from shared.domain.counting.tool_definitions import (
    count_other_tools,
    count_tool_choice,
    count_tools_apart,
    defined_functions,
)
from shared.domain.counting.tool_turns import count_calls, count_sender, tool_call

# Members that bring in what only the service knows, or take out what it chooses to.
# https://learn.microsoft.com/azure/ai-foundry/openai/latest#create-response
_SERVER_STATE = ("previous_response_id", "conversation", "prompt", "context_management")

# What asks for a summary of the conversation, in the recorded calls of /responses/compact.
_COMPACTING_TOKENS = 93


def count_responses_prompt(request: JsonObject, rules: Rules, *, compacts: bool = False) -> Count:
    """Return the prompt (input) tokens of a responses request, or of one that compacts a conversation."""
    items = _items(request)
    if not items:
        return unknown(Uncounted.SERVER_STATE if _has_state(request) else Uncounted.REQUEST_UNREADABLE)
    return (
        Count(rules.family.priming_tokens + (_COMPACTING_TOKENS if compacts else 0))
        + _count_items(items, rules)
        + _count_state(request)
        + count_tools_apart(defined_functions(request), rules)
        + count_other_tools(request)
        + count_tool_choice(request, rules)
        + _count_format(request, rules)
        + _count_mode(request)
        + Count(_count_hidden(request, rules))
    )


def _items(request: JsonObject) -> list[JsonObject]:
    """Return the input as a list: instructions go before it as a message of the system."""
    given = request.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else list_of(given)
    if instructions := text_of(request.get("instructions")):
        items = [{"role": "system", "content": instructions}, *items]
    return [object_of(item) for item in items]


def _count_items(items: Sequence[JsonObject], rules: Rules) -> Count:
    names = {text_of(item.get("call_id")): text_of(item.get("name")) for item in items if "name" in item}
    # Reasoning is shown to the model again until the user speaks; what lies before costs nothing.
    last_user = max((at for at, item in enumerate(items) if item.get("role") == "user"), default=-1)
    counts = (_count_item(item, names, rules, is_last=at > last_user) for at, item in enumerate(items))
    return sum(counts, NOTHING) + Count(sum(_count_calls(calls, rules) for calls in _calls_at_once(items)))


def _count_item(item: JsonObject, names: dict[str, str], rules: Rules, *, is_last: bool) -> Count:
    match item.get("type", "message"):
        case "message":
            return count_message(item, rules)
        case "function_call":
            return NOTHING  # counted with those it was made with
        case "function_call_output":
            name = names.get(text_of(item.get("call_id")), "")
            return Count(count_sender(name, rules)) + count_content(item.get("output"), rules)
        case "reasoning":
            return lower_bound(0, Uncounted.REASONING) if is_last else NOTHING
        case "additional_tools":
            # They come with instructions: 82 to 85 tokens in the eight recorded calls, by model.
            return count_tools_apart(defined_functions(item), rules) + lower_bound(0, Uncounted.TOOLS)
    return unknown(Uncounted.ITEMS)


def _calls_at_once(items: Sequence[JsonObject]) -> Iterator[list[JsonObject]]:
    """Yield the calls that follow one another: the assistant made them in one turn."""
    for is_call, run in groupby(items, key=lambda item: item.get("type") == "function_call"):
        if is_call:
            yield list(run)


def _count_calls(items: Sequence[JsonObject], rules: Rules) -> int:
    counted = count_calls([tool_call(item) for item in items], rules)
    # What several were written as is not what comes back, so that they have no mark of it.
    is_stored = len(items) == 1 and bool(items[0].get(rules.dialect.prompt.stored_by))
    return counted + (rules.dialect.prompt.stored_call if is_stored else 0)


def _has_state(request: JsonObject) -> bool:
    return any(request.get(name) is not None for name in _SERVER_STATE)


def _count_state(request: JsonObject) -> Count:
    return unknown(Uncounted.SERVER_STATE) if _has_state(request) else NOTHING


def _count_format(request: JsonObject, rules: Rules) -> Count:
    answer_format = answers_format(request)
    if answer_format is None:
        return NOTHING
    frame = rules.dialect.prompt.response_format
    try:
        return (
            lower_bound(0, Uncounted.RESPONSE_FORMAT) if frame is None else _format(answer_format.text(), frame, rules)
        )
    except FormatTooDeep:
        return lower_bound(0, Uncounted.RESPONSE_FORMAT)


def _format(text: str, frame: int, rules: Rules) -> Count:
    return Count(frame + rules.count(text))


def _count_mode(request: JsonObject) -> Count:
    # The mode "pro" brings instructions of its own: 1,531 tokens in the one recorded call.
    mode: Any = object_of(request.get("reasoning")).get("mode")
    return lower_bound(0, Uncounted.REASONING) if mode else NOTHING


def _count_hidden(request: JsonObject, rules: Rules) -> int:
    hidden = rules.dialect.prompt.hidden
    if hidden is None or rules.answered_on not in hidden.during:
        return 0
    if defined_functions(request):
        return hidden.beside_tools
    return hidden.beside_images if any(has_image(item.get("content")) for item in _items(request)) else hidden.tokens
