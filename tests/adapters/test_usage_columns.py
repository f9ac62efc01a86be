"""Columns of `usage` and `opencalls`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given

from shared.adapters.table_wire import upsert
from shared.adapters.usage_columns import open_call, open_call_entity, usage_entity, usage_record
from shared.domain.usage_record import Charge, OpenCall, UsageRecord
from tests.adapters.records import BEGUN_AT, as_read, hostile_texts, open_calls, record, records

# Of the table reference in docs/. A name that changes breaks somebody's report.
COLUMNS = {
    "call_id", "begun_at", "ended_at", "duration_ms", "first_chunk_ms", "tenant_id", "object_id", "app_id",
    "principal_kind", "principal_name", "key_id", "operation", "method", "resource", "deployment", "model",
    "requested_model", "api_version", "streamed", "status", "outcome", "prompt_tokens", "completion_tokens",
    "total_tokens", "cached_tokens", "reasoning_tokens", "usage_source", "usage_method", "finish_reason",
    "error_code", "apim_request_id", "region", "request_bytes", "response_bytes", "caller_address", "user_label",
    "text_only", "cache_write_tokens", "audio_prompt_tokens", "audio_completion_tokens", "service_tier",
    "spilled_over", "cost_usd", "price_source", "provisioned", "origin",
}  # fmt: skip


@given(records())
def test_a_record_comes_back_as_it_was(each: UsageRecord) -> None:
    """What is not known stays unknown, and 0 stays 0."""
    assert usage_record(as_read(usage_entity(each))) == each


@given(open_calls())
def test_an_open_call_comes_back_as_it_was(each: OpenCall) -> None:
    """The sweeper writes the record of a dead worker's call from this alone."""
    assert open_call(as_read(open_call_entity("worker-1", each))) == each


@given(records(hostile_texts))
def test_no_text_costs_a_record(each: UsageRecord) -> None:
    """Callers choose labels, names and methods; Azure chooses codes."""
    upsert(usage_entity(each))
    upsert(open_call_entity("worker-1", each.call))


@given(records())
def test_the_columns_are_those_documented(each: UsageRecord) -> None:
    """They are our interface."""
    assert usage_entity(each).properties.keys() <= COLUMNS


def test_a_row_is_keyed_by_principal_day_and_beginning() -> None:
    """Whoever ends a call, and however often, knows the same key."""
    entity = usage_entity(record("c1"))

    assert entity.partition_key == "2026-11-23_11111111-1111-1111-1111-111111111111_alice"
    assert entity.row_key == "20261123T090102.123456Z_c1"


def test_a_call_has_one_key_whatever_zone_its_time_is_in() -> None:
    """Two keys would be two rows."""
    tokyo = record("c1", begun_at=BEGUN_AT.astimezone(timezone(timedelta(hours=9))))
    here, there = usage_entity(record("c1")), usage_entity(tokyo)

    assert (here.partition_key, here.row_key) == (there.partition_key, there.row_key)


def test_rows_sort_by_time_also_where_a_second_is_whole() -> None:
    """A fraction left out would sort behind one that is there."""
    keys = [
        usage_entity(record("c", begun_at=datetime(2026, 11, 23, 9, 0, 0, microsecond, tzinfo=UTC))).row_key
        for microsecond in (0, 1, 999_999)
    ]

    assert keys == sorted(keys)
    assert len({len(key) for key in keys}) == 1


def test_a_count_that_no_column_holds_is_not_known() -> None:
    """Better no count than no record."""
    row = as_read(usage_entity(record(prompt_tokens=2**63)))

    assert usage_record(row).usage.prompt_tokens is None


def test_columns_of_later_versions_are_left_alone() -> None:
    """Two versions of the app read one table while the new one is rolled out."""
    row = as_read(usage_entity(record())) | {"mood": 0.2, "Timestamp": "x"}

    assert usage_record(row) == record()


@pytest.mark.parametrize("column", ["call_id", "begun_at", "tenant_id", "outcome", "duration_ms", "usage_source"])
def test_a_row_without_what_every_record_has_is_no_record(column: str) -> None:
    """To guess at it would put wrong numbers on somebody's bill."""
    row = as_read(usage_entity(record()))
    del row[column]

    with pytest.raises(ValueError, match=column):
        usage_record(row)


def test_a_cost_is_kept_in_full() -> None:
    """A Double would keep 17 digits of it, and a sum of Doubles fewer."""
    cost = Decimal("1234567.000000000000001")
    each = replace(record(), charge=Charge(cost_usd=cost, price_source="settings"))
    row = as_read(usage_entity(each))

    assert row["cost_usd"] == "1234567.000000000000001"
    assert usage_record(row).charge.cost_usd == cost


def test_a_call_that_cost_nothing_is_told_from_one_of_unknown_cost() -> None:
    """An unknown price is not 0, and 0 is not unknown."""
    free = replace(record(), charge=Charge(cost_usd=Decimal("0.000")))

    assert usage_entity(free).properties["cost_usd"] == "0"
    assert "cost_usd" not in usage_entity(record()).properties


def test_what_is_not_so_takes_no_room() -> None:
    """Most calls neither spill over nor are provisioned, and a row is written for every call."""
    assert usage_entity(record()).properties.keys().isdisjoint({"spilled_over", "provisioned", "price_source"})


@pytest.mark.parametrize("column", ["ended_at", "tenant_id", "principal_kind", "outcome", "usage_source", "cost_usd"])
def test_a_row_with_a_value_no_record_has_is_no_record(column: str) -> None:
    """Somebody else wrote it, or a version after this one."""
    row = as_read(usage_entity(record()))

    with pytest.raises(ValueError):
        usage_record(row | {column: "no such/thing"})
