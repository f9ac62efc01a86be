"""The prompt of a responses request."""

from __future__ import annotations

from typing import Any

from shared.domain.counting.count import NOTHING, Count, TextCounter, Uncounted, lower_bound, unknown
from shared.domain.counting.json_values import JsonObject, list_of, object_of, text_of
from shared.domain.counting.messages import count_call, count_content, count_message
from shared.domain.model_encoding import ModelFamily

# Members that bring in what only the service knows.
# https://learn.microsoft.com/azure/ai-foundry/openai/latest#create-response
_SERVER_STATE = ("previous_response_id", "conversation", "prompt")

# Tools that the caller runs itself; every other type is the service's, with instructions we never see.
_CALLERS_TOOLS = frozenset({"function", "custom"})


def count_responses_prompt(request: JsonObject, family: ModelFamily, count: TextCounter) -> Count:
    """Return the prompt (input) tokens of a responses request."""
    items = _items(request)
    if not items:
        return unknown(Uncounted.SERVER_STATE if _has_state(request) else Uncounted.REQUEST_UNREADABLE)
    tokens = sum((_count_item(object_of(item), family, count) for item in items), Count(family.priming_tokens))
    return tokens + _count_state(request) + _count_tools(request) + _count_format(request)


def _items(request: JsonObject) -> list[Any]:
    """Return the input as a list: instructions go before it as a message of the system."""
    given = request.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else list_of(given)
    if instructions := text_of(request.get("instructions")):
        return [{"role": "system", "content": instructions}, *items]
    return items


def _count_item(item: JsonObject, family: ModelFamily, count: TextCounter) -> Count:
    kind = item.get("type", "message")
    if kind == "message":
        return count_message(item, family, count)
    if kind == "function_call":
        return lower_bound(count_call(item, count), Uncounted.TOOL_CALLS)
    if kind == "function_call_output":
        return count_content(item.get("output"), count) + lower_bound(0, Uncounted.TOOL_CALLS)
    if kind == "reasoning":
        return lower_bound(0, Uncounted.REASONING)
    return unknown(Uncounted.ITEMS)


def _has_state(request: JsonObject) -> bool:
    return any(request.get(name) is not None for name in _SERVER_STATE)


def _count_state(request: JsonObject) -> Count:
    return unknown(Uncounted.SERVER_STATE) if _has_state(request) else NOTHING


def _count_tools(request: JsonObject) -> Count:
    return sum((_count_tool(object_of(tool)) for tool in list_of(request.get("tools"))), NOTHING)


def _count_tool(tool: JsonObject) -> Count:
    if text_of(tool.get("type")) in _CALLERS_TOOLS:
        return lower_bound(0, Uncounted.TOOLS)
    return unknown(Uncounted.BUILT_IN_TOOLS)


def _count_format(request: JsonObject) -> Count:
    if object_of(object_of(request.get("text")).get("format")).get("type") == "json_schema":
        return lower_bound(0, Uncounted.RESPONSE_FORMAT)
    return NOTHING
