"""What one exported line says, by category. Times are aware UTC; what a line does not say is None.

They are msgspec structs and not dataclasses: a frozen dataclass of this size costs more CPU to make than its
line to parse, and there is one for every call (docs/decisions/0012-log-entries-are-structs.md).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class ServiceCall(Struct, frozen=True, gc=False):
    """
    A call as Azure's RequestResponse log has it; one call may have two lines (`merging.richer_of`).

    `object_id` is the caller's where it came with an Entra token; with a key Azure logs none. `caller_address`
    is masked by Azure. `duration_ms` is that of the request times (Azure's own has been seen negative), and
    of a stream the time to its beginning. Azure logs no length of streamed answers: it says 0.
    """

    resource_id: str
    correlation_id: str
    logged_at: datetime
    requested_at: datetime | None = None
    duration_ms: int | None = None
    status: int | None = None
    log_operation: str | None = None
    api_name: str | None = None
    streamed: bool | None = None
    deployment: str | None = None
    model: str | None = None
    model_version: str | None = None
    object_id: str | None = None
    caller_address: str | None = None
    region: str | None = None
    request_bytes: int | None = None
    response_bytes: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    extra: str | None = None  # the members we do not know, as the text of a JSON object


class CallUsage(Struct, frozen=True, kw_only=True, gc=False):
    """
    The tokens of a call as Azure's AzureOpenAIRequestUsage log has them. It does not say who called.

    Cached tokens are a part of the prompt tokens.
    """

    resource_id: str
    correlation_id: str
    logged_at: datetime
    log_operation: str | None = None
    deployment: str | None = None
    model: str | None = None
    model_version: str | None = None
    region: str | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    extra: str | None = None


class AuditKind(StrEnum):
    """What a control-plane event did, as far as it bears on who can call."""

    KEYS_LISTED = "keys_listed"
    KEY_REGENERATED = "key_regenerated"
    ROLE_ASSIGNED = "role_assigned"
    ROLE_REMOVED = "role_removed"
    DEPLOYMENT_WRITTEN = "deployment_written"
    DEPLOYMENT_DELETED = "deployment_deleted"
    ACCOUNT_WRITTEN = "account_written"
    ACCOUNT_DELETED = "account_deleted"
    DIAGNOSTICS_WRITTEN = "diagnostics_written"
    DIAGNOSTICS_DELETED = "diagnostics_deleted"
    OTHER = "other"


class AuditPhase(StrEnum):
    """Where in an operation an event stands. The Activity Log has one for its beginning and one for its end."""

    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"  # the Audit log does not say


class AuditSource(StrEnum):
    """Which log it stands in."""

    AUDIT_LOG = "audit_log"  # of the resource: says when, and hardly who
    ACTIVITY_LOG = "activity_log"  # of the subscription: says who, and from where


class AuditEvent(Struct, frozen=True, kw_only=True, gc=False):
    """
    Something done to a resource by way of the control plane.

    Events of one operation share a `correlation_id`, and several operations may. What was asked for (to whom
    which role was given, whether keys work) stands in the event of the beginning alone.

    `disables_local_auth` is what an account's new properties say of key access, None where they say nothing.
    """

    source: AuditSource
    kind: AuditKind
    phase: AuditPhase
    resource_id: str
    occurred_at: datetime
    operation: str  # lower case, as `microsoft.cognitiveservices/accounts/listkeys/action`, or `listkey`
    category: str | None = None
    result: str | None = None
    result_detail: str | None = None
    correlation_id: str | None = None
    caller_address: str | None = None
    tenant_id: str | None = None
    object_id: str | None = None
    app_id: str | None = None
    principal_name: str | None = None
    role: str | None = None  # by which the caller was allowed to
    granted_to: str | None = None  # object id of the principal that got a role
    granted_role: str | None = None  # id of its definition
    disables_local_auth: bool | None = None
    extra: str | None = None


class MetricPoint(Struct, frozen=True, kw_only=True, gc=False):
    """One minute of a metric of a resource. Its dimensions, which diagnostic settings leave out, are `extra`."""

    resource_id: str
    occurred_at: datetime
    metric: str
    grain: str | None = None
    count: float | None = None
    total: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    average: float | None = None
    extra: str | None = None


class OtherEntry(Struct, frozen=True, kw_only=True, gc=False):
    """An entry of a category we do not read (Trace, GatewayLogs, what Azure adds next): its `record` is kept whole."""

    occurred_at: datetime
    category: str
    resource_id: str | None = None
    operation: str | None = None
    correlation_id: str | None = None
    record: str  # the text of a JSON object


LogEntry = ServiceCall | CallUsage | AuditEvent | MetricPoint | OtherEntry
