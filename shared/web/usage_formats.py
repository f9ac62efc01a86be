"""A report as JSON, CSV and Parquet."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from shared.domain.pricing import decimal_text
from shared.domain.report_dimensions import key_columns, label_columns
from shared.domain.rollup import OTHERS
from shared.domain.table_columns import Column, ColumnType
from shared.domain.usage_report import SHARE_COLUMN, Cell, ReportRow, UsageReport
from shared.ports.table_encoding import TableFormat

_DECIMALS = frozenset({"cost_usd", "previous_cost_usd", SHARE_COLUMN})


def report_body(report: UsageReport, next_page: str | None) -> dict[str, object]:
    """Return a report as JSON has it; `next_page` is the page after it."""
    others = report.others
    return {
        "from": report.span.begun_from,
        "to": report.span.begun_before,
        "by": report.shape.by,
        "rows": [dict(zip(report.columns, map(_plain, report.cells(row)), strict=True)) for row in report.rows],
        "others": others and _plain_sums(report.sums(others.totals, others.previous)),
        "totals": _plain_sums(report.sums(report.totals, report.previous)),
        "next": next_page,
    }


def json_report(report: UsageReport, next_page: str | None) -> bytes:
    """Return a report as JSON."""
    return msgspec.json.encode(report_body(report, next_page))


def table_report(report: UsageReport, table_format: TableFormat) -> bytes:
    """Return the rows of a report as CSV or Parquet, those that `top` left out as the last."""
    encoder = table_format.begin([_column(report, name) for name in report.columns])
    rows = [report.cells(row) for row in report.rows]
    if report.others:
        rows.append(_others(report, report.others))
    return encoder.add(rows) + encoder.finish()


def _others(report: UsageReport, others: ReportRow) -> tuple[Cell, ...]:
    """Return the row of all that `top` left out: sums, and no name."""
    names = dict.fromkeys(key_columns(report.shape.by), OTHERS)
    cells = names | report.sums(others.totals, others.previous)
    return tuple(cells.get(column) for column in report.columns)


def _column(report: UsageReport, name: str) -> Column:
    texts = (*key_columns(report.shape.by), *label_columns(report.shape.by))
    if name in texts:
        return Column(name=name, type=ColumnType.TEXT)
    return Column(name=name, type=ColumnType.DECIMAL if name in _DECIMALS else ColumnType.WHOLE)


def _plain_sums(sums: dict[str, Cell]) -> dict[str, str | int | None]:
    return {name: _plain(cell) for name, cell in sums.items()}


def _plain(cell: Cell) -> str | int | None:
    """Return a cell as JSON and CSV have it: decimals as text, which no reader rounds."""
    return decimal_text(cell) if isinstance(cell, Decimal) else cell
