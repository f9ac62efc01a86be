"""The completion: what was seen of the answer, and what its end is billed as."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.counting.count import NOTHING, Count, TextCounter, Uncounted, lower_bound, unknown
from shared.domain.counting.json_values import JsonObject, object_of
from shared.domain.model_encoding import ModelFamily
from shared.domain.operation import Metered

# How an answer ends that the model itself has ended. None is an answer that did not say.
_STOPPED = frozenset({"stop", "completed", None})
_CALLED = frozenset({"tool_calls", "function_call"})

# A tool choice that leaves the model free to answer in words. Under any other it stops without an
# end that is billed, and says "stop" where it called. The name of a function that was forced is
# not billed either; the text seen does not tell it apart, so that it is counted: 1 to 4 tokens.
_FREE_CHOICES = (None, "auto", "none")


def count_completion(texts: Sequence[Sequence[str]], count: TextCounter) -> Count:
    """Return the tokens of the text that was seen, a list of pieces a choice."""
    if not texts:
        return unknown(Uncounted.ANSWER)
    return Count(sum(count("".join(pieces)) for pieces in texts))


def count_end(
    request: JsonObject, metered: Metered, family: ModelFamily, *, finish_reason: str | None, on_azure: bool
) -> Count:
    """Return what one whole choice is billed beyond its text."""
    if metered is Metered.COMPLETIONS:
        return unknown(Uncounted.ECHO) if request.get("echo") is True else NOTHING
    hidden = _count_reasoning(request, family)
    if finish_reason in _CALLED or request.get("tool_choice") not in _FREE_CHOICES:
        return hidden + lower_bound(0, Uncounted.TOOL_CALLS)
    if finish_reason not in _STOPPED:
        return hidden
    return hidden + Count(_end_tokens(metered, family, on_azure=on_azure) + _tool_tokens(request, family))


def _count_reasoning(request: JsonObject, family: ModelFamily) -> Count:
    effort = request.get("reasoning_effort") or object_of(request.get("reasoning")).get("effort")
    return lower_bound(0, Uncounted.REASONING) if family.reasons and effort != "none" else NOTHING


def _end_tokens(metered: Metered, family: ModelFamily, *, on_azure: bool) -> int:
    if metered is Metered.RESPONSES:
        return family.responses_end_tokens
    return family.chat_end_tokens + (family.azure_end_tokens if on_azure else 0)


def _tool_tokens(request: JsonObject, family: ModelFamily) -> int:
    # Who has tools and answers in words bills one token more: 178 of 189 recorded answers of
    # gpt-4o and gpt-4.1. With "none" it has no tools.
    has_tools = request.get("tools") and request.get("tool_choice") != "none"
    return 1 if has_tools and not family.reasons else 0
