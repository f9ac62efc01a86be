"""
CSV as every reader takes it: RFC 4180, UTF-8 without a byte order mark, one line a row, nothing a spreadsheet runs.

Decimals are written in full, times as ISO 8601 in UTC; what is not known is empty.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from shared.domain.pricing import decimal_text
from shared.domain.table_columns import Cell, Column, ColumnType, Rows
from shared.domain.table_entity import storable_text

# How a spreadsheet knows a formula. https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def harmless(text: str) -> str:
    """Return text that no spreadsheet runs: a name is whatever somebody called themselves."""
    return f"'{text}" if text.startswith(_FORMULA) else text


class CsvFormat:
    """Fulfils TableFormat."""

    suffix = ".csv"
    media_type = "text/csv; charset=utf-8"

    def begin(self, columns: Sequence[Column]) -> CsvEncoder:
        """See TableFormat."""
        return CsvEncoder(columns)


class CsvEncoder:
    """Fulfils TableEncoder. It holds nothing of the rows."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._types = [column.type for column in columns]
        # RFC 4180 ends lines with CRLF, as the writer does.
        self._header = _lines([[column.name for column in columns]])

    def add(self, rows: Rows) -> bytes:
        """See TableEncoder."""
        texts = ([_text(kind, cell) for kind, cell in zip(self._types, row, strict=True)] for row in rows)
        return self._take_header() + _lines(texts)

    def finish(self) -> bytes:
        """See TableEncoder."""
        return self._take_header()

    def _take_header(self) -> bytes:
        header, self._header = self._header, b""
        return header


def _lines(rows: Iterable[Sequence[str | int | None]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    return file.getvalue().encode()


def _text(kind: ColumnType, cell: Cell) -> str | int | None:
    match cell:
        case bool():
            return "true" if cell else "false"
        case Decimal():
            text = decimal_text(cell)
            # A column of costs that are all 0 would be one of whole numbers to readers that guess.
            return text if "." in text else f"{text}.0"
        case datetime():
            places = "seconds" if kind is ColumnType.SECOND else "microseconds"
            return cell.astimezone(UTC).isoformat(timespec=places).replace("+00:00", "Z")
        case str():
            # A line end would end the row for readers that do not look at quotes, as Power Query does not by default.
            return harmless(storable_text(cell, len(cell)))
    return cell
