"""
CSV as every reader takes it: RFC 4180, UTF-8 without a byte order mark, one line a row, nothing a spreadsheet runs.

Decimals are written in full, times as ISO 8601 in UTC; what is not known is empty.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from shared.domain.pricing import decimal_text
from shared.domain.table_columns import Column, ColumnType, Row, Rows
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
        self._writers = [_WRITERS[column.type] for column in columns]
        # RFC 4180 ends lines with CRLF, as the writer does.
        self._header = _lines([[column.name for column in columns]])

    def add(self, rows: Rows) -> bytes:
        """See TableEncoder."""
        return self._take_header() + _lines(map(self._texts, rows))

    def finish(self) -> bytes:
        """See TableEncoder."""
        return self._take_header()

    def _texts(self, row: Row) -> list[str | None]:
        cells = zip(self._writers, row, strict=True)
        return [None if cell is None else write(cell) for write, cell in cells]

    def _take_header(self) -> bytes:
        header, self._header = self._header, b""
        return header


def _lines(rows: Iterable[Sequence[str | None]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    return file.getvalue().encode()


def _text(text: str) -> str:
    # A line end would end the row for readers that do not look at quotes, as Power Query does not by default.
    return harmless(storable_text(text, len(text)))


def _decimal(number: Decimal) -> str:
    text = decimal_text(number)
    # A column of costs that are all 0 would be one of whole numbers to readers that guess.
    return text if "." in text else f"{text}.0"


def _time(time: datetime, places: str = "microseconds") -> str:
    return time.astimezone(UTC).isoformat(timespec=places).replace("+00:00", "Z")


def _truth(truth: object) -> str:
    return "true" if truth else "false"


# How a value of a column is written. That it is one of its type the column promises.
_WRITERS: Mapping[ColumnType, Callable[[Any], str]] = {
    ColumnType.TEXT: _text,
    ColumnType.WHOLE: str,
    ColumnType.DECIMAL: _decimal,
    ColumnType.TIME: _time,
    ColumnType.SECOND: partial(_time, places="seconds"),
    ColumnType.TRUTH: _truth,
}
