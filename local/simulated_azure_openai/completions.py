"""Legacy completions: one JSON body, or a stream of chunks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from local.simulated_azure_openai.answer import DONE, Answer, event, json_answer, stream_answer
from local.simulated_azure_openai.call import Call
from local.simulated_azure_openai.content_filters import (
    CHUNK_FILTER_RESULTS,
    PROMPT_FILTER_CHUNK,
    PROMPT_FILTER_RESULTS,
)
from local.simulated_azure_openai.deployments import Deployment
from local.simulated_azure_openai.headers import model_headers
from local.simulated_azure_openai.stream_options import StreamOptions, usage_asked
from local.simulated_azure_openai.token_counts import counts_of
from local.simulated_azure_openai.token_input import TokenInput, input_texts, input_tokens
from local.simulated_azure_openai.words import Completion, answer_words, pieces

# What an answer may cost where the request does not say.
# https://learn.microsoft.com/azure/ai-foundry/openai/reference#completions
_DEFAULT_MAX_TOKENS = 16

Json = dict[str, Any]


class _Request(msgspec.Struct, frozen=True):
    prompt: TokenInput
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    echo: bool | None = None


class _CompletionAnswer:
    """One answer: `n` choices for each prompt, as they stand in a body and in chunks."""

    def __init__(self, call: Call, deployment: Deployment, request: _Request) -> None:
        self.head = {"created": call.created, "id": call.new_id("cmpl-"), "model": deployment.model}
        self.head["object"] = "text_completion"
        limit = request.max_tokens or _DEFAULT_MAX_TOKENS
        self.completions = [
            Completion(answer_words(text, call.simulation.tokens), limit=limit, reasons=False)
            for text in input_texts(request.prompt)
            for _ in range(request.n or 1)
        ]
        self.echoed = [
            text + " " if request.echo else "" for text in input_texts(request.prompt) for _ in range(request.n or 1)
        ]
        self.charged = self._usage(input_tokens(request.prompt))
        self.usage = None if call.simulation.no_usage else self.charged

    @property
    def tokens(self) -> int:
        return sum(completion.tokens for completion in self.completions)

    def body(self) -> Json:
        choices = [
            _choice(index, self.echoed[index] + completion.text, _finish_reason(completion))
            for index, completion in enumerate(self.completions)
        ]
        body = {"choices": choices, **self.head, "prompt_filter_results": PROMPT_FILTER_RESULTS}
        return body if self.usage is None else body | {"usage": self.usage}

    def events(self, *, include_usage: bool) -> Iterator[bytes]:
        tail = self.head | {"usage": None} if include_usage else self.head
        yield event(PROMPT_FILTER_CHUNK)
        for index, completion in enumerate(self.completions):
            if self.echoed[index]:
                yield event({"choices": [_choice(index, self.echoed[index], None)], **tail})
            for piece in pieces(completion.words):
                yield event({"choices": [_choice(index, piece, None)], **tail})
            yield event({"choices": [_choice(index, "", _finish_reason(completion))], **tail})
        if include_usage and self.usage is not None:
            yield event({"choices": [], **self.head, "usage": self.usage})
        yield DONE

    def _usage(self, prompt_tokens: int) -> Json:
        return {
            "completion_tokens": self.tokens,
            "prompt_tokens": prompt_tokens,
            "total_tokens": prompt_tokens + self.tokens,
        }


def answer_completion(call: Call, deployment: Deployment) -> Answer:
    """
    Return what a completion request is answered with.

    Raises:
        AzureError: 400, the request is not one.
    """
    request = call.read(_Request)
    stream = request.stream is True
    include_usage = usage_asked(request.stream_options, stream=stream, api_version=call.api_version)
    answer = _CompletionAnswer(call, deployment, request)
    headers = model_headers(deployment, answer.tokens)
    tokens = counts_of(answer.charged)
    if stream:
        return stream_answer(answer.events(include_usage=include_usage), headers, tokens=tokens)
    return json_answer(answer.body(), headers=headers, tokens=tokens)


def _choice(index: int, text: str, finish_reason: str | None) -> Json:
    return {
        "content_filter_results": CHUNK_FILTER_RESULTS,
        "finish_reason": finish_reason,
        "index": index,
        "logprobs": None,
        "text": text,
    }


def _finish_reason(completion: Completion) -> str:
    return "length" if completion.cut else "stop"
