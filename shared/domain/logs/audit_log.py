"""Reads Audit, the resource's own log of its control plane: that keys were listed, and hardly by whom."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from shared.domain.logs.audit_kinds import kind_of
from shared.domain.logs.entries import AuditEvent, AuditPhase, AuditSource
from shared.domain.logs.wire import Members, Name, left_over, resource_id, take, take_within, utc


class _Line(Struct, kw_only=True, gc=False, rename="camel"):
    time: datetime
    resource_id: Name
    operation_name: Name
    category: str
    correlation_id: str | None = None
    caller_ip_address: str | None = None


class _Properties(Struct, kw_only=True, gc=False, rename="camel"):
    # Whose it is, the caller's or the platform's, is not documented.
    object_id: str | None = None


def read_audit_event(line_members: Members) -> AuditEvent:
    """Return an event of the Audit log. Raises LineUnreadable."""
    line, properties = take(_Line, line_members), take_within(_Properties, line_members, "properties")
    operation = line.operation_name.lower()
    return AuditEvent(
        source=AuditSource.AUDIT_LOG,
        kind=kind_of(operation),
        phase=AuditPhase.UNKNOWN,
        resource_id=resource_id(line.resource_id),
        occurred_at=utc(line.time),
        operation=operation,
        category=line.category,
        correlation_id=line.correlation_id or None,
        caller_address=line.caller_ip_address or None,
        object_id=properties.object_id or None,
        extra=left_over(line_members),
    )
