"""A row for Table Storage, and the limits the service sets it.

The emulator lets much pass that the service refuses, so we refuse it ourselves, before a
batch with other calls' rows in it fails for one of them.

https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.domain.errors import StorageRejected

MAX_BATCH_ENTITIES = 100
MAX_BATCH_BYTES = 4 * 1024 * 1024
MAX_ENTITY_BYTES = 1024 * 1024
MAX_PROPERTIES = 252  # beside PartitionKey, RowKey and Timestamp
MAX_STRING_UNITS = 32 * 1024  # UTF-16 code units: 64 KiB
MAX_BINARY_BYTES = 64 * 1024
MAX_TEXT_LENGTH = 256  # ours: long enough for a name or a label, short enough for a hundred rows a batch

# "Up to 1 KiB": the page does not say in which encoding, so we count the larger one.
_MAX_KEY_UNITS = 512
_NOT_IN_KEYS = re.compile(r"[/\\#?\x00-\x1f\x7f-\x9f]")
# U+2028 and U+2029 end lines; one in a transaction makes the emulator answer 500.
_NOT_IN_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_FIRST_TIME = datetime(1601, 1, 1, tzinfo=UTC)


class Int64(int):
    """A whole number kept as Edm.Int64; a plain int is kept as Edm.Int32."""

    __slots__ = ()


Value = str | bytes | bool | int | float | datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TableEntity:
    """A row. A property that is not known is absent, never None."""

    partition_key: str
    row_key: str
    properties: Mapping[str, Value]


def storable_text(text: str, max_length: int = MAX_TEXT_LENGTH) -> str:
    """
    Return text that came from outside in a form the service takes.

    It is cut to `max_length` characters; lone surrogates, line ends, control and non-characters
    become U+FFFD. A hostile label must never cost a record.
    """
    text = text[:max_length]
    # Nothing printable is in the pattern, and nearly all text is printable.
    return text if text.isprintable() else _NOT_IN_TEXT.sub("\ufffd", text)


def is_int64(number: int) -> bool:
    """Return whether a number fits Edm.Int64."""
    return -(2**63) <= number < 2**63


def check_entity(entity: TableEntity) -> None:
    """
    Do nothing for a row the service takes.

    Raises:
        StorageRejected: the row breaks a limit; the message names the property, not its value.
    """
    key_units = check_key("PartitionKey", entity.partition_key) + check_key("RowKey", entity.row_key)
    if len(entity.properties) > MAX_PROPERTIES:
        raise StorageRejected(f"the row has {len(entity.properties)} properties, {MAX_PROPERTIES} are allowed")
    # How the service counts: https://learn.microsoft.com/archive/blogs/avkashchauhan/
    # how-the-size-of-an-entity-is-caclulated-in-windows-azure-table-storage
    size = 4 + 2 * key_units
    for name, value in entity.properties.items():
        # Nearly all values are strings, and a row is written twice a call.
        size += 8 + 2 * len(name) + (_string_size(name, value) if isinstance(value, str) else _size(name, value))
    if size > MAX_ENTITY_BYTES:
        raise StorageRejected(f"the row takes {size} bytes, {MAX_ENTITY_BYTES} are allowed")


def check_key(name: str, key: str) -> int:
    """
    Return the UTF-16 code units of a key the service takes.

    Raises:
        StorageRejected: it is too long or holds a character that is not allowed.
    """
    if _NOT_IN_KEYS.search(key):
        raise StorageRejected(f"the {name} holds a character that is not allowed in keys")
    units = _utf16_units(name, key)
    if units > _MAX_KEY_UNITS:
        raise StorageRejected(f"the {name} is longer than {_MAX_KEY_UNITS} characters")
    return units


def _string_size(name: str, text: str) -> int:
    units = len(text) if text.isascii() else _utf16_units(name, text)
    if units > MAX_STRING_UNITS:
        raise StorageRejected(f"property {name!r} is longer than {MAX_STRING_UNITS} UTF-16 code units")
    return 4 + 2 * units


def _size(name: str, value: bytes | int | float | datetime) -> int:
    if isinstance(value, bool):
        return 1
    if isinstance(value, bytes):
        return _binary_size(name, value)
    if isinstance(value, datetime):
        return _time_size(name, value)
    if isinstance(value, float):
        return _double_size(name, value)
    return _number_size(name, value)


def _binary_size(name: str, value: bytes) -> int:
    if len(value) > MAX_BINARY_BYTES:
        raise StorageRejected(f"property {name!r} is longer than {MAX_BINARY_BYTES} bytes")
    return 4 + len(value)


def _time_size(name: str, time: datetime) -> int:
    if time.tzinfo is None:
        raise StorageRejected(f"property {name!r} is a time without a time zone")
    if time < _FIRST_TIME:
        raise StorageRejected(f"property {name!r} is a time before 1601")
    return 8


def _double_size(name: str, number: float) -> int:
    if not math.isfinite(number):
        # The service has words for these, which JSON has not.
        raise StorageRejected(f"property {name!r} is no finite number")
    return 8


def _number_size(name: str, number: int) -> int:
    if isinstance(number, Int64):
        if not is_int64(number):
            raise StorageRejected(f"property {name!r} does not fit 64 bits")
        return 8
    if not -(2**31) <= number < 2**31:
        raise StorageRejected(f"property {name!r} does not fit 32 bits")
    return 4


def _utf16_units(name: str, text: str) -> int:
    if text.isascii():
        return len(text)
    try:
        return len(text.encode("utf-16-le")) // 2
    except UnicodeEncodeError as error:
        raise StorageRejected(f"property {name!r} holds half a surrogate pair") from error
