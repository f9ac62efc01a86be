"""The prompts of legacy completions and the inputs of embeddings: bare text, or tokens already."""

from __future__ import annotations

from typing import Any

from shared.domain.counting.count import Count, TextCounter, Uncounted, unknown
from shared.domain.counting.json_values import JsonObject, text_of


def count_completions_prompt(request: JsonObject, count: TextCounter) -> Count:
    """Return the prompt tokens: each prompt once, however many choices were asked for."""
    prompts = _texts(request.get("prompt"))
    if not prompts:
        return unknown(Uncounted.REQUEST_UNREADABLE)
    suffix = count(text_of(request.get("suffix")))
    return Count(sum(_count_text(prompt, count) + suffix for prompt in prompts))


def count_embeddings_input(request: JsonObject, count: TextCounter) -> Count:
    """Return the tokens of the inputs. An empty one is billed as one token."""
    inputs = _texts(request.get("input"))
    if not inputs:
        return unknown(Uncounted.REQUEST_UNREADABLE)
    return Count(sum(max(_count_text(text, count), 1) for text in inputs))


def _texts(value: Any) -> list[Any]:
    """Return the texts of the four forms: a text, texts, a text's tokens, or tokens of texts."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list) or not value:
        return []
    is_one_text = all(isinstance(item, int) for item in value)
    return [value] if is_one_text else value


def _count_text(text: Any, count: TextCounter) -> int:
    return len(text) if isinstance(text, list) else count(text_of(text))
