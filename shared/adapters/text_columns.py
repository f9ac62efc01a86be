"""Values longer than a column of the Table service: cut, and put together again."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from typing import Any

from shared.domain.table_entity import MAX_BINARY_BYTES, MAX_STRING_UNITS

# A character is at most two UTF-16 code units.
_TEXT_PART = MAX_STRING_UNITS // 2


def column_names(name: str, parts: int) -> tuple[str, ...]:
    """Return the columns a value may take: `cells`, `cells_2`, `cells_3`…"""
    return (name, *(f"{name}_{number}" for number in range(2, parts + 1)))


def text_columns(name: str, text: str) -> dict[str, str]:
    """Return a text as columns; a short one is one column."""
    part = MAX_STRING_UNITS if text.isascii() else _TEXT_PART
    starts = range(0, max(len(text), 1), part)
    return {column: text[start : start + part] for column, start in zip(_names(name, starts), starts, strict=True)}


def packed_columns(name: str, content: bytes) -> dict[str, bytes]:
    """Return bytes as columns, compressed."""
    packed = zlib.compress(content, 6)
    starts = range(0, len(packed), MAX_BINARY_BYTES)
    return {
        column: packed[start : start + MAX_BINARY_BYTES]
        for column, start in zip(_names(name, starts), starts, strict=True)
    }


def text_of(row: Mapping[str, Any], name: str) -> str:
    """Return the text that `text_columns` made columns of; empty where there are none."""
    return "".join(_parts(row, name))


def _names(name: str, starts: range) -> tuple[str, ...]:
    return column_names(name, len(starts))


def _parts(row: Mapping[str, Any], name: str) -> list[str]:
    parts = []
    column, number = name, 1
    while (value := row.get(column)) is not None:
        parts.append(value)
        number += 1
        column = f"{name}_{number}"
    return parts


def unpacked(row: Mapping[str, Any], name: str) -> bytes:
    """
    Return the bytes that `packed_columns` made columns of, from base64 as the service's JSON has it; or nothing.

    Raises:
        ValueError: they are not what was written.
    """
    packed = b"".join(map(base64.b64decode, _parts(row, name)))
    try:
        return zlib.decompress(packed) if packed else b""
    except zlib.error as error:
        raise ValueError(f"{name!r} cannot be unpacked") from error
