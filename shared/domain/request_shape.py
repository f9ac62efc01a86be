"""What kind of request it is, in the words that decide how it is counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shared.domain.counting.json_values import JsonObject, list_of, object_of, objects_of

# Kinds of content parts, chat's and the Responses API's, and what they are called here.
_PARTS = {
    "image_url": "image",
    "input_image": "image",
    "input_audio": "audio",
    "file": "file",
    "input_file": "file",
}


def shape_of(request: JsonObject) -> str:
    """Return the traits of a request, as `image+tools`; `plain` where it is text alone."""
    return "+".join(sorted(set(_traits(request)))) or "plain"


def _traits(request: JsonObject) -> Iterator[str]:
    if list_of(request.get("tools")) or list_of(request.get("functions")):
        yield "tools"
    if _has_schema(request):
        yield "json_schema"
    if isinstance(request.get("n"), int) and request["n"] > 1:
        yield "n"
    for message in [*objects_of(request.get("messages")), *objects_of(request.get("input"))]:
        yield from _message_traits(message)


def _message_traits(message: JsonObject) -> Iterator[str]:
    is_call = message.get("tool_calls") or message.get("function_call")
    is_item = message.get("type") in {"function_call", "function_call_output"}
    if is_call or is_item or message.get("role") in {"tool", "function"}:
        yield "tool turns"
    for part in objects_of(message.get("content")):
        kind: Any = part.get("type")
        if isinstance(kind, str) and kind in _PARTS:
            yield _PARTS[kind]


def _has_schema(request: JsonObject) -> bool:
    formats = (object_of(request.get("response_format")), object_of(object_of(request.get("text")).get("format")))
    return any(given.get("type") == "json_schema" for given in formats)
