"""Counting tokens where Azure reported none: what there is to count, and the usage it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec

from shared.domain.counting.chat_prompt import count_chat_prompt
from shared.domain.counting.completion import count_completion
from shared.domain.counting.count import NOTHING, Count, TextCounter, Uncounted, unknown
from shared.domain.counting.json_values import JsonObject
from shared.domain.counting.responses_prompt import count_responses_prompt
from shared.domain.counting.rules import Rules
from shared.domain.counting.text_prompt import count_completions_prompt, count_embeddings_input
from shared.domain.model_encoding import ModelEncoding
from shared.domain.operation import Metered
from shared.domain.request_shape import shape_of
from shared.domain.usage_record import CountAudit, TokenUsage, UsageSource
from shared.domain.visible_answer import UNSEEN, VisibleAnswer

# Twice what fills the largest context there is (1,047,576 tokens, gpt-4.1) with English text.
# Counting it takes 5 s at worst (one letter over and over; tiktoken 0.14, one core of 2026).
COUNTABLE_BYTES = 8 * 1024 * 1024

_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


# Of the rules. It goes up with every change that makes a count come out otherwise.
METHOD_VERSION = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CountableCall:
    """
    What is known of a call whose usage Azure did not report.

    `request_body` is None where it was too large to keep. `cut` is True where the answer broke
    off, so that its count is a lower bound. `compacts` is a call that shortens a conversation
    (`responses.compact`). Only recordings to measure with are not `on_azure`, or name the day on
    which they were `answered_on`.
    """

    metered: Metered
    model: str | None
    request_body: bytes | bytearray | None
    answer: VisibleAnswer = UNSEEN
    cut: bool = False
    compacts: bool = False
    on_azure: bool = True
    answered_on: date | None = None

    def rules(self, encoding: ModelEncoding, count: TextCounter) -> Rules:
        """Return how this call is counted, by whom."""
        return Rules(self.metered, encoding.family, count, self.answered_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """Who counts text in an encoding, and its name and version: `tiktoken 0.14.0`."""

    count: TextCounter
    version: str


def estimate_usage(call: CountableCall, encoding: ModelEncoding, counter: Counter) -> TokenUsage:
    """
    Return what a call used as far as its text tells. Never raises for odd input.

    `counter` counts in `encoding`. It may take seconds for bodies near COUNTABLE_BYTES.
    """
    rules = call.rules(encoding, counter.count)
    request = _read(call.request_body)
    if isinstance(request, Uncounted):
        prompt, request = unknown(request), {}
    else:
        prompt = count_prompt(request, rules, compacts=call.compacts)
    if call.metered is Metered.EMBEDDINGS:
        # Azure, too, names no completion tokens here.
        return _usage(call, prompt, None, _Method(encoding, counter.version))
    completion = count_answer(call, request, rules)
    return _usage(call, prompt, completion, _Method(encoding, counter.version))


def recount_usage(call: CountableCall, encoding: ModelEncoding, counter: Counter) -> CountAudit | None:
    """Return our count beside Azure's: of the prompt and of the answer, each where it can be counted whole."""
    rules = call.rules(encoding, counter.count)
    request = _read(call.request_body)
    if isinstance(request, Uncounted) or not encoding.is_known:
        return None
    prompt = _whole(count_prompt(request, rules, compacts=call.compacts))
    answer = None if call.metered is Metered.EMBEDDINGS else _whole(count_answer(call, request, rules))
    if prompt is None and answer is None:
        return None
    return CountAudit(
        prompt_tokens=prompt,
        completion_tokens=answer,
        method=_Method(encoding, counter.version).describe(NOTHING),
        shape=shape_of(request),
    )


def _whole(count: Count) -> int | None:
    return None if count.uncounted else count.tokens


def _read(body: bytes | bytearray | None) -> JsonObject | Uncounted:
    if body is None:
        return Uncounted.REQUEST_NOT_KEPT
    if len(body) > COUNTABLE_BYTES:
        return Uncounted.REQUEST_TOO_LARGE
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except _UNREADABLE:
        return Uncounted.REQUEST_UNREADABLE


def count_prompt(request: JsonObject, rules: Rules, *, compacts: bool = False) -> Count:
    """Return the prompt tokens of a request."""
    try:
        match rules.metered:
            case Metered.CHAT_COMPLETIONS:
                return count_chat_prompt(request, rules)
            case Metered.RESPONSES:
                return count_responses_prompt(request, rules, compacts=compacts)
            case Metered.COMPLETIONS:
                return count_completions_prompt(request, rules.count)
            case Metered.EMBEDDINGS:
                return count_embeddings_input(request, rules.count)
    except RecursionError:
        # The arguments of a call may be JSON that is nested deeper than it can be written out again.
        return unknown(Uncounted.REQUEST_UNREADABLE)


def count_answer(call: CountableCall, request: JsonObject, rules: Rules) -> Count:
    """Return the completion tokens of a call."""
    try:
        return count_completion(call.answer, request, rules, cut=call.cut, on_azure=call.on_azure)
    except RecursionError:
        return unknown(Uncounted.ANSWER)


@dataclass(frozen=True, slots=True)
class _Method:
    """How a count was made."""

    encoding: ModelEncoding
    counter_version: str

    def describe(self, whole: Count) -> str:
        """Return it with what is special about the count: `v3 o200k_base tiktoken 0.14.0 (unknown model)`."""
        notes = [] if self.encoding.is_known else ["unknown model"]
        if whole.uncounted:
            notes.append("not counted: " + ", ".join(sorted(whole.uncounted)))
        special = f" ({'; '.join(notes)})" if notes else ""
        return f"v{METHOD_VERSION} {self.encoding.encoding} {self.counter_version}{special}"


def _usage(call: CountableCall, prompt: Count, completion: Count | None, method: _Method) -> TokenUsage:
    whole = prompt if completion is None else prompt + completion
    return TokenUsage(
        prompt_tokens=prompt.tokens,
        completion_tokens=completion.tokens if completion else None,
        total_tokens=whole.tokens,
        source=_source(call, prompt, completion, whole),
        method=method.describe(whole),
    )


def _source(call: CountableCall, prompt: Count, completion: Count | None, whole: Count) -> UsageSource:
    if prompt.tokens is None and (completion is None or completion.tokens is None):
        return UsageSource.UNAVAILABLE
    return UsageSource.PARTIAL if call.cut or whole.uncounted else UsageSource.ESTIMATED
