"""The JSON schema that an answer must follow, as the model is shown it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from shared.domain.counting.json_values import JsonObject, object_of, text_of
from shared.domain.counting.rules import Rules

# Keywords that the model is not shown. "text" and "json_object" cost nothing: 14 of 14 recorded calls.
_HIDDEN = frozenset("$schema additionalProperties default maxItems maximum minItems minimum required".split())

# Members whose own names are the caller's, and no keywords.
_NAMED = frozenset({"properties", "$defs", "definitions"})
_DEEPEST = 64

# An assistant's turn that must follow a schema names it in its header; two tokens beside the name.
_HEADER_TOKENS = 2


class FormatTooDeep(Exception):
    """A schema is nested beyond what we write out."""


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """A schema with the name and description the caller gave it."""

    name: str
    description: str
    schema: JsonObject

    def text(self) -> str:
        """
        Return it as the model reads it.

        Raises:
            FormatTooDeep: it cannot be written out within bounds.
        """
        comment = f"// {self.description}\n" if self.description else ""
        # The JSON is ASCII: a dash is six characters there, as recorded calls bill it.
        shown = json.dumps(_shown(self.schema, 0), separators=(",", ":"))
        return f"# Response Formats\n\n## {self.name}\n\n{comment}{shown}"

    def header_tokens(self, rules: Rules) -> int:
        """Return what the header of a turn costs that follows it."""
        return _HEADER_TOKENS + rules.count(self.name)


def answers_format(request: JsonObject) -> ResponseFormat | None:
    """Return the schema that a request of either API sets, None where it sets none."""
    outer = object_of(request.get("response_format")) or object_of(object_of(request.get("text")).get("format"))
    if outer.get("type") != "json_schema":
        return None
    inner = object_of(outer.get("json_schema")) or outer
    return ResponseFormat(text_of(inner.get("name")), text_of(inner.get("description")), object_of(inner.get("schema")))


def _shown(schema: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        raise FormatTooDeep
    if isinstance(schema, list):
        return [_shown(item, depth + 1) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: _shown_member(name, value, depth) for name, value in schema.items() if name not in _HIDDEN}


def _shown_member(name: str, value: Any, depth: int) -> Any:
    if name in _NAMED and isinstance(value, dict):
        return {key: _shown(inner, depth + 2) for key, inner in value.items()}
    return _shown(value, depth + 1)
