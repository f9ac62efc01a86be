"""Counting tokens where Azure reported none: what there is to count, and the usage it comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from shared.domain.counting.chat_prompt import count_chat_prompt
from shared.domain.counting.completion import count_completion, count_end
from shared.domain.counting.count import Count, TextCounter, Uncounted, unknown
from shared.domain.counting.json_values import JsonObject
from shared.domain.counting.responses_prompt import count_responses_prompt
from shared.domain.counting.text_prompt import count_completions_prompt, count_embeddings_input
from shared.domain.model_encoding import ModelEncoding, ModelFamily
from shared.domain.operation import Metered
from shared.domain.usage_record import TokenUsage, UsageSource

# Twice what fills the largest context there is (1,047,576 tokens, gpt-4.1) with English text.
# Counting it takes 5 s at worst (one letter over and over; tiktoken 0.14, one core of 2026).
COUNTABLE_BYTES = 8 * 1024 * 1024

_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountableCall:
    """
    What is known of a call whose usage Azure did not report.

    `request_body` is None where it was too large to keep. `completion_texts` are the visible
    pieces of the answer (content, refusals, tool names and arguments), in order, a list a
    choice. `cut` is True where the answer broke off, so that its count is a lower bound.
    `finish_reason` is the service's word, `stop` or `completed`, where it gave one. Only
    recordings to measure with are not `on_azure`.
    """

    metered: Metered
    model: str | None
    request_body: bytes | bytearray | None
    completion_texts: Sequence[Sequence[str]] = ()
    cut: bool = False
    finish_reason: str | None = None
    on_azure: bool = True


def estimate_usage(call: CountableCall, encoding: ModelEncoding, count: TextCounter) -> TokenUsage:
    """
    Return what a call used as far as its text tells. Never raises for odd input.

    `count` counts in `encoding`. It may take seconds for bodies near COUNTABLE_BYTES.
    """
    request = _read(call.request_body)
    if isinstance(request, Uncounted):
        prompt, request = unknown(request), {}
    else:
        prompt = count_prompt(request, call.metered, encoding.family, count)
    if call.metered is Metered.EMBEDDINGS:
        # Azure, too, names no completion tokens here.
        return _usage(call, encoding, prompt)
    return _usage(call, encoding, prompt, _count_answer(call, request, encoding.family, count))


def _read(body: bytes | bytearray | None) -> JsonObject | Uncounted:
    if body is None:
        return Uncounted.REQUEST_NOT_KEPT
    if len(body) > COUNTABLE_BYTES:
        return Uncounted.REQUEST_TOO_LARGE
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except _UNREADABLE:
        return Uncounted.REQUEST_UNREADABLE


def count_prompt(request: JsonObject, metered: Metered, family: ModelFamily, count: TextCounter) -> Count:
    """Return the prompt tokens of a request."""
    match metered:
        case Metered.CHAT_COMPLETIONS:
            return count_chat_prompt(request, family, count)
        case Metered.RESPONSES:
            return count_responses_prompt(request, family, count)
        case Metered.COMPLETIONS:
            return count_completions_prompt(request, count)
        case Metered.EMBEDDINGS:
            return count_embeddings_input(request, count)


def _count_answer(call: CountableCall, request: JsonObject, family: ModelFamily, count: TextCounter) -> Count:
    text = count_completion(call.completion_texts, count)
    if call.cut:
        return text
    end = count_end(request, call.metered, family, finish_reason=call.finish_reason, on_azure=call.on_azure)
    return sum((end for _ in call.completion_texts), text)


def _usage(call: CountableCall, encoding: ModelEncoding, prompt: Count, completion: Count | None = None) -> TokenUsage:
    whole = prompt if completion is None else prompt + completion
    return TokenUsage(
        prompt_tokens=prompt.tokens,
        completion_tokens=completion.tokens if completion else None,
        total_tokens=whole.tokens,
        source=_source(call, prompt, completion, whole),
        method=_method(encoding, whole),
    )


def _source(call: CountableCall, prompt: Count, completion: Count | None, whole: Count) -> UsageSource:
    if prompt.tokens is None and (completion is None or completion.tokens is None):
        return UsageSource.UNAVAILABLE
    return UsageSource.PARTIAL if call.cut or whole.uncounted else UsageSource.ESTIMATED


def _method(encoding: ModelEncoding, whole: Count) -> str:
    """Return the encoding and what is special about the count, as `o200k_base (unknown model)`."""
    notes = [] if encoding.is_known else ["unknown model"]
    if whole.uncounted:
        notes.append("not counted: " + ", ".join(sorted(whole.uncounted)))
    return f"{encoding.encoding} ({'; '.join(notes)})" if notes else str(encoding.encoding)
