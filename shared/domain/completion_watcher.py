"""Watches an answer go by and keeps what the ledger wants of it: usage, model, how it ended.

The forms: https://learn.microsoft.com/azure/ai-foundry/openai/reference (chat, completions,
embeddings) and /latest (responses). Watching never raises: an answer we cannot read is the
caller's all the same, and shows in the ledger as usage nobody reported.
"""

from __future__ import annotations

from collections.abc import Hashable
from enum import Enum
from typing import Annotated, Any, TypeGuard, TypeVar

import msgspec

from shared.domain.answer_builder import AnswerBuilder, Part
from shared.domain.operation import Metered
from shared.domain.sse import event_data
from shared.domain.usage_record import TokenUsage, UsageSource
from shared.domain.visible_answer import VisibleAnswer

_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_ABSENT = msgspec.Raw()
_NULL = msgspec.Raw(b"null")
_LABEL_LIMIT = 256

# An upstream that lies must not cost us the row: what no Int64 column holds is not a count.
# Of two that are, the sum is one too.
_COUNT_LIMIT = 2**62 - 1
_Count = Annotated[int, msgspec.Meta(ge=0, le=_COUNT_LIMIT)]

# Events that end a Responses stream.
# https://platform.openai.com/docs/api-reference/responses-streaming
_LAST_RESPONSE_EVENTS = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})

# Events that bring a piece of an output item, and what it is a piece of.
_PIECES = {
    "response.output_text.delta": Part.TEXT,
    "response.refusal.delta": Part.REFUSAL,
    "response.function_call_arguments.delta": Part.ARGUMENTS,
    "response.custom_tool_call_input.delta": Part.ARGUMENTS,
}
_SUMMARY_EVENT = "response.reasoning_summary_text.delta"
_ITEM_EVENT = "response.output_item.added"

# Output items whose tokens show, or are reasoning; every other is of a tool that the service runs.
_VISIBLE_ITEMS = frozenset({"message", "function_call", "custom_tool_call", "reasoning"})
_CALL_ITEMS = frozenset({"function_call", "custom_tool_call"})


class Sight(Enum):
    """What an event turned out to be."""

    ORDINARY = 0
    USAGE_ONLY = 1  # the chunk that `include_usage` adds: no choices, only usage
    LAST = 2  # after it the caller considers the answer complete


class CompletionWatcher:
    """One answer's facts. Feed it either the whole body or the events of its stream."""

    __slots__ = (
        "_answer",
        "_metered",
        "error_code",
        "finish_reason",
        "is_complete",
        "model",
        "service_tier",
        "usage",
    )

    def __init__(self, metered: Metered | None) -> None:
        self._metered = metered
        self._answer = AnswerBuilder()
        self.model: str | None = None
        self.usage: TokenUsage | None = None
        self.finish_reason: str | None = None
        self.error_code: str | None = None
        self.service_tier: str | None = None
        self.is_complete = False

    def answer(self) -> VisibleAnswer:
        """Return what was seen so far, to count it by."""
        return self._answer.build()

    def see_body(self, body: bytes | bytearray) -> None:
        """Take in a whole answer that is no stream."""
        answer = _decode(body, _Answer)
        if answer is None:
            return
        self.is_complete = True
        self._see_answer(answer)
        self._see_choices(answer)
        self._see_output(answer)

    def see_event(self, event: bytes) -> Sight:
        """Take in one event of a stream and say what it is."""
        data = event_data(event)
        if data is None:
            return Sight.ORDINARY
        if data == b"[DONE]":
            self.is_complete = True
            return Sight.LAST
        answer = _decode(data, _Answer)
        if answer is None:
            return Sight.ORDINARY
        if self._metered is Metered.RESPONSES:
            return self._see_response_event(answer)
        return self._see_chunk(answer)

    def _see_chunk(self, chunk: _Answer) -> Sight:
        self._see_answer(chunk)
        has_choices = self._see_choices(chunk)
        has_usage = chunk.usage not in (_ABSENT, _NULL)
        return Sight.USAGE_ONLY if has_usage and not has_choices else Sight.ORDINARY

    def _see_response_event(self, event: _Answer) -> Sight:
        kind = _label(event.type)
        self._see_piece(kind, event)
        if response := _decode(event.response, _Answer):
            self._see_answer(response)
        if kind not in _LAST_RESPONSE_EVENTS:
            return Sight.ORDINARY
        self.is_complete = kind != "error"
        # The reference has an `error` event carry its code itself; the service sends it below `error`.
        # https://github.com/openai/openai-dotnet/issues/881
        self.error_code = self.error_code or error_code(event.error) or _label(event.code)
        return Sight.LAST

    def _see_answer(self, answer: _Answer) -> None:
        self.model = _label(answer.model) or self.model
        self.usage = _reported(answer.usage) or self.usage
        self.error_code = error_code(answer.error) or self.error_code
        # Until an answer is complete it may say `auto`: that was asked for, and is not yet what served it.
        if answer.service_tier != "auto":
            self.service_tier = _label(answer.service_tier) or self.service_tier
        if self._metered is Metered.RESPONSES:
            self.finish_reason = _label(answer.status) or self.finish_reason

    def _see_choices(self, answer: _Answer) -> bool:
        choices = _decode(answer.choices, list[msgspec.Raw]) or []
        for raw in choices:
            if choice := _decode(raw, _Choice):
                self._see_choice(choice)
        return bool(choices)

    def _see_piece(self, kind: str | None, event: _Answer) -> None:
        if part := _PIECES.get(kind or ""):
            self._answer.saw(0)
            self._answer.add(0, part, event.delta, _which(event, part))
        elif kind == _SUMMARY_EVENT:
            self._answer.add_summary(event.delta)
        elif kind == _ITEM_EVENT and (item := _decode(event.item, _OutputItem)):
            self._answer.saw(0)
            self._see_item(item, _index(event.output_index))

    def _see_output(self, answer: _Answer) -> None:
        for index, item in enumerate(_decode(answer.output, list[_OutputItem]) or []):
            self._answer.saw(0, self.finish_reason)
            self._see_item(item, index)

    def _see_item(self, item: _OutputItem, index: int) -> None:
        kind = _label(item.type)
        self._answer.has_built_in_items |= kind is not None and kind not in _VISIBLE_ITEMS
        self._answer.has_reasoned |= kind == "reasoning"
        if kind in _CALL_ITEMS:
            arguments = item.input if isinstance(item.input, str) else item.arguments
            self._answer.add_call(0, {"name": item.name, "arguments": arguments}, index)
        for number, part in enumerate(map(_dict, _list(item.content))):
            self._answer.add(0, Part.TEXT, part.get("text"), (index, number))
            self._answer.add(0, Part.REFUSAL, part.get("refusal"))
        for part in map(_dict, _list(item.summary)):
            self._answer.add_summary(part.get("text"))

    def _see_choice(self, choice: _Choice) -> None:
        reason = _label(choice.finish_reason)
        self.finish_reason = reason or self.finish_reason
        index = _index(choice.index)
        self._answer.saw(index, reason)
        if choice.text:
            self._answer.add(index, Part.TEXT, choice.text)
        message = _decode(choice.delta, _Message) or _decode(choice.message, _Message)
        if message is not None:
            self._see_message(index, message)

    def _see_message(self, index: int, message: _Message) -> None:
        # One of these in nearly every chunk; the others are asked for only where they are.
        if message.content:
            self._answer.add(index, Part.TEXT, message.content)
        if message.refusal:
            self._answer.add(index, Part.REFUSAL, message.refusal)
        if message.function_call:
            self._answer.add_legacy_call(index, _dict(message.function_call))
        if message.audio:
            self._answer.has_audio = True
        for number, call in enumerate(map(_dict, _list(message.tool_calls))):
            # A whole answer does not number its calls, a chunk does. A custom tool has an input for arguments.
            function = _dict(call.get("function")) or _custom(_dict(call.get("custom")))
            self._answer.add_call(index, function, _index(call.get("index"), number))


class _Answer(msgspec.Struct):
    """A body, a chunk, or an event: what we read of any. Left raw, so that one odd field hides no other."""

    model: Any = None
    usage: msgspec.Raw = _ABSENT
    choices: msgspec.Raw = _ABSENT
    error: msgspec.Raw = _ABSENT
    type: Any = None
    delta: Any = None
    response: msgspec.Raw = _ABSENT
    output: msgspec.Raw = _ABSENT
    status: Any = None
    code: Any = None
    service_tier: Any = None
    item: msgspec.Raw = _ABSENT
    output_index: Any = 0
    content_index: Any = 0


class _Choice(msgspec.Struct):
    index: Any = 0
    finish_reason: Any = None
    text: Any = None
    delta: msgspec.Raw = _ABSENT
    message: msgspec.Raw = _ABSENT


class _Message(msgspec.Struct):
    content: Any = None
    refusal: Any = None
    tool_calls: Any = None
    function_call: Any = None
    audio: Any = None


class _OutputItem(msgspec.Struct):
    type: Any = None
    content: Any = None
    summary: Any = None
    name: Any = None
    arguments: Any = None
    input: Any = None


class _Usage(msgspec.Struct):
    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None
    input_tokens: _Count | None = None
    output_tokens: _Count | None = None
    total_tokens: _Count | None = None
    prompt_tokens_details: Any = None
    completion_tokens_details: Any = None
    input_tokens_details: Any = None
    output_tokens_details: Any = None


class _Error(msgspec.Struct):
    code: Any = None
    type: Any = None


class _ErrorBody(msgspec.Struct):
    error: msgspec.Raw = _ABSENT


_Form = TypeVar("_Form")


def _decode(raw: msgspec.Raw | bytes | bytearray, form: type[_Form]) -> _Form | None:
    # Most members are absent from most chunks, and to fail costs more than to succeed.
    if raw is _ABSENT:
        return None
    try:
        return msgspec.json.decode(raw, type=form)
    except _UNREADABLE:
        return None


def error_code_of(body: bytes | bytearray) -> str | None:
    """Return the code of an error body as Azure sends it, None if it names none."""
    answer = _decode(body, _ErrorBody)
    return error_code(answer.error) if answer else None


def error_code(raw: msgspec.Raw) -> str | None:
    """Return the code, or else the type, of an `error` member."""
    error = _decode(raw, _Error)
    return (_label(error.code) or _label(error.type)) if error else None


def _reported(raw: msgspec.Raw) -> TokenUsage | None:
    usage = _decode(raw, _Usage)
    if usage is None:
        return None
    prompt = _first(usage.prompt_tokens, usage.input_tokens)
    completion = _first(usage.completion_tokens, usage.output_tokens)
    if prompt is None and completion is None:
        return None
    return TokenUsage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=_first(usage.total_tokens, _total(prompt, completion)),
        cached_tokens=_part("cached_tokens", usage.prompt_tokens_details, usage.input_tokens_details),
        reasoning_tokens=_part("reasoning_tokens", usage.completion_tokens_details, usage.output_tokens_details),
        cache_write_tokens=_rare("cache_write_tokens", usage.prompt_tokens_details, usage.input_tokens_details),
        audio_prompt_tokens=_rare("audio_tokens", usage.prompt_tokens_details, usage.input_tokens_details),
        audio_completion_tokens=_rare("audio_tokens", usage.completion_tokens_details, usage.output_tokens_details),
        source=UsageSource.REPORTED,
    )


def _first(*counts: int | None) -> int | None:
    return next((count for count in counts if count is not None), None)


def _total(prompt: int | None, completion: int | None) -> int | None:
    """Return the sum. Embeddings have no completion; without the prompt a total is not known."""
    return None if prompt is None else prompt + (completion or 0)


def _part(name: str, *details: Any) -> int | None:
    """Return a part of a count where Azure names it; some say null, some leave it out."""
    counts = (_dict(detail).get(name) for detail in details)
    return next((count for count in counts if _is_count(count)), None)


def _rare(name: str, *details: Any) -> int | None:
    """Return a part that few calls have. Azure names it in every answer, mostly as 0, which no row need hold."""
    return _part(name, *details) or None


def _is_count(value: Any) -> TypeGuard[int]:
    # JSON's `true` is an int to Python.
    return type(value) is int and 0 <= value <= _COUNT_LIMIT


def _which(event: _Answer, part: Part) -> Hashable:
    """Return which message or call an event adds to. There is one refusal, whatever it comes in pieces of."""
    if part is Part.REFUSAL:
        return 0
    item = _index(event.output_index)
    return (item, _index(event.content_index)) if part is Part.TEXT else item


def _custom(tool: dict[Any, Any]) -> dict[Any, Any]:
    return {"name": tool.get("name"), "arguments": tool.get("input")}


def _index(value: Any, default: int = 0) -> int:
    return value if type(value) is int else default


def _label(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value[:_LABEL_LIMIT] if isinstance(value, str) and value else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}
