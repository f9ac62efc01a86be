"""CSV: what RFC 4180 says of it, what spreadsheets make of it, and what Power Query, pandas and DuckDB read."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.csv_format import CsvFormat
from shared.domain.table_columns import Cell, Column, ColumnType, Row
from shared.domain.usage_row import USAGE_COLUMNS, usage_row
from tests.adapters.records import record

NAME = [Column(name="name", type=ColumnType.TEXT), Column(name="n", type=ColumnType.WHOLE)]
# The grammar of RFC 4180, with UTF-8 where it has ASCII: an escaped field, or one without quotes, commas and line ends.
_FIELD = r'(?:"(?:[^"]|"")*"|[^",\r\n]*)'
_RFC_4180 = re.compile(rf"(?:{_FIELD}(?:,{_FIELD})*\r\n)*")


def encoded(columns: list[Column] | tuple[Column, ...], *pages: list[Row]) -> bytes:
    encoder = CsvFormat().begin(columns)
    return b"".join([*(encoder.add(page) for page in pages), encoder.finish()])


def cell_of(kind: ColumnType, value: Cell) -> str:
    """Return how a value is written, unquoted."""
    text = encoded([Column(name="x", type=kind), Column(name="y", type=ColumnType.TEXT)], [(value, "y")]).decode()
    return next(csv.reader(io.StringIO(text.splitlines()[1])))[0]


def power_query(file: bytes) -> list[list[str]]:
    """
    Return rows as `Csv.Document(file, [Delimiter=",", Encoding=65001, QuoteStyle=QuoteStyle.None])` does, which is
    what Power BI and Excel write for a user who clicks: quotes count, but a line end ends the row even within them.
    """
    return [next(csv.reader([line])) for line in file.decode("utf-8").split("\r\n") if line]


@given(st.lists(st.tuples(st.text(max_size=40), st.integers(-(2**63), 2**63 - 1)), max_size=5))
def test_whatever_people_call_themselves_every_line_is_a_row(rows: list[tuple[str, int]]) -> None:
    """A line end in a name would shift all columns of a row for whoever reads line by line, unseen in a sum."""
    file = encoded(NAME, list(rows))
    text = file.decode("utf-8")

    assert _RFC_4180.fullmatch(text)
    assert [row[1] for row in power_query(file)] == ["n", *(str(number) for _, number in rows)]
    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == power_query(file)
    assert "\0" not in text


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x","y")'])
def test_a_name_is_no_formula(name: str) -> None:
    """A spreadsheet runs what begins so: it may send the sheet elsewhere."""
    assert cell_of(ColumnType.TEXT, name) == f"'{name}"


@pytest.mark.parametrize("name", ["\t=1", "\r=1", "\n=1", "\0=1", "a\r\nb", "a\u2028b"])
def test_no_control_character_is_left_that_hides_a_formula_or_ends_a_line(name: str) -> None:
    """What a cell begins with a reader may trim."""
    written = cell_of(ColumnType.TEXT, name)

    assert "\ufffd" in written
    assert not re.search(r"[\x00-\x1f\u2028]", written)


@pytest.mark.parametrize("name", ['"', 'a "b" c', "a,b", "Zoë 🦊", "''", "NULL", "", "01"])
def test_any_other_name_is_read_as_it_is(name: str) -> None:
    """Names have quotes, commas and letters of everywhere."""
    assert cell_of(ColumnType.TEXT, name) == name


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        (ColumnType.TEXT, None, ""),
        (ColumnType.WHOLE, None, ""),
        (ColumnType.WHOLE, 0, "0"),
        (ColumnType.WHOLE, -(2**63), "-9223372036854775808"),
        (ColumnType.DECIMAL, Decimal("1E-18"), "0.000000000000000001"),
        (ColumnType.DECIMAL, Decimal("0"), "0.0"),
        (ColumnType.DECIMAL, Decimal("1E+3"), "1000.0"),
        (ColumnType.TRUTH, True, "true"),
        (ColumnType.TRUTH, False, "false"),
        (ColumnType.TIME, datetime(2026, 11, 23, 9, tzinfo=UTC), "2026-11-23T09:00:00.000000Z"),
        (ColumnType.SECOND, datetime(2026, 11, 23, 9, tzinfo=UTC), "2026-11-23T09:00:00Z"),
    ],
)
def test_a_value_is_written_in_one_way(kind: ColumnType, value: Cell, written: str) -> None:
    """A reader that guesses types must guess the same for every file."""
    assert cell_of(kind, value) == written


def test_a_file_has_a_header_and_no_byte_order_mark() -> None:
    """Spark takes the mark for part of the first column's name."""
    file = encoded(USAGE_COLUMNS)

    assert file.startswith(b"call_id,begun_at,")
    assert file.endswith(b",caller_address,user_label\r\n")
    assert file.count(b"\r\n") == 1


def test_a_file_is_the_same_however_its_rows_came() -> None:
    """Two exporters read pages that are cut differently."""
    rows = [usage_row(record(f"c{number}")) for number in range(9)]

    assert encoded(USAGE_COLUMNS, rows) == encoded(USAGE_COLUMNS, [], rows[:4], rows[4:])


def test_pandas_and_duckdb_guess_the_types(tmp_path: Path) -> None:
    """A file that needs options is read wrongly once."""
    path = tmp_path / "part-00000.csv"
    path.write_bytes(encoded(USAGE_COLUMNS, [usage_row(record(f"c{number}")) for number in range(3)]))
    frame = pd.read_csv(path, parse_dates=["begun_at", "ended_at"])
    sums = duckdb.execute(f"SELECT sum(total_tokens), min(begun_at), bool_and(streamed) FROM '{path}'").fetchall()

    assert frame["total_tokens"].sum() == 3 * 42
    assert frame["begun_at"].dt.tz is not None
    assert frame["streamed"].all()
    assert (sums[0][0], sums[0][2]) == (3 * 42, True)
