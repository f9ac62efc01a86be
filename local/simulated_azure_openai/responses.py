"""The Responses API: one JSON body, or a stream of named events; what it answered stays to be read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from local.simulated_azure_openai.answer import Answer, event, json_answer, stream_answer
from local.simulated_azure_openai.azure_errors import not_found, responses_not_enabled
from local.simulated_azure_openai.call import Call
from local.simulated_azure_openai.content_filters import RESPONSE_FILTERS
from local.simulated_azure_openai.deployments import Deployment
from local.simulated_azure_openai.headers import model_headers, served_model_headers
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
    text_tokens,
)

_FIRST_API_VERSION = "2025-03-01"
_STORED_RESPONSES = 10_000

Json = dict[str, Any]


class _Item(msgspec.Struct, frozen=True):
    """One item of the input: a message, or a tool call or its output."""

    content: str | list[Json] | None = None
    arguments: str | None = None
    output: str | list[Json] | None = None


class _Request(msgspec.Struct, frozen=True):
    input: str | list[_Item]
    stream: bool | None = None
    store: bool | None = None
    instructions: str | None = None
    max_output_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    previous_response_id: str | None = None
    tools: list[Json] | None = None
    tool_choice: str | Json | None = None
    metadata: Json | None = None
    user: str | None = None

    @property
    def items(self) -> list[_Item]:
        return [_Item(content=self.input)] if isinstance(self.input, str) else self.input


class Responses:
    """The responses of one resource, the newest of them kept."""

    def __init__(self) -> None:
        self._stored: OrderedDict[str, Json] = OrderedDict()

    def create(self, call: Call, deployment: Deployment) -> Answer:
        """
        Return what a Responses request is answered with.

        Raises:
            AzureError: 400, the request is not one; 404, its previous response is not stored.
        """
        if call.api_version is not None and call.api_version < _FIRST_API_VERSION:
            raise responses_not_enabled()
        request = call.read(_Request)
        answer = _ResponseAnswer(call, deployment, request, self._earlier_tokens(request))
        if request.store is not False:
            self._store(answer.finished())
        headers = model_headers(deployment, answer.completion.tokens) | served_model_headers(deployment)
        tokens = counts_of(answer.charged)
        if request.stream is True:
            return stream_answer(answer.events(), headers, tokens=tokens)
        return json_answer(answer.finished(), headers=headers, tokens=tokens)

    def retrieve(self, call: Call) -> Answer:
        """
        Return a stored response, with the usage that was charged when it was made.

        Raises:
            AzureError: 404, it is not stored.
        """
        return json_answer(self._find(call.path["id"]))

    def delete(self, call: Call) -> Answer:
        self._find(call.path["id"])
        del self._stored[call.path["id"]]
        return json_answer({"id": call.path["id"], "object": "response", "deleted": True})

    def _earlier_tokens(self, request: _Request) -> int:
        """The conversation so far is charged again, though the request does not hold it."""
        if request.previous_response_id is None:
            return 0
        usage = self._find(request.previous_response_id).get("usage") or {}
        return int(usage.get("total_tokens", 0))

    def _find(self, response_id: str) -> Json:
        if response_id not in self._stored:
            raise not_found("response", response_id)
        return self._stored[response_id]

    def _store(self, response: Json) -> None:
        self._stored[response["id"]] = response
        if len(self._stored) > _STORED_RESPONSES:
            self._stored.popitem(last=False)


class _ResponseAnswer:
    """One answer, as it stands in a body and in events."""

    def __init__(self, call: Call, deployment: Deployment, request: _Request, earlier_tokens: int) -> None:
        self.completion = Completion(
            answer_words(_prompt(request), call.simulation.tokens),
            limit=request.max_output_tokens,
            reasons=deployment.reasons,
        )
        self.tool_call = forced_tool_call(request.tools or [], request.tool_choice, self.completion.text)
        self.response = _response(call, deployment, request)
        self.item_id = call.new_id("msg_" if self.tool_call is None else "fc_")
        self.call_id = call.new_id("call_")
        self.charged = self._usage(earlier_tokens + _input_tokens(request))
        self.usage = None if call.simulation.no_usage else self.charged

    def finished(self) -> Json:
        response = self.response | {
            "status": "incomplete" if self._incomplete else "completed",
            "completed_at": self.response["created_at"],
            "content_filters": RESPONSE_FILTERS,
            "incomplete_details": {"reason": "max_output_tokens"} if self._incomplete else None,
            "output": [self._item("completed")],
        }
        if self.usage is None:
            del response["usage"]
            return response
        return response | {"usage": self.usage}

    def events(self) -> Iterator[bytes]:
        for number, (name, data) in enumerate(self._events()):
            yield event({"type": name, "sequence_number": number, **data}, name)

    def _events(self) -> Iterator[tuple[str, Json]]:
        yield "response.created", {"response": self.response}
        yield "response.in_progress", {"response": self.response}
        yield "response.output_item.added", {"output_index": 0, "item": self._item("in_progress")}
        yield from self._text_events() if self.tool_call is None else self._tool_events(self.tool_call)
        yield "response.output_item.done", {"output_index": 0, "item": self._item("completed")}
        yield f"response.{self.finished()['status']}", {"response": self.finished()}

    def _text_events(self) -> Iterator[tuple[str, Json]]:
        place = {"item_id": self.item_id, "output_index": 0, "content_index": 0}
        yield "response.content_part.added", place | {"part": _text_part("")}
        for piece in pieces(self.completion.words):
            yield "response.output_text.delta", place | {"delta": piece, "logprobs": []}
        yield "response.output_text.done", place | {"text": self.completion.text, "logprobs": []}
        yield "response.content_part.done", place | {"part": _text_part(self.completion.text)}

    def _tool_events(self, tool_call: ToolCall) -> Iterator[tuple[str, Json]]:
        place = {"item_id": self.item_id, "output_index": 0}
        for piece in tool_call.argument_pieces:
            yield "response.function_call_arguments.delta", place | {"delta": piece}
        yield (
            "response.function_call_arguments.done",
            place | {"name": tool_call.name, "arguments": tool_call.arguments},
        )

    def _item(self, status: str) -> Json:
        done = status == "completed"
        if self.tool_call is not None:
            return {
                "id": self.item_id,
                "type": "function_call",
                "status": status,
                "arguments": self.tool_call.arguments if done else "",
                "call_id": self.call_id,
                "name": self.tool_call.name,
            }
        content = [_text_part(self.completion.text)] if done else []
        status = "incomplete" if done and self._incomplete else status
        return {"id": self.item_id, "type": "message", "status": status, "content": content, "role": "assistant"}

    @property
    def _incomplete(self) -> bool:
        return self.tool_call is None and self.completion.cut

    def _usage(self, prompt_tokens: int) -> Json:
        visible = self.tool_call.tokens if self.tool_call else len(self.completion.words)
        output_tokens = visible + self.completion.reasoning_tokens
        return {
            "input_tokens": prompt_tokens,
            "input_tokens_details": {"cached_tokens": cached_tokens(prompt_tokens)},
            "output_tokens": output_tokens,
            "output_tokens_details": {"reasoning_tokens": self.completion.reasoning_tokens},
            "total_tokens": prompt_tokens + output_tokens,
        }


def _response(call: Call, deployment: Deployment, request: _Request) -> Json:
    """Return the response as it stands when its stream begins."""
    return {
        "id": call.new_id("resp_"),
        "object": "response",
        "created_at": call.created,
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        # The deployment's name, where Chat Completions names the model.
        "model": deployment.name,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": request.previous_response_id,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": request.store is not False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": request.tool_choice or "auto",
        "tools": request.tools or [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
        "user": request.user,
        "metadata": request.metadata or {},
    }


def _text_part(text: str) -> Json:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _prompt(request: _Request) -> str:
    items = request.items
    return content_text(items[-1].content or items[-1].output) if items else ""


def _input_tokens(request: _Request) -> int:
    contents = [item.content or item.output or item.arguments for item in request.items]
    return conversation_tokens(contents) + text_tokens(request.instructions or "") + json_tokens(request.tools)
