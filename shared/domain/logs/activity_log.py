"""Reads the subscription's Activity Log: who did what to a resource by way of the control plane, and from where.

It comes in two forms: that of exports, and that of the REST API (`az monitor activity-log list`), where a word
is an object of `value` and `localizedValue`.

https://learn.microsoft.com/azure/azure-monitor/platform/activity-log-schema
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct, field

from shared.domain.errors import LineUnreadable
from shared.domain.logs.audit_kinds import kind_of
from shared.domain.logs.entries import AuditEvent, AuditPhase, AuditSource
from shared.domain.logs.wire import (
    Localized,
    Members,
    Name,
    Word,
    left_over,
    resource_id,
    take,
    take_object,
    take_within,
    utc,
    word_text,
)

# The documentation names the second group, exports have the first.
ACTIVITY_CATEGORIES = frozenset(
    "action write delete "
    "administrative security servicehealth resourcehealth alert autoscale recommendation policy".split()
)

# "Accept" is neither: the work goes on.
_PHASES = {
    "start": AuditPhase.STARTED,
    "started": AuditPhase.STARTED,
    "success": AuditPhase.SUCCEEDED,
    "succeeded": AuditPhase.SUCCEEDED,
    "failure": AuditPhase.FAILED,
    "failed": AuditPhase.FAILED,
}


class _Line(Struct, kw_only=True, gc=False, rename="camel"):
    resource_id: Name
    operation_name: Name | Localized
    category: Word = None
    time: datetime | None = None
    event_timestamp: datetime | None = None
    result_type: Word = None
    status: Word = None
    result_signature: Word = None
    sub_status: Word = None
    correlation_id: str | None = None
    caller_ip_address: str | None = None


class _Claims(Struct, kw_only=True, gc=False):
    app_id: str | None = field(name="appid", default=None)
    object_id: str | None = field(name="http://schemas.microsoft.com/identity/claims/objectidentifier", default=None)
    tenant_id: str | None = field(name="http://schemas.microsoft.com/identity/claims/tenantid", default=None)
    # Users have the first, guests one of the next two, services of Azure an address or the last; applications none.
    # The caller of the REST API is made of them: https://github.com/Azure/azure-powershell/issues/4810
    upn: str | None = field(name="http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn", default=None)
    email: str | None = field(name="http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", default=None)
    name: str | None = field(name="http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name", default=None)
    spn: str | None = field(name="http://schemas.xmlsoap.org/ws/2005/05/identity/claims/spn", default=None)


class _Evidence(Struct, kw_only=True, gc=False):
    role: str | None = None


class _HttpRequest(Struct, kw_only=True, gc=False, rename="camel"):
    client_ip_address: str | None = None


class _Requested(Struct, kw_only=True, gc=False):
    """What a request asks for, of what bears on who can call. Names in lower case: Azure has them in several."""

    granted_to: str | None = field(name="principalid", default=None)
    granted_role: str | None = field(name="roledefinitionid", default=None)
    disables_local_auth: bool | None = field(name="disablelocalauth", default=None)


def read_activity_event(line_members: Members) -> AuditEvent:
    """Return an event of the Activity Log. Raises LineUnreadable."""
    requested = _requested(line_members)
    line = take(_Line, line_members)
    # Exports have an identity around both; the REST API has them beside the rest.
    identity = ("identity",) if "identity" in line_members else ()
    claims = take_within(_Claims, line_members, *identity, "claims")
    evidence = take_within(_Evidence, line_members, *identity, "authorization", "evidence")
    http_request = take_within(_HttpRequest, line_members, "httpRequest")
    operation = word_text(line.operation_name).lower()
    return AuditEvent(
        source=AuditSource.ACTIVITY_LOG,
        kind=kind_of(operation),
        phase=_PHASES.get(word_text(line.result_type or line.status).lower(), AuditPhase.UNKNOWN),
        resource_id=resource_id(line.resource_id),
        occurred_at=_occurred_at(line),
        operation=operation,
        category=word_text(line.category) or None,
        result=word_text(line.result_type or line.status) or None,
        result_detail=word_text(line.result_signature or line.sub_status) or None,
        correlation_id=line.correlation_id or None,
        caller_address=line.caller_ip_address or http_request.client_ip_address or None,
        tenant_id=claims.tenant_id or None,
        object_id=claims.object_id or None,
        app_id=claims.app_id or None,
        principal_name=claims.upn or claims.email or claims.name or claims.spn or None,
        role=evidence.role or None,
        granted_to=requested.granted_to or None,
        granted_role=requested.granted_role or None,
        disables_local_auth=requested.disables_local_auth,
        extra=left_over(line_members),
    )


def _requested(line_members: Members) -> _Requested:
    """Return what the request's body says, which stays where it is: to read it takes nothing out."""
    properties = take_object(dict(line_members), "properties")
    body = take_object(_lower(properties), "requestbody")
    return take(_Requested, _lower(take_object(_lower(body), "properties")))


def _lower(object_members: Members) -> Members:
    return {name.lower(): value for name, value in object_members.items()}


def _occurred_at(line: _Line) -> datetime:
    time = line.time or line.event_timestamp
    if time is None:
        raise LineUnreadable("the line has no 'time' that can be read")
    return utc(time)
