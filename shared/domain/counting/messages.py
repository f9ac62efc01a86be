"""Turns of a conversation. Chat completions and responses frame them alike and spell their parts differently."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from shared.domain.counting.count import NOTHING, Count, Uncounted, unknown
from shared.domain.counting.json_values import JsonObject, list_of, object_of, text_of
from shared.domain.counting.media import count_audio, count_image
from shared.domain.counting.rules import Rules

# The member that holds a part's text, by the type of the part.
# https://learn.microsoft.com/azure/ai-foundry/openai/reference and /latest
_TEXT_PARTS = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}

_IMAGE_PARTS = frozenset({"image_url", "input_image"})

# A file may be of any length: its text is taken out, and its pages are pictures.
_FILE_PARTS = frozenset({"file", "input_file"})


def count_message(message: JsonObject, rules: Rules) -> Count:
    """Return the tokens of one message: its frame, who speaks, and what they say."""
    role = text_of(message.get("role"))
    tokens = rules.family.turn_tokens + rules.count(_speaker(role, text_of(message.get("name"))))
    if role == "assistant":
        tokens += rules.family.assistant_tokens
    return Count(tokens) + count_said(message, rules)


def _speaker(role: str, name: str) -> str:
    # Counted as one text: ":user" is a single token.
    return f"{role}:{name}" if name else role


def count_said(message: JsonObject, rules: Rules) -> Count:
    """Return the tokens of what a message says, without its frame."""
    refusal = Count(rules.count(text_of(message.get("refusal"))))
    # What the assistant said aloud lies with the server, under an id.
    heard = unknown(Uncounted.SERVER_STATE) if object_of(message.get("audio")) else NOTHING
    return count_content(message.get("content"), rules) + refusal + heard


def count_content(content: Any, rules: Rules) -> Count:
    """
    Return the tokens of a content: a text, or parts.

    Texts that follow one another are one text: counted apart, two of eleven recorded calls
    come out too high.
    """
    if isinstance(content, str):
        return Count(rules.count(content))
    total = NOTHING
    for is_text, run in groupby(_read_parts(content, rules), key=lambda part: isinstance(part, str)):
        parts = list(run)
        total += Count(rules.count("".join(map(text_of, parts)))) if is_text else _sum(parts)
    return total


def text_of_content(content: Any) -> str | None:
    """Return a content that is text and nothing else, None for any other."""
    if isinstance(content, str):
        return content
    texts = [_text_part(part) for part in list_of(content)]
    return None if None in texts else "".join(filter(None, texts))


def has_image(content: Any) -> bool:
    """Return whether there is a picture among the parts."""
    return any(text_of(object_of(part).get("type")) in _IMAGE_PARTS for part in list_of(content))


def _read_parts(content: Any, rules: Rules) -> list[str | Count]:
    """Return the text of each part, or the count of one that is no text."""
    return [_read_part(part, rules) for part in list_of(content)]


def _read_part(part: Any, rules: Rules) -> str | Count:
    text = _text_part(part)
    if text is not None:
        return text
    kind = text_of(object_of(part).get("type"))
    if kind in _IMAGE_PARTS:
        return count_image(part, rules)
    if kind == "input_audio":
        return count_audio(part)
    return unknown(Uncounted.FILES if kind in _FILE_PARTS else Uncounted.ITEMS)


def _text_part(part: Any) -> str | None:
    if isinstance(part, str):
        return part
    member = _TEXT_PARTS.get(text_of(object_of(part).get("type")))
    return text_of(part.get(member)) if member else None


def _sum(parts: Iterable[str | Count]) -> Count:
    return sum((part for part in parts if isinstance(part, Count)), NOTHING)
