"""Reads RequestResponse: what Azure says of each call it served.

Microsoft publishes no list of its members. Those here were seen in exported lines, or in code that reads them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from shared.domain.logs.entries import ServiceCall
from shared.domain.logs.wire import (
    Count,
    Members,
    Name,
    Ticks,
    left_over,
    resource_id,
    take,
    take_within,
    ticks_to_utc,
    utc,
)

_TICKS_PER_MS = 10_000
_STREAMED = {None: None, "Streaming": True, "Non-Streaming": False}


class _Properties(Struct, kw_only=True, gc=False, forbid_unknown_fields=True, rename="camel"):
    api_name: str | None = None
    request_time: Ticks | None = None
    request_length: Count | None = None
    response_time: Ticks | None = None
    response_length: Count | None = None
    object_id: str | None = None
    stream_type: Literal["Streaming", "Non-Streaming"] | None = None
    model_deployment_name: str | None = None
    model_name: str | None = None
    model_version: str | None = None
    # Since 2026, on one of the two lines that a call has since.
    caller_object_id: str | None = None
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None


class _Line(Struct, kw_only=True, gc=False, forbid_unknown_fields=True, rename="camel"):
    """A line but for its properties. `Tenant` is a region, too, and not the Entra tenant."""

    time: datetime
    resource_id: Name
    correlation_id: Name
    operation_name: str | None = None
    location: str | None = None
    tenant: str | None = field(name="Tenant", default=None)
    caller_ip_address: str | None = None
    duration_ms: Count | None = None
    # Text on the wire.
    result_signature: Annotated[int, Meta(ge=100, le=599)] | None = None
    category: Literal["RequestResponse"] | None = None
    # Nothing anybody would ask for: one word, and some milliseconds before `time`.
    event: Literal["ShoeboxCallResult"] | None = None
    enqueue_time: str | None = field(name="EnqueueTime", default=None)


class _KnownLine(_Line, kw_only=True, gc=False, forbid_unknown_fields=True, rename="camel"):
    category: Literal["RequestResponse"]
    properties: str


# Not strict: numbers may stand as text.
_KNOWN_LINE = msgspec.json.Decoder(_KnownLine, strict=False)
_KNOWN_PROPERTIES = msgspec.json.Decoder(_Properties, strict=False)


def read_known_call(text: bytes) -> ServiceCall:
    """
    Return the call of a line that has no member we do not know, and none that is odd: nearly every line.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: it is not such a line. Read it the long way.
        LineUnreadable: its time is none.
    """
    line = _KNOWN_LINE.decode(text)
    return _call(line, _KNOWN_PROPERTIES.decode(line.properties), None)


def read_call(line_members: Members) -> ServiceCall:
    """Return the call of any line of this category. Raises LineUnreadable."""
    line, properties = take(_Line, line_members), take_within(_Properties, line_members, "properties")
    return _call(line, properties, left_over(line_members))


def _call(line: _Line, properties: _Properties, extra: str | None) -> ServiceCall:
    request_time = properties.request_time
    # By position, in the order of the fields: msgspec looks each name up among all, at five times the cost.
    return ServiceCall(
        resource_id(line.resource_id),
        line.correlation_id.lower(),
        utc(line.time),
        ticks_to_utc(request_time) if request_time else None,
        _duration_ms(request_time, properties.response_time, line.duration_ms),
        line.result_signature,
        line.operation_name,
        properties.api_name,
        _STREAMED[properties.stream_type],
        properties.model_deployment_name or None,
        properties.model_name or None,
        properties.model_version or None,
        properties.object_id or properties.caller_object_id or None,
        line.caller_ip_address or None,
        line.location or line.tenant,
        properties.request_length,
        properties.response_length,
        properties.prompt_tokens,
        properties.completion_tokens,
        extra,
    )


def _duration_ms(request_time: int | None, response_time: int | None, logged_ms: int | None) -> int | None:
    if request_time is None or response_time is None or response_time < request_time:
        return logged_ms
    return (response_time - request_time) // _TICKS_PER_MS
