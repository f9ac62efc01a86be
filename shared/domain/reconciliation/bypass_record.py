"""A call that went round the gate, as a usage record: what it used counts, so that totals are the resource's."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import timedelta

from shared.domain.errors import PrincipalNotProved
from shared.domain.operation import metered_as
from shared.domain.principal import Principal, PrincipalKind
from shared.domain.reconciliation.calls import AzureCall, Tokens
from shared.domain.reconciliation.resource_names import ResourceNames
from shared.domain.table_entity import is_int64, storable_text
from shared.domain.usage_record import (
    NO_TOKENS,
    NOT_CHARGED,
    UNKNOWN_TOKENS,
    OpenCall,
    Origin,
    Outcome,
    TokenUsage,
    UsageRecord,
    UsageSource,
)

CALL_ID_PREFIX = "bypass-"
# The tenant of principals that Azure logs without theirs.
AZURE_TENANT = "azure"
# With a key Azure logs nobody.
KEY_UNKNOWN = Principal(
    tenant_id=AZURE_TENANT, object_id="key-unknown", kind=PrincipalKind.UNKNOWN, name="key, unknown"
)

# As seen in exported logs, and as our operations are called.
_OPERATIONS = {
    "chatcompletions_create": "chat.completions",
    "completions_create": "completions",
    "embeddings_create": "embeddings",
    "responses": "responses",
    "responses_create": "responses",
    "create_response": "responses",
    "create_thread": "threads",
}
_NAME_HASH_LENGTH = 16
# A thousand days: what is longer is no duration, and an end beyond the calendar would cost the record.
_LONGEST_MS = 86_400_000_000
_VERSION_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_API_VERSION = re.compile(r"version (\S{1,40})$")


def bypass_record(call: AzureCall, names: ResourceNames, tenant_id: str | None) -> UsageRecord:
    """
    Return the record of a call that only Azure tells of; `tenant_id` is that of all principals, if there is one.

    It is as storage keeps it, so that one that is read again is the same.
    """
    logged = call.call
    duration_ms = logged.duration_ms or 0
    return UsageRecord(
        call=OpenCall(
            call_id=bypass_id(call.correlation_id),
            begun_at=call.began_at,
            principal=_principal(logged.object_id, tenant_id),
            operation=operation_of(logged.log_operation),
            method="",
            resource=names.host_of(logged.resource_id),
            deployment=_text(logged.deployment),
            api_version=_api_version(logged.api_name),
            streamed=bool(logged.streamed),
            caller_address=_text(logged.caller_address),
            request_bytes=logged.request_bytes,
        ),
        ended_at=call.began_at + timedelta(milliseconds=min(duration_ms, _LONGEST_MS)),
        duration_ms=duration_ms,
        outcome=Outcome.REFUSED_BY_AZURE if is_refused(call) else Outcome.COMPLETED,
        usage=_usage(call),
        status=logged.status,
        model=_model(logged.model, logged.model_version),
        apim_request_id=_text(call.correlation_id),
        region=_text(logged.region),
        response_bytes=logged.response_bytes or 0,
        origin=Origin.AZURE_LOGS,
    )


def bypass_id(correlation_id: str) -> str:
    """Return the id of the record of a call that Azure logged under this one."""
    return f"{CALL_ID_PREFIX}{_plain(correlation_id)}"


def same_bypass(one: UsageRecord, other: UsageRecord) -> bool:
    """Return whether two records say the same of a call, whatever the ledger has added to one of them."""
    plain = (replace(record, charge=NOT_CHARGED, model=None, audit=None) for record in (one, other))
    return next(plain) == next(plain)


def is_refused(call: AzureCall) -> bool:
    """Return whether Azure answered with an error."""
    return call.call.status is not None and call.call.status >= 400


def operation_of(log_operation: str | None) -> str:
    """Return our name of an operation as Azure logs it."""
    return _OPERATIONS.get((log_operation or "").lower(), "other")


def _plain(correlation_id: str) -> str:
    """Return an id as a key may have it; Azure's own are GUIDs."""
    return correlation_id if re.fullmatch(r"[a-z0-9-]{1,64}", correlation_id) else _hash(correlation_id)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_NAME_HASH_LENGTH]


def _text(text: str | None) -> str | None:
    return storable_text(text) if text is not None else None


def _principal(object_id: str | None, tenant_id: str | None) -> Principal:
    if not object_id:
        return KEY_UNKNOWN
    tenant_id = tenant_id or AZURE_TENANT
    try:
        return Principal(tenant_id=tenant_id, object_id=object_id.lower(), kind=PrincipalKind.UNKNOWN)
    except PrincipalNotProved:
        # Not a form that any id has: still one principal, and its calls count.
        return Principal(tenant_id=tenant_id, object_id=f"odd-{_hash(object_id)}", kind=PrincipalKind.UNKNOWN)


def _api_version(api_name: str | None) -> str | None:
    found = _API_VERSION.search(api_name or "")
    return _text(found[1]) if found else None


def _model(name: str | None, version: str | None) -> str | None:
    """Return a model as answers name it: with its version, where that is a date."""
    if name and version and _VERSION_DATE.fullmatch(version) and not name.endswith(version):
        return f"{name}-{version}"
    return name


def _usage(call: AzureCall) -> TokenUsage:
    tokens = call.tokens
    if tokens is None:
        uses_tokens = metered_as(operation_of(call.call.log_operation)) or call.call.deployment
        return UNKNOWN_TOKENS if uses_tokens and not is_refused(call) else NO_TOKENS
    return TokenUsage(
        prompt_tokens=tokens.prompt,
        completion_tokens=tokens.completion,
        total_tokens=_total(tokens),
        cached_tokens=tokens.cached,
        source=UsageSource.REPORTED,
    )


def _total(tokens: Tokens) -> int | None:
    if tokens.prompt is None or tokens.completion is None:
        return None
    total = tokens.prompt + tokens.completion
    return total if is_int64(total) else None
