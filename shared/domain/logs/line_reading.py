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
from shared.domain.logs.renaming import usually_named
from shared.domain.logs.service_call import read_call, read_known_call
from shared.domain.logs.wire import (
    MAX_LINE_BYTES,
    UNREADABLE,
    Members,
    Name,
    Word,
    decode_mended,
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
_NO_CATEGORY = "the line has no 'category' that can be read"
# Many times what fits a message of 1 MB: of a list of nothing each would become a dead letter.
_MAX_RECORDS = 20_000


def records_of(message: bytes) -> list[bytes]:
    """
    Return the lines of an Event Hub message: of `{"records": [...]}`, a bare array, or a single object.

    Raises:
        LineUnreadable: it is none of these, or holds more records than any message does.
    """
    message = message.removeprefix(_BOM)
    try:
        if not message.lstrip().startswith(b"["):
            records = members(message).get("records")
            if records is None:
                return [message]
            message = bytes(records)
        found = decode_mended(_RECORDS, message)
    except UNREADABLE:
        raise LineUnreadable("the message holds no records") from None
    if len(found) > _MAX_RECORDS:
        raise LineUnreadable(f"the message holds more than {_MAX_RECORDS} records")
    return [bytes(record) for record in found]


def records_in(line: bytes) -> list[bytes]:
    """
    Return the records of a line that is itself a message of an Event Hub, none if it is not.

    So somebody saved one, and so exports stood in blobs until 2018, and flow logs still do.
    """
    if len(line) > MAX_LINE_BYTES:
        return []
    try:
        records = records_of(line)
    except LineUnreadable:
        return []
    return [] if records == [line] else records


def parse_line(line: bytes) -> LogEntry:
    """
    Return what a line says; one without the ids that its category must have, as one of a category we do not read.

    Raises:
        LineUnreadable: it cannot be placed: no JSON object, too long, without a time or a category.
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
    try:
        return _read(line, dict(line_members))
    except LineUnreadable as error:
        return _parse_odd(line, usually_named(line_members), error)


def _parse_odd(line: bytes, line_members: Members, error: LineUnreadable) -> LogEntry:
    """Return what a line says by its members under their usual names, or keep it whole. Raises `error`."""
    for read in (_read, _other):
        try:
            return read(line, dict(line_members))
        except LineUnreadable:
            continue
    raise error


def _read(line: bytes, line_members: Members) -> LogEntry:
    kind = take(_Kind, dict(line_members))
    if kind.metric_name:
        return read_metric(line_members)
    category = word_text(kind.category).lower()
    if not category:
        raise LineUnreadable(_NO_CATEGORY)
    reader = _READERS.get(category)
    return reader(line_members) if reader else _other(line, line_members)


class _Line(Struct, kw_only=True, gc=False, rename="camel"):
    """What all resource logs have: https://learn.microsoft.com/azure/azure-monitor/platform/resource-logs-schema."""

    time: datetime
    category: Name | None = None
    # Application Insights has it, and no category: https://learn.microsoft.com/azure/azure-monitor/app/export-telemetry
    type: Name | None = None
    resource_id: Name | None = None
    operation_name: str | None = None
    correlation_id: str | None = None


def _other(text: bytes, line_members: Members) -> OtherEntry:
    line = take(_Line, line_members if "resourceId" in line_members else usually_named(line_members))
    category = line.category or line.type
    if category is None and line.resource_id is None:
        raise LineUnreadable(_NO_CATEGORY)
    return OtherEntry(
        resource_id=resource_id(line.resource_id) if line.resource_id else None,
        occurred_at=utc(line.time),
        category=category or "unknown",
        operation=line.operation_name or None,
        correlation_id=line.correlation_id or None,
        record=kept(text.strip()),
    )


def is_of_a_category_we_read(entry: LogEntry) -> bool:
    """Return whether an entry was kept whole although we read its category: it lacks what that must have."""
    return isinstance(entry, OtherEntry) and entry.category.lower() in _READERS
