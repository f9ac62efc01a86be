"""Entries as rows: every field a column, and back again without loss."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from azure.data.tables import EdmType, EntityProperty
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.log_columns import log_entity, log_entry
from shared.domain.logs.entries import AuditEvent, CallUsage, LogEntry, MetricPoint, OtherEntry, ServiceCall
from shared.domain.logs.keys import entry_key
from shared.domain.logs.line_reading import parse_line
from shared.domain.table_entity import Int64, TableEntity, check_entity
from tests.data.logs import log_lines

FILES = [
    "activity_log.jsonl",
    "audit.jsonl",
    "azureopenairequestusage.jsonl",
    "metrics.jsonl",
    "other.jsonl",
    "requestresponse.jsonl",
    "requestresponse_pair.jsonl",
]


def row_of(entity: TableEntity) -> dict[str, Any]:
    """Return a row as azure-data-tables gives it."""
    return {
        name: EntityProperty(int(value), EdmType.INT64) if isinstance(value, Int64) else value
        for name, value in entity.properties.items()
    }


def entity_of(entry: LogEntry) -> TableEntity:
    return log_entity(entry_key(entry), entry)


@pytest.mark.parametrize("file", FILES)
def test_an_entry_comes_back_as_it_was(file: str) -> None:
    """What is merged with a line that comes later is read from the row."""
    for line in log_lines(file):
        entry = parse_line(line)
        entity = entity_of(entry)
        check_entity(entity)

        assert log_entry(row_of(entity), type(entry)) == entry
        assert None not in entity.properties.values()


counts = st.none() | st.integers(0, 2**63 - 1)
texts = st.none() | st.text()
entries: st.SearchStrategy[LogEntry] = st.one_of(
    st.builds(ServiceCall, resource_id=st.text(), correlation_id=st.text(), model=texts, request_bytes=counts),
    st.builds(CallUsage, resource_id=st.text(), correlation_id=st.text(), prompt_tokens=counts),
    st.builds(AuditEvent, resource_id=st.text(), operation=st.text(), principal_name=texts),
    st.builds(MetricPoint, resource_id=st.text(), metric=st.text()),
    st.builds(OtherEntry, resource_id=texts, category=st.text(), record=st.text()),
)


@given(entries)
def test_what_is_not_known_has_no_column_and_numbers_are_64_bits(entry: LogEntry) -> None:
    """A zero or an empty text that nobody said is a lie; a count above 2^31 is not one that wraps."""
    properties = entity_of(msgspec.structs.replace(entry, **times(entry))).properties

    assert {name.rstrip("_0123456789") for name in properties} <= set(entry.__struct_fields__)
    for name, value in properties.items():
        assert value is not None, name
        assert not isinstance(value, int) or isinstance(value, Int64 | bool), name


def times(entry: LogEntry) -> dict[str, datetime]:
    """Return times that Table Storage has, whatever was drawn."""
    fields = {field.name for field in msgspec.structs.fields(entry)} & {"logged_at", "requested_at", "occurred_at"}
    return dict.fromkeys(fields, datetime(2026, 11, 23, tzinfo=UTC))


@given(st.text(max_size=40), st.integers(0, 40_000))
def test_json_that_is_too_long_for_a_column_goes_on_in_the_next(text: str, length: int) -> None:
    """A gateway's log holds bodies; characters that tables do not take come back as the same JSON."""
    record = msgspec.json.encode({"a": text, "b": "\u2028é𝄞" * length}).decode()
    entry = OtherEntry(occurred_at=datetime(2026, 11, 23, tzinfo=UTC), category="Trace", record=record)
    entity = entity_of(entry)
    check_entity(entity)
    again = log_entry(row_of(entity), OtherEntry)

    assert msgspec.json.decode(again.record) == msgspec.json.decode(record)


def test_hostile_text_costs_no_row() -> None:
    """A resource's name is Azure's, a deployment's is anybody's."""
    line = log_lines("requestresponse.jsonl")[0]
    call = parse_line(line)
    entity = entity_of(msgspec.structs.replace(call, model="=cmd()\x00\u2028" + "x" * 100_000))
    check_entity(entity)

    assert str(entity.properties["model"]).startswith("=cmd()\ufffd\ufffdxxx")


def test_a_row_that_is_none_of_ours_is_refused() -> None:
    """Somebody else writes to the table: what to make of it, nobody knows."""
    with pytest.raises(ValueError, match="resource_id"):
        log_entry({"correlation_id": "c1"}, ServiceCall)
