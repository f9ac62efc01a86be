"""What the tests of counting share: words are counted, not tokens, so that what is counted shows in the sum."""

from __future__ import annotations

from datetime import date
from typing import Any

from shared.domain.counting.chat_prompt import count_chat_prompt
from shared.domain.counting.count import Count
from shared.domain.counting.responses_prompt import count_responses_prompt
from shared.domain.counting.rules import Rules
from shared.domain.model_encoding import model_encoding
from shared.domain.operation import Metered


def words(text: str) -> int:
    return len(text.split())


def rules(model: str = "gpt-4o", metered: Metered = Metered.CHAT_COMPLETIONS, answered_on: date | None = None) -> Rules:
    return Rules(metered, model_encoding(model, metered).family, words, answered_on)


def chat(
    messages: list[dict[str, Any]], model: str = "gpt-4o", answered_on: date | None = None, **members: Any
) -> Count:
    counted_by = rules(model, Metered.CHAT_COMPLETIONS, answered_on)
    return count_chat_prompt({"messages": messages, **members}, counted_by)


def response(given: Any, model: str = "gpt-4o", answered_on: date | None = None, **members: Any) -> Count:
    counted_by = rules(model, Metered.RESPONSES, answered_on)
    return count_responses_prompt({"input": given, **members}, counted_by)


def function(name: str = "f", **members: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **members}}
