"""Calls an assistant made and the results they had."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from shared.domain.counting.json_values import JsonObject, object_of, objects_of, text_of
from shared.domain.counting.rules import Rules
from shared.domain.visible_answer import ToolCall

# Several calls at once are one call of this tool, with all of them in its arguments.
PARALLEL = "multi_tool_use.parallel"

_UNREADABLE = (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError)


def tool_calls(message: JsonObject) -> list[ToolCall]:
    """Return the calls of an assistant's message, also in the form before there were tools."""
    functions = [_function(call) for call in objects_of(message.get("tool_calls"))]
    if legacy := object_of(message.get("function_call")):
        functions.append(legacy)
    return [tool_call(function) for function in functions]


def _function(call: JsonObject) -> JsonObject:
    custom = object_of(call.get("custom"))
    return object_of(call.get("function")) or {"name": custom.get("name"), "arguments": custom.get("input")}


def tool_call(function: JsonObject) -> ToolCall:
    """Return a call that names its function and arguments itself."""
    return ToolCall(name=text_of(function.get("name")), arguments=text_of(function.get("arguments")))


def recipient(name: str) -> str:
    """Return how a call is addressed to a function. The prefix is one text with the name."""
    return f"functions.{name}"


def count_calls(calls: Sequence[ToolCall], rules: Rules) -> int:
    """Return the tokens of the calls an assistant made in one turn."""
    if len(calls) > 1 and rules.dialect.prompt.merges_calls:
        return rules.dialect.prompt.call + rules.count(PARALLEL) + rules.count(parallel_arguments(calls))
    return sum(count_call(call, rules) for call in calls)


def count_call(call: ToolCall, rules: Rules) -> int:
    """Return the tokens of a single call."""
    told = rules.count(recipient(call.name)) + rules.count(_compact(call.arguments))
    return rules.dialect.prompt.call + told


def parallel_arguments(calls: Sequence[ToolCall]) -> str:
    """Return several calls as the arguments of one."""
    uses = [{"recipient_name": recipient(call.name), "parameters": _parsed(call.arguments)} for call in calls]
    return _dumped({"tool_uses": uses})


def count_sender(name: str, rules: Rules) -> int:
    """Return the tokens of a result beside its content."""
    sender = recipient(name) if rules.dialect.prompt.names_recipients else name
    return rules.dialect.prompt.result + rules.count(sender)


def merged_results(contents: Sequence[str], *, in_ascii: bool = False) -> str:
    """Return the results of calls that were made at once, as the content of one. JSON among them stays JSON."""
    return json.dumps([_parsed(content) for content in contents], ensure_ascii=in_ascii)


def _compact(arguments: str) -> str:
    """Return arguments as they are billed: `{"a": 5}` as `{"a":5}`."""
    parsed = _parsed(arguments)
    return arguments if isinstance(parsed, str) else _dumped(parsed)


def _parsed(text: str) -> Any:
    """Return the value of a JSON text, any other text itself."""
    try:
        return msgspec.json.decode(text.encode())
    except _UNREADABLE:
        return text


def _dumped(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
