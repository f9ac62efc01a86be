"""Turns of a conversation. Chat completions and responses frame them alike and spell their parts differently."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from shared.domain.counting.count import NOTHING, Count, TextCounter, Uncounted, lower_bound, unknown
from shared.domain.counting.json_values import JsonObject, list_of, object_of, text_of
from shared.domain.model_encoding import ModelFamily

# The member that holds a part's text, by the type of the part.
# https://learn.microsoft.com/azure/ai-foundry/openai/reference and /latest
_TEXT_PARTS = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}

# Parts that are no text. An image has an upper price; a file or a sound may be of any length.
_OTHER_PARTS = {
    "image_url": lower_bound(0, Uncounted.IMAGES),
    "input_image": lower_bound(0, Uncounted.IMAGES),
    "input_audio": unknown(Uncounted.AUDIO),
    "file": unknown(Uncounted.FILES),
    "input_file": unknown(Uncounted.FILES),
}


def count_message(message: JsonObject, family: ModelFamily, count: TextCounter) -> Count:
    """Return the tokens of one message: its frame, who speaks, and what they say."""
    role = text_of(message.get("role"))
    tokens = family.turn_tokens + count(_speaker(role, text_of(message.get("name"))))
    if role == "assistant":
        tokens += family.assistant_tokens
    content = count_content(message.get("content"), count) + Count(count(text_of(message.get("refusal"))))
    return Count(tokens) + content + _count_tool_turn(message, count)


def _speaker(role: str, name: str) -> str:
    # Counted as one text: ":user" is a single token.
    return f"{role}:{name}" if name else role


def count_content(content: Any, count: TextCounter) -> Count:
    """
    Return the tokens of a content: a text, or parts.

    Texts that follow one another are one text: counted apart, two of eleven recorded calls
    come out too high.
    """
    if isinstance(content, str):
        return Count(count(content))
    total = NOTHING
    for is_text, run in groupby(map(_read_part, list_of(content)), key=lambda part: isinstance(part, str)):
        parts = list(run)
        total += Count(count("".join(map(text_of, parts)))) if is_text else _sum(parts)
    return total


def _read_part(part: Any) -> str | Count:
    """Return the text of a part, or the count of one that is no text."""
    if isinstance(part, str):
        return part
    kind = text_of(object_of(part).get("type"))
    if member := _TEXT_PARTS.get(kind):
        return text_of(part.get(member))
    return _OTHER_PARTS.get(kind) or unknown(Uncounted.ITEMS)


def _sum(parts: Iterable[str | Count]) -> Count:
    return sum((part for part in parts if isinstance(part, Count)), NOTHING)


def _count_tool_turn(message: JsonObject, count: TextCounter) -> Count:
    """Return the text of calls an assistant made. Their frame is left out."""
    calls = [object_of(object_of(call).get("function")) for call in list_of(message.get("tool_calls"))]
    if legacy_call := object_of(message.get("function_call")):
        calls.append(legacy_call)
    is_result = text_of(message.get("role")) in {"tool", "function"}
    if not calls and not is_result:
        return NOTHING
    return lower_bound(sum(count_call(call, count) for call in calls), Uncounted.TOOL_CALLS)


def count_call(call: JsonObject, count: TextCounter) -> int:
    """Return the tokens of a call's name and arguments."""
    return count(text_of(call.get("name"))) + count(text_of(call.get("arguments")))
