"""Chat Completions: one JSON body, or a stream of chunks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from local.simulated_azure_openai.answer import DONE, Answer, event, json_answer, stream_answer
from local.simulated_azure_openai.call import Call
from local.simulated_azure_openai.content_filters import (
    ANSWER_FILTER_RESULTS,
    CHUNK_FILTER_RESULTS,
    PROMPT_FILTER_CHUNK,
    PROMPT_FILTER_RESULTS,
)
from local.simulated_azure_openai.deployments import Deployment
from local.simulated_azure_openai.headers import model_headers
from local.simulated_azure_openai.stream_options import StreamOptions, usage_asked
from local.simulated_azure_openai.token_counts import counts_of
from local.simulated_azure_openai.tools import ToolCall, forced_tool_call
from local.simulated_azure_openai.words import (
    Completion,
    answer_words,
    cached_tokens,
    content_text,
    conversation_tokens,
    json_tokens,
    pieces,
)

_FINGERPRINT = "fp_f97eff32c5"

Json = dict[str, Any]


class _Message(msgspec.Struct, frozen=True):
    role: str
    content: str | list[Json] | None = None
    tool_calls: list[Json] | None = None


class _Request(msgspec.Struct, frozen=True):
    messages: Annotated[list[_Message], msgspec.Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    tools: list[Json] | None = None
    tool_choice: str | Json | None = None
    response_format: Json | None = None


class _ChatAnswer:
    """One answer, as it stands in a body and in chunks."""

    def __init__(self, call: Call, deployment: Deployment, request: _Request) -> None:
        prompt = content_text(request.messages[-1].content)
        limit = request.max_completion_tokens or request.max_tokens
        self.head = {"created": call.created, "id": call.new_id("chatcmpl-"), "model": deployment.model}
        self.call_id = call.new_id("call_")
        self.choices = range(request.n or 1)
        self.completion = Completion(
            answer_words(prompt, call.simulation.tokens), limit=limit, reasons=deployment.reasons
        )
        self.tool_call = forced_tool_call(request.tools or [], request.tool_choice, self.completion.text)
        self.charged = self._usage(_prompt_tokens(request))
        self.usage = None if call.simulation.no_usage else self.charged

    def body(self) -> Json:
        choices = [self._choice(index) for index in self.choices]
        body: Json = {"choices": choices, **self.head, "object": "chat.completion"}
        body |= {"prompt_filter_results": PROMPT_FILTER_RESULTS, "system_fingerprint": _FINGERPRINT}
        return body if self.usage is None else body | {"usage": self.usage}

    def events(self, *, include_usage: bool) -> Iterator[bytes]:
        tail: Json = {**self.head, "object": "chat.completion.chunk", "system_fingerprint": _FINGERPRINT}
        # Every chunk but the last has a usage, null, once usage was asked for.
        chunk_tail = tail | {"usage": None} if include_usage else tail
        yield event(PROMPT_FILTER_CHUNK)
        for filter_results, delta, finish_reason in self._deltas():
            for index in self.choices:
                choice = {
                    "content_filter_results": filter_results,
                    "delta": delta,
                    "finish_reason": finish_reason,
                    "index": index,
                    "logprobs": None,
                }
                yield event({"choices": [choice], **chunk_tail})
        if include_usage and self.usage is not None:
            yield event({"choices": [], **tail, "usage": self.usage})
        yield DONE

    def _deltas(self) -> Iterator[tuple[Json, Json, str | None]]:
        opening: Json = {"content": "", "refusal": None, "role": "assistant"}
        if self.tool_call is not None:
            yield {}, opening | {"content": None, "tool_calls": [self._tool_call(self.tool_call, "")]}, None
            for piece in self.tool_call.argument_pieces:
                yield {}, {"tool_calls": [{"function": {"arguments": piece}, "index": 0}]}, None
        else:
            yield {}, opening, None
            for piece in pieces(self.completion.words):
                yield CHUNK_FILTER_RESULTS, {"content": piece}, None
        yield {}, {}, self._finish_reason()

    def _choice(self, index: int) -> Json:
        message: Json = {"annotations": [], "content": self.completion.text, "refusal": None, "role": "assistant"}
        if self.tool_call is not None:
            call = self._tool_call(self.tool_call, self.tool_call.arguments)
            del call["index"]
            message |= {"content": None, "tool_calls": [call]}
        return {
            "content_filter_results": {} if self.tool_call else ANSWER_FILTER_RESULTS,
            "finish_reason": self._finish_reason(),
            "index": index,
            "logprobs": None,
            "message": message,
        }

    def _tool_call(self, tool_call: ToolCall, arguments: str) -> Json:
        function = {"arguments": arguments, "name": tool_call.name}
        return {
            "function": function,
            "id": self.call_id,
            "index": 0,
            "type": "function",
        }

    def _finish_reason(self) -> str:
        if self.tool_call is not None:
            # A function that was named is no choice of the model's: Azure says it just stopped.
            return "stop" if self.tool_call.named else "tool_calls"
        return "length" if self.completion.cut else "stop"

    def _usage(self, prompt_tokens: int) -> Json:
        visible = self.tool_call.tokens if self.tool_call else len(self.completion.words)
        completion_tokens = (visible + self.completion.reasoning_tokens) * len(self.choices)
        return {
            "completion_tokens": completion_tokens,
            "completion_tokens_details": {
                "accepted_prediction_tokens": 0,
                "audio_tokens": 0,
                "reasoning_tokens": self.completion.reasoning_tokens * len(self.choices),
                "rejected_prediction_tokens": 0,
            },
            "prompt_tokens": prompt_tokens,
            "prompt_tokens_details": {"audio_tokens": 0, "cached_tokens": cached_tokens(prompt_tokens)},
            "total_tokens": prompt_tokens + completion_tokens,
        }


def answer_chat_completion(call: Call, deployment: Deployment) -> Answer:
    """
    Return what a chat completion request is answered with.

    Raises:
        AzureError: 400, the request is not one.
    """
    request = call.read(_Request)
    stream = request.stream is True
    include_usage = usage_asked(request.stream_options, stream=stream, api_version=call.api_version)
    answer = _ChatAnswer(call, deployment, request)
    headers = model_headers(deployment, answer.completion.tokens)
    tokens = counts_of(answer.charged)
    if stream:
        return stream_answer(answer.events(include_usage=include_usage), headers, tokens=tokens)
    return json_answer(answer.body(), headers=headers, tokens=tokens)


def _prompt_tokens(request: _Request) -> int:
    calls = sum(json_tokens(message.tool_calls) for message in request.messages)
    extras = json_tokens(request.tools) + json_tokens(request.response_format) + calls
    return conversation_tokens(message.content for message in request.messages) + extras
