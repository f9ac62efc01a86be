"""An answer before it is sent: its status, its headers, and its body in the pieces it is sent in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from local.simulated_azure_openai.token_counts import TokenCounts

EVENT_STREAM = "text/event-stream; charset=utf-8"
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    `streamed` answers are sent chunk by chunk and without a content length.

    `tokens` is what is charged, also where the answer does not say it; None where nothing is.
    """

    chunks: Sequence[bytes]
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    streamed: bool = False
    tokens: TokenCounts | None = None


def json_answer(
    value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None, tokens: TokenCounts | None = None
) -> Answer:
    return Answer(chunks=(msgspec.json.encode(value),), status=status, headers=headers or {}, tokens=tokens)


def stream_answer(events: Iterable[bytes], headers: Mapping[str, str], *, tokens: TokenCounts | None = None) -> Answer:
    return Answer(chunks=tuple(events), content_type=EVENT_STREAM, headers=headers, streamed=True, tokens=tokens)


def event(data: Any, name: str | None = None) -> bytes:
    """Return one server-sent event; `name` is its `event:` field, which only the Responses API has."""
    encoded = msgspec.json.encode(data)
    return b"data: %b\n\n" % encoded if name is None else b"event: %b\ndata: %b\n\n" % (name.encode(), encoded)
