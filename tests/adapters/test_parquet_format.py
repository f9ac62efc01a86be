"""Parquet files: what is in them, as others read them, and what they cost to write."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from shared.adapters.parquet_format import ParquetFormat
from shared.adapters.usage_columns import usage_entity
from shared.domain.errors import OurError
from shared.domain.table_columns import Column, ColumnType, Row
from shared.domain.usage_record import UsageRecord
from shared.domain.usage_row import USAGE_COLUMNS, usage_row
from tests.adapters.records import hostile_texts, record, records

COST = [Column(name="cost_usd", type=ColumnType.DECIMAL)]


def encoded(columns: list[Column] | tuple[Column, ...], *pages: list[Row]) -> bytes:
    """Return a file of these pages of rows."""
    encoder = ParquetFormat().begin(columns)
    return b"".join([*(encoder.add(page) for page in pages), encoder.finish()])


def read(file: bytes) -> list[dict[str, object]]:
    """Return a file's rows."""
    return parquet.read_table(io.BytesIO(file)).to_pylist()  # type: ignore[no-any-return]


def rows_of(file: bytes) -> list[Row]:
    return [tuple(row.values()) for row in read(file)]  # type: ignore[arg-type]


@settings(max_examples=30, deadline=None)
@given(st.lists(records(hostile_texts.map(lambda text: text.encode("utf-8", "replace").decode())), max_size=5))
def test_every_record_is_read_back_as_it_was(some: list[UsageRecord]) -> None:
    """A file of finance's is the ledger, or it is nothing."""
    rows = [usage_row(each) for each in some]

    assert rows_of(encoded(USAGE_COLUMNS, rows)) == rows


def test_a_file_is_the_same_however_its_rows_came() -> None:
    """Two exporters read pages that are cut differently: whoever is last must not change the file."""
    rows = [usage_row(record(f"c{number}")) for number in range(50)]

    assert encoded(USAGE_COLUMNS, rows) == encoded(USAGE_COLUMNS, rows[:7], [], rows[7:])


def test_a_file_of_no_rows_says_its_columns() -> None:
    """A reader of all days must not stop at one on which nobody called."""
    table = parquet.read_table(io.BytesIO(encoded(USAGE_COLUMNS)))

    assert table.num_rows == 0
    assert table.column_names == [column.name for column in USAGE_COLUMNS]


def test_the_columns_have_the_types_that_readers_rely_on() -> None:
    """Spark refuses a day whose column has another type; a column of nothing would be of type null."""
    bare = usage_row(record())
    schema = parquet.read_schema(io.BytesIO(encoded(USAGE_COLUMNS, [bare])))

    assert schema == parquet.read_schema(io.BytesIO(encoded(USAGE_COLUMNS)))
    assert str(schema.field("begun_at").type) == "timestamp[us, tz=UTC]"
    assert str(schema.field("cost_usd").type) == "decimal128(38, 18)"
    assert str(schema.field("prompt_tokens").type) == "int64"
    assert str(schema.field("key_id").type) == "string"
    assert str(schema.field("streamed").type) == "bool"


def test_rows_are_in_groups_of_a_bounded_size() -> None:
    """What a writer holds is one group, however many calls a day has."""
    row = usage_row(record())
    encoder = ParquetFormat().begin(USAGE_COLUMNS)
    written = [len(encoder.add([row] * 1_000)) for _ in range(41)]
    written.append(len(encoder.finish()))
    file = parquet.ParquetFile(io.BytesIO(encoded(USAGE_COLUMNS, [row] * 41_000)))

    assert [file.metadata.row_group(number).num_rows for number in range(3)] == [20_000, 20_000, 1_000]
    assert [number for number, length in enumerate(written) if length] == [0, 19, 39, 41]


def test_the_smallest_and_the_largest_cost_are_exact() -> None:
    """The price of one token has up to 18 decimals; a cost in a Double would not sum to the bill."""
    costs = [Decimal("0.000000000000000001"), Decimal("99999999999999999999.999999999999999999"), Decimal(0), None]
    file = encoded(COST, [(cost,) for cost in costs])

    assert [row["cost_usd"] for row in read(file)] == costs


@pytest.mark.parametrize("cost", [Decimal("1E20"), Decimal("1E-19")])
def test_a_cost_that_does_not_fit_is_no_rounded_cost(cost: Decimal) -> None:
    """An error is mended; a wrong sum is believed."""
    with pytest.raises(OurError, match="cost_usd"):
        encoded(COST, [(cost,)])


def test_a_time_of_another_zone_is_the_same_instant() -> None:
    """A record's times are UTC; should one not be, it is not taken for UTC."""
    time = datetime(2026, 11, 23, 10, 0, tzinfo=timezone(timedelta(hours=1)))
    file = encoded([Column(name="at", type=ColumnType.TIME)], [(time,)])

    assert read(file) == [{"at": datetime(2026, 11, 23, 9, 0, tzinfo=UTC)}]


def test_duckdb_and_pandas_read_it(tmp_path: Path) -> None:
    """Neither is the library that wrote it, or asks for options."""
    path = tmp_path / "part-00000.parquet"
    path.write_bytes(encoded(USAGE_COLUMNS, [usage_row(record(f"c{number}")) for number in range(3)]))
    sums = duckdb.execute(f"SELECT count(*), sum(total_tokens), min(begun_at) FROM '{path}'").fetchall()
    frame = pd.read_parquet(path)

    assert sums[0][:2] == (3, 3 * 42)
    assert frame["total_tokens"].sum() == 3 * 42
    assert str(frame["begun_at"].dt.tz) == "UTC"


def test_a_row_has_the_columns_of_the_table_and_their_values() -> None:
    """Who knows the table knows the files, and a column that is added to the one is in the other."""
    full = usage_entity(record()).properties
    row = dict(zip((column.name for column in USAGE_COLUMNS), usage_row(record()), strict=True))

    assert {name: row[name] for name in full} == full
