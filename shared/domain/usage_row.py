"""A usage record as a row of the files that are exported: the columns of the table `usage`, typed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

from shared.domain.table_columns import Cell, Column, ColumnType, Row
from shared.domain.usage_record import UsageRecord


@dataclass(frozen=True, slots=True)
class _Field:
    """Where in a record a column's value stands, as attributes; the first that is None ends the way."""

    name: str
    type: ColumnType
    path: str
    required: bool = False


def _text(name: str, path: str, *, required: bool = False) -> _Field:
    return _Field(name, ColumnType.TEXT, path, required)


def _whole(name: str, path: str, *, required: bool = False) -> _Field:
    return _Field(name, ColumnType.WHOLE, path, required)


def _truth(name: str, path: str) -> _Field:
    return _Field(name, ColumnType.TRUTH, path, required=True)


# In the order of docs/tables.md. One may be added at the end of its group; none is renamed or given another type.
_FIELDS = (
    _text("call_id", "call.call_id", required=True),
    _Field("begun_at", ColumnType.TIME, "call.begun_at", required=True),
    _Field("ended_at", ColumnType.TIME, "ended_at", required=True),
    _whole("duration_ms", "duration_ms", required=True),
    _whole("first_chunk_ms", "first_chunk_ms"),
    _text("tenant_id", "call.principal.tenant_id", required=True),
    _text("object_id", "call.principal.object_id", required=True),
    _text("app_id", "call.principal.app_id"),
    _text("principal_kind", "call.principal.kind.value", required=True),
    _text("principal_name", "call.principal.name"),
    _text("key_id", "call.principal.key_id"),
    _text("operation", "call.operation", required=True),
    _text("method", "call.method", required=True),
    _text("resource", "call.resource", required=True),
    _text("deployment", "call.deployment"),
    _text("model", "model"),
    _text("requested_model", "call.requested_model"),
    _text("api_version", "call.api_version"),
    _truth("streamed", "call.streamed"),
    _whole("status", "status"),
    _text("outcome", "outcome.value", required=True),
    _whole("prompt_tokens", "usage.prompt_tokens"),
    _whole("completion_tokens", "usage.completion_tokens"),
    _whole("total_tokens", "usage.total_tokens"),
    _whole("cached_tokens", "usage.cached_tokens"),
    _whole("reasoning_tokens", "usage.reasoning_tokens"),
    _whole("cache_write_tokens", "usage.cache_write_tokens"),
    _whole("audio_prompt_tokens", "usage.audio_prompt_tokens"),
    _whole("audio_completion_tokens", "usage.audio_completion_tokens"),
    _text("usage_source", "usage.source.value", required=True),
    _text("usage_method", "usage.method"),
    _whole("audit_prompt_tokens", "audit.prompt_tokens"),
    _whole("audit_completion_tokens", "audit.completion_tokens"),
    _text("audit_method", "audit.method"),
    _text("audit_shape", "audit.shape"),
    _text("finish_reason", "finish_reason"),
    _text("error_code", "error_code"),
    _text("apim_request_id", "apim_request_id"),
    _text("region", "region"),
    _text("service_tier", "service_tier"),
    _truth("spilled_over", "spilled_over"),
    _Field("cost_usd", ColumnType.DECIMAL, "charge.cost_usd"),
    _text("price_source", "charge.price_source"),
    _truth("provisioned", "charge.provisioned"),
    _text("origin", "origin.value", required=True),
    _whole("request_bytes", "call.request_bytes"),
    _truth("text_only", "call.text_only"),
    _whole("response_bytes", "response_bytes", required=True),
    _text("caller_address", "call.caller_address"),
    _text("user_label", "call.user_label"),
)

USAGE_COLUMNS = tuple(Column(name=each.name, type=each.type, required=each.required) for each in _FIELDS)


def _reader(field: _Field) -> Callable[[UsageRecord], Cell]:
    if not field.path.startswith("audit."):
        return attrgetter(field.path)
    # Of a record's parts only the audit may be missing.
    of_audit = attrgetter(field.path.removeprefix("audit."))
    return lambda record: None if record.audit is None else of_audit(record.audit)


_READERS = tuple(map(_reader, _FIELDS))


def usage_row(record: UsageRecord) -> Row:
    """Return a record's cells, in the order of USAGE_COLUMNS."""
    return tuple(read(record) for read in _READERS)
