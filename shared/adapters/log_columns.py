"""
Columns of the tables that logs are kept in: each field of an entry is a column of its name.

They are part of our interface: never renamed, never given another type. What is not known has no column.
Text of JSON that is too long for one property goes on in the next, as `extra`, `extra_2`, `extra_3`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

import msgspec
from azure.data.tables import EntityProperty

from shared.domain.logs.entries import LogEntry
from shared.domain.logs.keys import EntryKey
from shared.domain.table_entity import MAX_STRING_UNITS, Int64, TableEntity, Value, storable_text

_E = TypeVar("_E", bound=LogEntry)

# Long enough for every Azure resource id, short enough for a hundred rows a transaction.
_MAX_TEXT_LENGTH = 1024
_JSON_TEXTS = frozenset({"extra", "record"})
# What JSON lets stand in a string as it is, and Table Storage or its emulator does not take.
_NOT_IN_TABLES = re.compile("[\x7f-\x9f\u2028\u2029\ufdd0-\ufdef\ufffe\uffff]")
# A character above U+FFFF takes two units; none may be cut in half.
_PIECE_LENGTH = MAX_STRING_UNITS // 2


def log_entity(key: EntryKey, entry: LogEntry) -> TableEntity:
    """Return an entry as a row."""
    properties: dict[str, Value] = {}
    for name, convert in _columns(type(entry)):
        value = getattr(entry, name)
        if value is not None:
            if convert is None:
                properties |= _pieces(name, value)
            else:
                properties[name] = convert(value)
    return TableEntity(partition_key=key.partition_key, row_key=key.row_key, properties=properties)


def log_entry(row: Mapping[str, Any], kind: type[_E]) -> _E:
    """
    Return a row, as azure-data-tables gives it, as the entry it was made of.

    Raises:
        ValueError: a column that every entry has is absent, or holds what it never does.
    """
    values = {name: _value(row, name) for name in kind.__struct_fields__ if name in row}
    return msgspec.convert(values, kind)


@functools.cache
def _columns(kind: type[LogEntry]) -> list[tuple[str, Callable[[Any], Value] | None]]:
    """Return each field with what makes a property of its value; None for text that may take several."""
    return [(field.name, _converter(field)) for field in msgspec.structs.fields(kind)]


def _converter(field: msgspec.structs.FieldInfo) -> Callable[[Any], Value] | None:
    if field.name in _JSON_TEXTS:
        return None
    kinds = getattr(field.type, "__args__", (field.type,))
    if str in kinds:
        return _text
    if int in kinds:
        return Int64
    if issubclass(kinds[0], StrEnum):
        return str
    # Times, fractions, yes and no are properties as they are.
    return _as_it_is


def _text(text: str) -> str:
    return storable_text(text, _MAX_TEXT_LENGTH)


def _as_it_is(value: Value) -> Value:
    return value


def _pieces(name: str, text: str) -> Iterator[tuple[str, str]]:
    # As an escape it is the same JSON.
    text = _NOT_IN_TABLES.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    for number, start in enumerate(range(0, len(text), _PIECE_LENGTH), 1):
        yield (name if number == 1 else f"{name}_{number}"), text[start : start + _PIECE_LENGTH]


def _value(row: Mapping[str, Any], name: str) -> Any:
    value = row[name]
    if isinstance(value, EntityProperty):
        # The SDK wraps 64-bit numbers.
        return value.value
    if isinstance(value, datetime):
        # Its own class of datetime carries its text along.
        return datetime.combine(value.date(), value.timetz())
    return "".join(_joined(row, name)) if name in _JSON_TEXTS else value


def _joined(row: Mapping[str, Any], name: str) -> Iterator[str]:
    number, column = 1, name
    while column in row:
        yield row[column]
        number += 1
        column = f"{name}_{number}"
