"""A call that went round the gate as a usage record, whatever Azure's line says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.table_wire import upsert
from shared.adapters.usage_columns import usage_entity, usage_record
from shared.domain.logs.entries import ServiceCall
from shared.domain.reconciliation.bypass_record import bypass_record, operation_of, same_bypass
from shared.domain.reconciliation.calls import AzureCall
from shared.domain.reconciliation.resource_names import ResourceNames
from shared.domain.usage_record import UsageRecord, UsageSource
from tests.adapters.records import as_read
from tests.usecases.reconciling import NOW, bypass_with_identity, bypass_with_key, logged_usage

NAMES = ResourceNames({}, {})
_texts = st.none() | st.text(st.characters(), max_size=600) | st.just("=1+1")
_counts = st.none() | st.integers(0, 2**63 - 1)
_lines = st.builds(
    bypass_with_key,
    st.text(st.characters(), min_size=1, max_size=300),
    duration_ms=_counts,
    status=st.none() | st.integers(100, 599),
    log_operation=_texts,
    api_name=_texts,
    deployment=_texts,
    model=_texts,
    model_version=_texts,
    object_id=_texts,
    caller_address=_texts,
    region=_texts,
    request_bytes=_counts,
    response_bytes=_counts,
    prompt_tokens=_counts,
    completion_tokens=_counts,
    requested_at=st.none() | st.just(NOW),
)


def made_of(call: ServiceCall, tenant_id: str | None = None) -> UsageRecord:
    return bypass_record(AzureCall(call, NOW), NAMES, tenant_id)


@given(_lines)
@settings(max_examples=200, deadline=None)
def test_any_line_is_a_record_that_storage_takes(call: ServiceCall) -> None:
    """Huge numbers, control characters, ids that are none: a bypass must not go unrecorded for its line."""
    record = made_of(call)
    upsert(usage_entity(record))

    assert same_bypass(record, made_of(call))
    assert record.call.call_id.startswith("bypass-")


@given(_lines)
@settings(max_examples=200, deadline=None)
def test_a_record_is_the_same_when_it_is_read_again(call: ServiceCall) -> None:
    """Else it would be written anew by every run, and each would have the hour run again."""
    record = made_of(call)

    assert same_bypass(usage_record(as_read(usage_entity(record))), record)


@pytest.mark.parametrize(
    ("object_id", "of"),
    [("0B0A-X", ("azure", "0b0a-x")), ("=cmd()", ("azure", "odd-")), (None, ("azure", "key-unknown"))],
)
def test_the_principal_is_who_azure_logged(object_id: str | None, of: tuple[str, str]) -> None:
    """An id in lower case, as tokens have it; what is no id is still somebody."""
    principal = made_of(bypass_with_key(object_id=object_id)).call.principal

    assert principal.tenant_id == of[0]
    assert principal.object_id.startswith(of[1])


@pytest.mark.parametrize(
    ("log_operation", "operation"),
    [
        ("ChatCompletions_Create", "chat.completions"),
        ("Embeddings_Create", "embeddings"),
        ("Create_Thread", "threads"),
        ("Projects_Get", "other"),
        (None, "other"),
    ],
)
def test_operations_have_our_names(log_operation: str | None, operation: str) -> None:
    """So that a report by operation has one row for each."""
    assert operation_of(log_operation) == operation


@pytest.mark.parametrize(
    ("model", "version", "expected"),
    [
        ("gpt-4o", "2024-11-20", "gpt-4o-2024-11-20"),
        ("text-embedding-3-large", "1", "text-embedding-3-large"),
        ("gpt-4o-2024-11-20", "2024-11-20", "gpt-4o-2024-11-20"),
        (None, "1", None),
    ],
)
def test_models_have_the_names_that_answers_give_them(model: str | None, version: str, expected: str | None) -> None:
    """Prices go by them."""
    assert made_of(bypass_with_key(model=model, model_version=version)).model == expected


def test_what_is_not_known_is_not_0() -> None:
    """A call whose tokens Azure has not logged; one that used none; one with half of them."""
    half = AzureCall(bypass_with_identity(), NOW, logged_usage("b1", prompt=5))
    without = AzureCall(bypass_with_identity(prompt_tokens=5), NOW)

    assert made_of(bypass_with_key()).usage.source is UsageSource.UNAVAILABLE
    assert (
        made_of(bypass_with_key(log_operation="Files_List", deployment=None)).usage.source is UsageSource.NOT_APPLICABLE
    )
    assert bypass_record(half, NAMES, None).usage.total_tokens == 35
    assert bypass_record(without, NAMES, None).usage.total_tokens is None


def test_an_end_is_not_before_its_beginning() -> None:
    """Azure's duration is of the answer's beginning, and may not be there."""
    record = made_of(bypass_with_key(duration_ms=None))

    assert record.ended_at - record.call.begun_at == timedelta(0)
