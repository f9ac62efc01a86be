"""Limits of the Table service that its emulator does not enforce."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import StorageRejected
from shared.domain.table_entity import (
    MAX_ENTITY_BYTES,
    MAX_PROPERTIES,
    MAX_STRING_UNITS,
    MAX_TEXT_LENGTH,
    Int64,
    TableEntity,
    Value,
    check_entity,
    check_key,
    storable_text,
)


def entity(**properties: Value) -> TableEntity:
    return TableEntity(partition_key="p", row_key="r", properties=properties)


@pytest.mark.parametrize(
    "value",
    ["x" * MAX_STRING_UNITS, "\U0001f600" * (MAX_STRING_UNITS // 2), Int64(2**63 - 1), -(2**31), True, 1.7e308,
     datetime(1601, 1, 1, tzinfo=UTC)],
    ids=["longest string", "longest string of pairs", "largest 64", "smallest 32", "boolean", "largest double",
         "first time"],
)  # fmt: skip
def test_a_value_at_its_limit_is_taken(value: Value) -> None:
    """A limit drawn too low would cost records."""
    check_entity(entity(x=value))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("x" * (MAX_STRING_UNITS + 1), "longer than"),
        ("\U0001f600" * (MAX_STRING_UNITS // 2 + 1), "longer than"),
        ("\ud800", "surrogate"),
        (Int64(2**63), "64 bits"),
        (2**31, "32 bits"),
        (float("inf"), "finite"),
        (datetime(1600, 12, 31, tzinfo=UTC), "1601"),
        (datetime(2026, 11, 23), "time zone"),  # noqa: DTZ001 - that is the fault
    ],
)
def test_a_value_over_its_limit_is_refused_by_name(value: Value, reason: str) -> None:
    """One such row would fail a transaction with other calls' rows in it."""
    with pytest.raises(StorageRejected, match=rf"'label'.*{reason}"):
        check_entity(entity(label=value))


def test_253_properties_are_refused() -> None:
    """The emulator takes them."""
    check_entity(entity(**{f"p{i}": 1 for i in range(MAX_PROPERTIES)}))

    with pytest.raises(StorageRejected, match="253 properties"):
        check_entity(entity(**{f"p{i}": 1 for i in range(MAX_PROPERTIES + 1)}))


def test_a_row_over_1_mib_is_refused() -> None:
    """The emulator takes it. 2 bytes a character, and for each property 8, its name and 4."""
    overhead = 4 + 2 * len("pr") + 16 * (8 + 2 * len("p00") + 4)
    room = (MAX_ENTITY_BYTES - overhead) // 2
    sizes = [MAX_STRING_UNITS] * 15 + [room - 15 * MAX_STRING_UNITS]
    check_entity(entity(**{f"p{i:02}": "x" * size for i, size in enumerate(sizes)}))

    sizes[-1] += 1
    with pytest.raises(StorageRejected, match="1048578 bytes"):
        check_entity(entity(**{f"p{i:02}": "x" * size for i, size in enumerate(sizes)}))


@pytest.mark.parametrize("character", ["/", "\\", "#", "?", "\t", "\n", "\x00", "\x1f", "\x7f", "\x81", "\x9f"])
def test_a_key_with_a_forbidden_character_is_refused(character: str) -> None:
    """The emulator answers 500 to some of them, which would be tried again and again."""
    with pytest.raises(StorageRejected, match="RowKey"):
        check_key("RowKey", f"a{character}b")


def test_a_key_over_1_kib_is_refused() -> None:
    """Counted as UTF-16, as the service keeps it."""
    check_key("RowKey", "x" * 512)

    with pytest.raises(StorageRejected, match="RowKey"):
        check_key("RowKey", "x" * 513)


@given(st.text(st.characters(), max_size=600))
def test_any_text_can_be_made_storable(text: str) -> None:
    """A hostile label must never cost a record."""
    stored = storable_text(text)

    check_entity(entity(label=stored))
    assert len(stored) == min(len(text), MAX_TEXT_LENGTH)
    assert storable_text(stored) == stored


@pytest.mark.parametrize("text", ["", "team-7", "Zoë Müller 日本 \U0001f600", "two  words"])
def test_ordinary_text_is_stored_as_it_is(text: str) -> None:
    """Names are for people to read."""
    assert storable_text(text) == text


def test_controls_line_ends_and_lone_surrogates_are_replaced() -> None:
    """XML readers of the table fail at them, and the emulator at U+2028."""
    assert storable_text("a\r\nb\x00\u2028\ud800\uffff") == "a\ufffd\ufffdb\ufffd\ufffd\ufffd\ufffd"
