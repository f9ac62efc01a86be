"""
An Azure OpenAI that only ever says one thing, fast: 1.1 kB of JSON, or 50 chunks of a stream.

The deployment's name sets the pace: `mock-10ms` waits 10 ms after each chunk of a stream, `mock-0ms` sends the next
with the next turn of its event loop.

    python -m bench.relaying.mock_upstream
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from bench.relaying.raw_server import answer, serve

CHUNKS = 50
PROMPT_TOKENS, COMPLETION_TOKENS = 24, 50

_PACE_MS = re.compile(rb"/deployments/mock-(\d+)ms/")
_AZURE_HEADERS = (
    "apim-request-id: 5b1e7c8e-6f0e-4c37-9d3f-0b6d0c9f7a11\r\n"
    "Strict-Transport-Security: max-age=31536000; includeSubDomains; preload\r\n"
    "x-content-type-options: nosniff\r\n"
    "x-ms-region: Sweden Central\r\n"
    "x-ratelimit-remaining-requests: 999\r\n"
    "x-ratelimit-remaining-tokens: 99976\r\n"
    "x-ms-deployment-name: mock\r\n"
    "Date: Mon, 23 Nov 2026 09:00:00 GMT\r\n"
)
_SAFE = {"filtered": False, "severity": "safe"}
_FILTER_RESULTS = {"hate": _SAFE, "self_harm": _SAFE, "sexual": _SAFE, "violence": _SAFE}
_USAGE = {
    "prompt_tokens": PROMPT_TOKENS,
    "completion_tokens": COMPLETION_TOKENS,
    "total_tokens": PROMPT_TOKENS + COMPLETION_TOKENS,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
}
_COMMON = {"id": "chatcmpl-BenchMock", "created": 1795424400, "model": "gpt-4.1-mini-2025-04-14"}


def main() -> None:
    """Serve until SIGTERM."""
    serve(_answer)


def _answer(method: bytes, target: bytes, body: bytes, transport: asyncio.Transport) -> None:  # noqa: ARG001
    if b'"stream":true' not in body:
        transport.write(_BODY)
        return
    pace = _PACE_MS.search(target)
    events = _EVENTS_WITH_USAGE if b'"include_usage":true' in body else _EVENTS
    _Stream(transport, events, int(pace[1]) / 1000 if pace else 0.0).go_on()


class _Stream:
    """Writes one event at a time, each a chunk and a write of its own, as a model does."""

    def __init__(self, transport: asyncio.Transport, events: Sequence[bytes], pace_seconds: float) -> None:
        self._transport = transport
        self._events = iter(events)
        self._pace_seconds = pace_seconds
        self._loop = asyncio.get_running_loop()

    def go_on(self) -> None:
        event = next(self._events, None)
        if event is None or self._transport.is_closing():
            return
        self._transport.write(event)
        if self._pace_seconds:
            self._loop.call_later(self._pace_seconds, self.go_on)
        else:
            self._loop.call_soon(self.go_on)


def _whole_answer() -> bytes:
    text = " ".join(["so"] * COMPLETION_TOKENS)
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, "refusal": None, "annotations": []},
        "finish_reason": "stop",
        "logprobs": None,
        "content_filter_results": _FILTER_RESULTS,
    }
    body = {**_COMMON, "object": "chat.completion", "choices": [choice], "usage": _USAGE}
    whole = answer("200 OK", json.dumps(body).encode())
    return whole.replace(b"\r\n", b"\r\n" + _AZURE_HEADERS.encode(), 1)


def _events(*, with_usage: bool) -> Iterator[bytes]:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n{_AZURE_HEADERS}"
    # The head goes with the first chunk: nothing is passed on before there is one.
    first = f"{head}Transfer-Encoding: chunked\r\n\r\n".encode()
    for number in range(CHUNKS):
        yield first + _chunk({"content": " measure"}, "stop" if number == CHUNKS - 1 else None)
        first = b""
    if with_usage:
        yield _framed(json.dumps({**_COMMON, "object": "chat.completion.chunk", "choices": [], "usage": _USAGE}))
    # The end of the stream as one write: so does Azure, mostly.
    yield _framed("[DONE]") + b"0\r\n\r\n"


def _chunk(delta: dict[str, Any], finish_reason: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
    choice["content_filter_results"] = _FILTER_RESULTS
    return _framed(json.dumps({**_COMMON, "object": "chat.completion.chunk", "choices": [choice]}))


def _framed(data: str) -> bytes:
    event = f"data: {data}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(event), event)


_BODY = _whole_answer()
_EVENTS = list(_events(with_usage=False))
_EVENTS_WITH_USAGE = list(_events(with_usage=True))


if __name__ == "__main__":
    main()
