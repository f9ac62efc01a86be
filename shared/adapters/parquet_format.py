"""
Parquet, by pyarrow. It is imported when the first file is begun: it takes a tenth of a second and 60 MB
of memory, which an instance that only relays does not pay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.domain.errors import OurError
from shared.domain.table_columns import DECIMAL_DIGITS, DECIMAL_PLACES, Column, ColumnType, Row, Rows

if TYPE_CHECKING:
    import pyarrow as pa

# A group is held in memory, and is what a reader skips by its statistics; fewer than some thousands
# compress badly and are slow to read.
_ROWS_IN_GROUP = 20_000
# What Fabric, Databricks, Azure Data Explorer, Power BI and DuckDB all read.
_COMPRESSION = "snappy"


class ParquetFormat:
    """
    Fulfils TableFormat.

    A time is a timestamp of microseconds in UTC, a decimal is DECIMAL(38,18). The columns are the same in
    every file, also where one of them holds nothing.
    """

    suffix = ".parquet"
    media_type = "application/vnd.apache.parquet"

    def begin(self, columns: Sequence[Column]) -> ParquetEncoder:
        """See TableFormat."""
        return ParquetEncoder(columns)


class ParquetEncoder:
    """Fulfils TableEncoder. It holds one group of rows, however many there are."""

    def __init__(self, columns: Sequence[Column]) -> None:
        from pyarrow import parquet

        self._schema = _schema(columns)
        self._file = _Drain()
        self._writer = parquet.ParquetWriter(
            self._file, self._schema, compression=_COMPRESSION, version="2.6", data_page_version="1.0"
        )
        self._rows: list[Row] = []

    def add(self, rows: Rows) -> bytes:
        """
        See TableEncoder.

        Raises:
            OurError: a value does not fit its column.
        """
        self._rows.extend(rows)
        while len(self._rows) >= _ROWS_IN_GROUP:
            group, self._rows = self._rows[:_ROWS_IN_GROUP], self._rows[_ROWS_IN_GROUP:]
            self._write(group)
        return self._file.drain()

    def finish(self) -> bytes:
        """See `add`."""
        if self._rows:
            self._write(self._rows)
            self._rows = []
        self._writer.close()
        return self._file.drain()

    def _write(self, rows: Rows) -> None:
        import pyarrow as pa

        cells = zip(*rows, strict=True)
        arrays = [_array(field, list(column)) for field, column in zip(self._schema, cells, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema), row_group_size=_ROWS_IN_GROUP)


def _schema(columns: Sequence[Column]) -> pa.Schema:
    import pyarrow as pa

    types = {
        ColumnType.TEXT: pa.string(),
        ColumnType.WHOLE: pa.int64(),
        ColumnType.DECIMAL: pa.decimal128(DECIMAL_DIGITS, DECIMAL_PLACES),
        ColumnType.TIME: pa.timestamp("us", tz="UTC"),
        ColumnType.SECOND: pa.timestamp("us", tz="UTC"),
        ColumnType.TRUTH: pa.bool_(),
    }
    return pa.schema([pa.field(each.name, types[each.type], nullable=not each.required) for each in columns])


def _array(field: pa.Field, cells: list[object]) -> pa.Array:
    import pyarrow as pa

    try:
        return pa.array(cells, type=field.type)
    except (pa.ArrowException, OverflowError) as error:
        raise OurError(f"a value of {field.name!r} does not fit a column of {field.type}") from error


class _Drain:
    """A file that pyarrow writes to, and that gives away what it holds."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        self._length += len(data)
        return len(data)

    def tell(self) -> int:
        return self._length

    def flush(self) -> None:
        """Do nothing: what is written is there."""

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True

    def drain(self) -> bytes:
        """Return what was written since the last time."""
        data = b"".join(self._parts)
        self._parts.clear()
        return data
