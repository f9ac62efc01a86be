"""Usage records for tests: one that is plain, and Hypothesis strategies for all that can be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from azure.data.tables import EdmType, EntityProperty
from hypothesis import strategies as st

from shared.domain.principal import Principal, PrincipalKind
from shared.domain.table_entity import Int64, TableEntity
from shared.domain.usage_record import Charge, OpenCall, Origin, Outcome, TokenUsage, UsageRecord, UsageSource

BEGUN_AT = datetime(2026, 11, 23, 9, 1, 2, 123456, tzinfo=UTC)
TENANT_ID = "11111111-1111-1111-1111-111111111111"


def principal(object_id: str = "alice") -> Principal:
    """Return a user."""
    return Principal(tenant_id=TENANT_ID, object_id=object_id, kind=PrincipalKind.USER, name="Alice Example")


def open_call(call_id: str = "c1", *, begun_at: datetime = BEGUN_AT, object_id: str = "alice") -> OpenCall:
    """Return a streamed chat call."""
    return OpenCall(
        call_id=call_id,
        begun_at=begun_at,
        principal=principal(object_id),
        operation="chat.completions",
        method="POST",
        resource="contoso.openai.azure.com",
        deployment="gpt-4o",
        api_version="2024-10-21",
        streamed=True,
        user_label="team-7",
        caller_address="203.0.113.9",
        request_bytes=312,
        text_only=True,
    )


def record(
    call_id: str = "c1", *, begun_at: datetime = BEGUN_AT, object_id: str = "alice", prompt_tokens: int = 12
) -> UsageRecord:
    """Return how that call ended."""
    return UsageRecord(
        call=open_call(call_id, begun_at=begun_at, object_id=object_id),
        ended_at=begun_at + timedelta(milliseconds=1500),
        duration_ms=1500,
        outcome=Outcome.COMPLETED,
        usage=TokenUsage(
            prompt_tokens=prompt_tokens,
            completion_tokens=30,
            total_tokens=prompt_tokens + 30,
            source=UsageSource.REPORTED,
        ),
        status=200,
        first_chunk_ms=210,
        model="gpt-4o-2024-11-20",
        finish_reason="stop",
        apim_request_id="0f0e0d0c",
        region="Sweden Central",
        response_bytes=40_960,
    )


_ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9.@-]{0,63}", fullmatch=True)
_times = st.timedeltas(timedelta(0), timedelta(days=3_000_000)).map(datetime(1601, 1, 1, tzinfo=UTC).__add__)
# What the service keeps unchanged; what it would not is another property's matter.
texts = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn", "Zl", "Zp"]), max_size=256)
_counts = st.integers(0, 2**63 - 1)
costs = st.decimals(0, 10**12, places=18)
hostile_texts = st.text(st.characters(), max_size=600)


def open_calls(labels: st.SearchStrategy[str] = texts) -> st.SearchStrategy[OpenCall]:
    """Return any call; `labels` are the texts that callers choose."""
    return st.builds(
        OpenCall,
        call_id=st.uuids().map(str),
        begun_at=_times,
        principal=st.builds(
            Principal,
            tenant_id=_ids,
            object_id=_ids,
            kind=st.sampled_from(PrincipalKind),
            app_id=st.none() | labels,
            name=st.none() | labels,
            key_id=st.none() | labels,
            roles=st.just(frozenset()),
        ),
        operation=texts,
        method=labels,
        resource=texts,
        deployment=st.none() | labels,
        api_version=st.none() | labels,
        requested_model=st.none() | labels,
        user_label=st.none() | labels,
        caller_address=st.none() | labels,
        request_bytes=st.none() | _counts,
        text_only=st.booleans(),
    )


def records(labels: st.SearchStrategy[str] = texts) -> st.SearchStrategy[UsageRecord]:
    """Return any record; `labels` are the texts that callers and Azure choose."""
    counts = st.none() | _counts
    return st.builds(
        UsageRecord,
        call=open_calls(labels),
        ended_at=_times,
        duration_ms=_counts,
        outcome=st.sampled_from(Outcome),
        usage=st.builds(
            TokenUsage,
            prompt_tokens=counts,
            completion_tokens=counts,
            total_tokens=counts,
            cached_tokens=counts,
            reasoning_tokens=counts,
            cache_write_tokens=counts,
            audio_prompt_tokens=counts,
            audio_completion_tokens=counts,
            source=st.sampled_from(UsageSource),
            method=st.none() | labels,
        ),
        status=st.none() | st.integers(100, 599),
        first_chunk_ms=counts,
        model=st.none() | labels,
        finish_reason=st.none() | labels,
        error_code=st.none() | labels,
        apim_request_id=st.none() | labels,
        region=st.none() | labels,
        service_tier=st.none() | labels,
        spilled_over=st.booleans(),
        response_bytes=_counts,
        charge=st.builds(
            Charge,
            cost_usd=st.none() | costs,
            price_source=st.none() | labels,
            provisioned=st.booleans(),
        ),
        origin=st.sampled_from(Origin),
    )


def as_read(entity: TableEntity) -> dict[str, Any]:
    """Return a row as azure-data-tables gives it."""
    row: dict[str, Any] = {"PartitionKey": entity.partition_key, "RowKey": entity.row_key}
    for name, value in entity.properties.items():
        row[name] = EntityProperty(int(value), EdmType.INT64) if isinstance(value, Int64) else value
    return row
