"""Columns of the tables `usage` and `opencalls`: the one place that knows their names.

They are part of our interface (people read the tables with Power BI and Storage Explorer): never
renamed, never given another type. What is not known has no column.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar

from azure.data.tables import EntityProperty

from shared.domain.errors import PrincipalNotProved
from shared.domain.liveness import Heartbeat
from shared.domain.pricing import decimal_text, usd_amount
from shared.domain.principal import Principal, PrincipalKind
from shared.domain.table_entity import Int64, TableEntity, Value, is_int64, storable_text
from shared.domain.usage_keys import usage_partition, usage_row
from shared.domain.usage_record import (
    Charge,
    CountAudit,
    OpenCall,
    Origin,
    Outcome,
    TokenUsage,
    UsageRecord,
    UsageSource,
)

USAGE_TABLE = "usage"
OPEN_CALLS_TABLE = "opencalls"
# In every worker's partition, behind its calls: their ids are hexadecimal.
HEARTBEAT_ROW = "~worker"
# Behind the partitions of all workers, whose ids are hexadecimal too.
SWEEPER_KEY = "~sweeper"

_E = TypeVar("_E", bound=Enum)
_Columns = dict[str, Value | None]


def usage_keys(call: OpenCall) -> tuple[str, str]:
    """Return the partition and the row key of a call in `usage`."""
    day = call.begun_at.astimezone(UTC).date()
    partition = usage_partition(day, call.principal.tenant_id, call.principal.object_id)
    return partition, usage_row(call.begun_at, call.call_id)


def usage_entity(record: UsageRecord) -> TableEntity:
    """Return a record as a row of `usage`."""
    partition_key, row_key = usage_keys(record.call)
    return TableEntity(
        partition_key=partition_key,
        row_key=row_key,
        properties=_known(_call_columns(record.call) | _end_columns(record)),
    )


def open_call_entity(worker_id: str, call: OpenCall) -> TableEntity:
    """Return a call that has begun as a row of `opencalls`."""
    return TableEntity(partition_key=worker_id, row_key=call.call_id, properties=_known(_call_columns(call)))


def heartbeat_entity(worker_id: str, lease_seconds: float) -> TableEntity:
    """Return a worker's heartbeat as a row of `opencalls`. The service dates it."""
    properties = {"lease_ms": Int64(lease_seconds * 1000)}
    return TableEntity(partition_key=worker_id, row_key=HEARTBEAT_ROW, properties=properties)


def sweeper_entity() -> TableEntity:
    """Return the row that asks the service for its time."""
    return TableEntity(partition_key=SWEEPER_KEY, row_key=SWEEPER_KEY, properties={})


def heartbeat(row: Mapping[str, Any], written_at: datetime, version: str) -> Heartbeat:
    """Return a row of `opencalls` as the heartbeat it is. Raises ValueError as usage_record."""
    lease_ms = _Cells(row).required("lease_ms")
    return Heartbeat(
        worker_id=row["PartitionKey"], beat_at=written_at, lease=timedelta(milliseconds=lease_ms), version=version
    )


def usage_record(row: Mapping[str, Any]) -> UsageRecord:
    """
    Return a row of `usage`, as azure-data-tables gives it, as a record.

    Columns it does not know are left alone; columns of what may be unknown may be absent.

    Raises:
        ValueError: a column that every record has is absent, or holds what it never does.
    """
    cells = _Cells(row)
    return UsageRecord(
        call=open_call(row),
        ended_at=cells.time("ended_at"),
        duration_ms=cells.required("duration_ms"),
        outcome=cells.member("outcome", Outcome),
        usage=_token_usage(cells),
        status=cells.get("status"),
        first_chunk_ms=cells.get("first_chunk_ms"),
        model=cells.get("model"),
        finish_reason=cells.get("finish_reason"),
        error_code=cells.get("error_code"),
        apim_request_id=cells.get("apim_request_id"),
        region=cells.get("region"),
        service_tier=cells.get("service_tier"),
        spilled_over=bool(cells.get("spilled_over")),
        response_bytes=cells.get("response_bytes") or 0,
        charge=_charge(cells),
        audit=_audit(cells),
        # Rows of before there were others.
        origin=cells.member("origin", Origin) if cells.get("origin") else Origin.RELAY,
    )


def open_call(row: Mapping[str, Any]) -> OpenCall:
    """Return what a row of either table says of how a call began. Raises ValueError as usage_record."""
    cells = _Cells(row)
    return OpenCall(
        call_id=cells.required("call_id"),
        begun_at=cells.time("begun_at"),
        principal=_principal(cells),
        operation=cells.required("operation"),
        method=cells.required("method"),
        resource=cells.required("resource"),
        deployment=cells.get("deployment"),
        api_version=cells.get("api_version"),
        streamed=bool(cells.get("streamed")),
        requested_model=cells.get("requested_model"),
        user_label=cells.get("user_label"),
        caller_address=cells.get("caller_address"),
        request_bytes=cells.get("request_bytes"),
        text_only=bool(cells.get("text_only")),
    )


def _call_columns(call: OpenCall) -> _Columns:
    principal = call.principal
    return {
        "call_id": call.call_id,
        "begun_at": call.begun_at,
        "tenant_id": principal.tenant_id,
        "object_id": principal.object_id,
        "app_id": principal.app_id,
        "principal_kind": principal.kind.value,
        "principal_name": principal.name,
        "key_id": principal.key_id,
        "operation": call.operation,
        "method": call.method,
        "resource": call.resource,
        "deployment": call.deployment,
        "requested_model": call.requested_model,
        "api_version": call.api_version,
        "streamed": call.streamed,
        "caller_address": call.caller_address,
        "user_label": call.user_label,
        "request_bytes": _count(call.request_bytes),
        "text_only": call.text_only,
    }


def _end_columns(record: UsageRecord) -> _Columns:
    usage = record.usage
    return {
        "ended_at": record.ended_at,
        "duration_ms": _count(record.duration_ms),
        "first_chunk_ms": _count(record.first_chunk_ms),
        "model": record.model,
        "status": record.status,
        "outcome": record.outcome.value,
        "prompt_tokens": _count(usage.prompt_tokens),
        "completion_tokens": _count(usage.completion_tokens),
        "total_tokens": _count(usage.total_tokens),
        "cached_tokens": _count(usage.cached_tokens),
        "reasoning_tokens": _count(usage.reasoning_tokens),
        "cache_write_tokens": _count(usage.cache_write_tokens),
        "audio_prompt_tokens": _count(usage.audio_prompt_tokens),
        "audio_completion_tokens": _count(usage.audio_completion_tokens),
        "usage_source": usage.source.value,
        "usage_method": usage.method,
        "finish_reason": record.finish_reason,
        "error_code": record.error_code,
        "apim_request_id": record.apim_request_id,
        "region": record.region,
        "service_tier": record.service_tier,
        "spilled_over": record.spilled_over or None,
        "response_bytes": _count(record.response_bytes),
        # As text: the service has no decimals, and a Double is not what was computed.
        "cost_usd": decimal_text(record.charge.cost_usd) if record.charge.cost_usd is not None else None,
        "price_source": record.charge.price_source,
        **_audit_columns(record.audit),
        "provisioned": record.charge.provisioned or None,
        "origin": record.origin.value,
    }


def _known(columns: _Columns) -> dict[str, Value]:
    return {
        name: storable_text(value) if isinstance(value, str) else value
        for name, value in columns.items()
        if value is not None
    }


def _count(number: int | None) -> Int64 | None:
    # A number this large is no count; better that it is not known than that the record is lost for it.
    return Int64(number) if number is not None and is_int64(number) else None


def _principal(cells: _Cells) -> Principal:
    try:
        return Principal(
            tenant_id=cells.required("tenant_id"),
            object_id=cells.required("object_id"),
            kind=cells.member("principal_kind", PrincipalKind),
            app_id=cells.get("app_id"),
            name=cells.get("principal_name"),
            key_id=cells.get("key_id"),
        )
    except PrincipalNotProved as error:
        raise ValueError(str(error)) from error


def _token_usage(cells: _Cells) -> TokenUsage:
    return TokenUsage(
        prompt_tokens=cells.get("prompt_tokens"),
        completion_tokens=cells.get("completion_tokens"),
        total_tokens=cells.get("total_tokens"),
        cached_tokens=cells.get("cached_tokens"),
        reasoning_tokens=cells.get("reasoning_tokens"),
        cache_write_tokens=cells.get("cache_write_tokens"),
        audio_prompt_tokens=cells.get("audio_prompt_tokens"),
        audio_completion_tokens=cells.get("audio_completion_tokens"),
        source=cells.member("usage_source", UsageSource),
        method=cells.get("usage_method"),
    )


def _audit_columns(audit: CountAudit | None) -> _Columns:
    if audit is None:
        return {}
    return {
        "audit_prompt_tokens": _count(audit.prompt_tokens),
        "audit_completion_tokens": _count(audit.completion_tokens),
        "audit_method": audit.method,
        "audit_shape": audit.shape,
    }


def _audit(cells: _Cells) -> CountAudit | None:
    method, shape = cells.get("audit_method"), cells.get("audit_shape")
    if method is None or shape is None:
        return None
    return CountAudit(
        prompt_tokens=cells.get("audit_prompt_tokens"),
        completion_tokens=cells.get("audit_completion_tokens"),
        method=method,
        shape=shape,
    )


def _charge(cells: _Cells) -> Charge:
    return Charge(
        cost_usd=cells.amount("cost_usd"),
        price_source=cells.get("price_source"),
        provisioned=bool(cells.get("provisioned")),
    )


class _Cells:
    """The values of a row, as plain Python values."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self._row = row

    def get(self, name: str) -> Any:
        value = self._row.get(name)
        # The SDK wraps 64-bit numbers.
        return value.value if isinstance(value, EntityProperty) else value

    def required(self, name: str) -> Any:
        value = self.get(name)
        if value is None:
            raise ValueError(f"the row has no {name!r}")
        return value

    def time(self, name: str) -> datetime:
        value = self.required(name)
        if not isinstance(value, datetime):
            raise ValueError(f"{name!r} is no time")  # noqa: TRY004 - a fault of the row, as the others
        # The SDK's own class of datetime carries its text along.
        return datetime.combine(value.date(), value.timetz())

    def amount(self, name: str) -> Decimal | None:
        value = self.get(name)
        return usd_amount(str(value)) if value is not None else None

    def member(self, name: str, kind: type[_E]) -> _E:
        return kind(self.required(name))
