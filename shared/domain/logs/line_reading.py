"""Reads one line of an export to the value of its category; a message of an Event Hub, to its lines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
from msgspec import Raw, Struct

from shared.domain.errors import LineUnreadable
from shared.domain.logs.activity_log import ACTIVITY_CATEGORIES, read_activity_event
from shared.domain.logs.audit_log import read_audit_event
from shared.domain.logs.call_usage import read_usage
from shared.domain.logs.entries import LogEntry, OtherEntry
from shared.domain.logs.metric import read_metric
from shared.domain.logs.service_call import read_call, read_known_call
from shared.domain.logs.wire import (
    MAX_LINE_BYTES,
    UNREADABLE,
    Members,
    Name,
    Word,
    kept,
    members,
    resource_id,
    take,
    utc,
    word_text,
)

_READERS: dict[str, Callable[[Members], LogEntry]] = {
    "requestresponse": read_call,
    "azureopenairequestusage": read_usage,
    "audit": read_audit_event,
    **dict.fromkeys(ACTIVITY_CATEGORIES, read_activity_event),
}
_RECORDS = msgspec.json.Decoder(list[Raw])
_BOM = b"\xef\xbb\xbf"


def records_of(message: bytes) -> list[bytes]:
    """
    Return the lines of an Event Hub message: of `{"records": [...]}`, a bare array, or a single object.

    Raises:
        LineUnreadable: it is none of these.
    """
    message = message.removeprefix(_BOM)
    try:
        if message.lstrip().startswith(b"["):
            return [bytes(record) for record in _RECORDS.decode(message)]
        records = members(message).get("records")
        return [message] if records is None else [bytes(record) for record in _RECORDS.decode(records)]
    except UNREADABLE:
        raise LineUnreadable("the message holds no records") from None


def parse_line(line: bytes) -> LogEntry:
    """
    Return what a line says.

    Raises:
        LineUnreadable: it cannot be placed: no JSON object, too long, without a time or a category, or without
            the ids that its category must have.
    """
    if len(line) > MAX_LINE_BYTES:
        raise LineUnreadable(f"the line is longer than {MAX_LINE_BYTES} bytes")
    try:
        return read_known_call(line)
    except UNREADABLE:
        return _parse_any(line)


class _Kind(Struct, kw_only=True, gc=False, rename="camel"):
    category: Word = None
    metric_name: Name | None = None


def _parse_any(line: bytes) -> LogEntry:
    try:
        line_members = members(line)
    except UNREADABLE:
        raise LineUnreadable("the line is not a JSON object") from None
    kind = take(_Kind, dict(line_members))
    if kind.metric_name:
        return read_metric(line_members)
    reader = _READERS.get(word_text(kind.category).lower())
    return reader(line_members) if reader else _other(line, line_members)


class _Line(Struct, kw_only=True, gc=False, rename="camel"):
    """What all resource logs have: https://learn.microsoft.com/azure/azure-monitor/platform/resource-logs-schema."""

    time: datetime
    category: Name
    resource_id: Name | None = None
    operation_name: str | None = None
    correlation_id: str | None = None


def _other(text: bytes, line_members: Members) -> OtherEntry:
    line = take(_Line, line_members)
    return OtherEntry(
        resource_id=resource_id(line.resource_id) if line.resource_id else None,
        occurred_at=utc(line.time),
        category=line.category,
        operation=line.operation_name or None,
        correlation_id=line.correlation_id or None,
        record=kept(text.strip()),
    )
