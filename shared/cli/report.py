"""`report`: who used what, read from the tables with whatever opens them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import typer
from rich.table import Table

from shared.adapters.system_clock import SystemClock
from shared.adapters.table_service import open_tables
from shared.adapters.table_usage_records import TableUsageRecords
from shared.cli.console import print_json, run
from shared.cli.options import OPERATOR
from shared.cli.tables import console
from shared.cli.usage_table import trends_of, usage_table
from shared.domain.errors import MalformedRequest
from shared.domain.usage_report import TOTAL_COLUMNS, Cell, Dimension, UsageReport
from shared.settings import storage_settings
from shared.usecases.query_usage import QueryUsage, UsageQuery
from shared.web.usage import parse_query, report_body

_ALL_ROWS = 1_000_000


def report(
    by: Annotated[str, typer.Option(help="principal, deployment, model, operation, day; separated by commas.")] = (
        "principal"
    ),
    begun_from: Annotated[str | None, typer.Option("--from", help="From when, in UTC (default: this month).")] = None,
    begun_before: Annotated[str | None, typer.Option("--to", help="Until when, in UTC (default: now).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Print who used how many tokens."""
    query = _query(by, begun_from, begun_before)
    if as_json:
        print_json(report_body(run(_report(query)), None))
        return
    made, by_day = run(_report_with_trend(query))
    out = console()
    out.print(_table(made, by_day, out.width))


def _query(by: str, begun_from: str | None, begun_before: str | None) -> UsageQuery:
    asked = {"by": by, "from": begun_from, "to": begun_before}
    parameters = {name: text for name, text in asked.items() if text is not None}
    try:
        return replace(parse_query(parameters, SystemClock().now()), limit=_ALL_ROWS)
    except MalformedRequest as error:
        raise typer.BadParameter(str(error)) from error


async def _report(query: UsageQuery) -> UsageReport:
    async with open_tables(storage_settings()) as tables:
        return await QueryUsage(TableUsageRecords(tables))(query, OPERATOR)


async def _report_with_trend(query: UsageQuery) -> tuple[UsageReport, UsageReport | None]:
    """Return the report, and the same by day, where that says more."""
    made = await _report(query)
    if Dimension.DAY in query.by or query.begun_before - query.begun_from <= timedelta(days=1):
        return made, None
    return made, await _report(replace(query, by=(*query.by, Dimension.DAY)))


def _table(made: UsageReport, by_day: UsageReport | None, width: int) -> Table:
    period = f"{made.begun_from:%Y-%m-%d %H:%M} to {made.begun_before:%Y-%m-%d %H:%M} UTC"
    sums: dict[str, Cell] = {name: getattr(made.totals, name) for name in TOTAL_COLUMNS}
    last = made.begun_before - timedelta(microseconds=1)
    trends = trends_of(made.columns, sums, _rows(by_day), made.begun_from, last) if by_day else None
    return usage_table(made.columns, _rows(made), sums, width=width, title=f"usage from {period}", trends=trends)


def _rows(made: UsageReport) -> list[Mapping[str, Cell]]:
    return [dict(zip(made.columns, made.cells(row), strict=True)) for row in made.rows]
