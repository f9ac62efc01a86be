"""The tool call a request forces, with arguments that fit its schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

_EXAMPLES = {"integer": 1, "number": 1.5, "boolean": True, "array": [], "object": {}, "null": None}
_PIECE_LENGTH = 8


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments` is JSON. `named` is True where the request named the function."""

    name: str
    arguments: str
    named: bool

    @property
    def argument_pieces(self) -> list[str]:
        """The arguments as a stream sends them: each piece counts as one token."""
        return [self.arguments[i : i + _PIECE_LENGTH] for i in range(0, len(self.arguments), _PIECE_LENGTH)]

    @property
    def tokens(self) -> int:
        return len(self.argument_pieces)


def forced_tool_call(tools: Sequence[Mapping[str, Any]], tool_choice: Any, text: str) -> ToolCall | None:
    """
    Return the call that `tool_choice` leaves no choice about, None if it leaves one.

    A function stands under `function` in Chat Completions and beside `type` in Responses.
    """
    functions = [_function(tool) for tool in tools if tool.get("type") == "function"]
    if isinstance(tool_choice, Mapping):
        name = _function(tool_choice).get("name")
        functions = [function for function in functions if function.get("name") == name]
    elif tool_choice != "required":
        return None
    if not functions:
        return None
    return ToolCall(str(functions[0].get("name")), _arguments(functions[0], text), named=tool_choice != "required")


def _function(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(tool.get("function")) or tool


def _arguments(function: Mapping[str, Any], text: str) -> str:
    properties = _mapping(_mapping(function.get("parameters")).get("properties"))
    return msgspec.json.encode({name: _example(_mapping(schema), text) for name, schema in properties.items()}).decode()


def _example(schema: Mapping[str, Any], text: str) -> Any:
    if isinstance(choices := schema.get("enum"), list) and choices:
        return choices[0]
    kind = schema.get("type")
    return _EXAMPLES.get(kind, text) if isinstance(kind, str) else text


def _mapping(value: Any) -> Mapping[str, Any]:
    """Return the value if it is a JSON object: a schema may hold anything, and we only make an example."""
    return value if isinstance(value, Mapping) else {}
