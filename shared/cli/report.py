"""`report`: who used what, read from the tables with whatever opens them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Table

from shared.adapters.parquet_format import ParquetFormat
from shared.adapters.system_clock import SystemClock
from shared.bootstrap.rolling_up import open_rollups
from shared.cli.console import print_json, run
from shared.cli.options import OPERATOR
from shared.cli.tables import console
from shared.cli.usage_table import trends_of, usage_table
from shared.domain.csv_format import CsvFormat
from shared.domain.errors import MalformedRequest
from shared.domain.report_dimensions import Dimension
from shared.domain.usage_report import Arrangement, Cell, UsageReport
from shared.settings import storage_settings
from shared.usecases.query_usage import UsageQuery
from shared.web.usage_formats import report_body, table_report
from shared.web.usage_parameters import parse_query

_ALL_ROWS = 1_000_000

# The row of those that `--top` leaves out, in whichever column stands first.
_OTHERS: dict[str, Cell] = dict.fromkeys(("object_id", *(dimension.value for dimension in Dimension)), "(others)")
# Rows that are of a time tell the trend themselves.
_BY_TIME = frozenset({Dimension.HOUR, Dimension.DAY, Dimension.MONTH})


class Format(StrEnum):
    """What a report is printed as."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


def report(
    by: Annotated[
        str,
        typer.Option(
            help="principal, label, deployment, model, operation, outcome, hour, day, month; separated by commas."
        ),
    ] = "principal",
    begun_from: Annotated[str | None, typer.Option("--from", help="From when, in UTC (default: this month).")] = None,
    begun_before: Annotated[str | None, typer.Option("--to", help="Until when, in UTC (default: now).")] = None,
    principal: Annotated[str | None, typer.Option(help="Only this one: tenant/object id.")] = None,
    deployment: Annotated[list[str] | None, typer.Option(help="Only these; may be repeated, as those below.")] = None,
    model: Annotated[list[str] | None, typer.Option()] = None,
    operation: Annotated[list[str] | None, typer.Option()] = None,
    outcome: Annotated[list[str] | None, typer.Option()] = None,
    label: Annotated[list[str] | None, typer.Option()] = None,
    sort: Annotated[str | None, typer.Option(help="A column, with - before it from the most.")] = None,
    top: Annotated[int | None, typer.Option(help="Only so many rows, and the others in one.")] = None,
    compare: Annotated[str | None, typer.Option(help="previous: beside the time before.")] = None,
    percentiles: Annotated[bool, typer.Option("--percentiles", help="How long calls took.")] = False,
    format_: Annotated[Format, typer.Option("--format", help="What to print.")] = Format.TABLE,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Print who used how many tokens."""
    asked = {
        "by": by,
        "from": begun_from,
        "to": begun_before,
        "principal": principal,
        "deployment": deployment,
        "model": model,
        "operation": operation,
        "outcome": outcome,
        "label": label,
        "sort": sort,
        "top": top,
        "compare": compare,
        "percentiles": "true" if percentiles else None,
    }
    _print(_query(asked), Format.JSON if as_json else format_)


def _query(asked: Mapping[str, str | int | list[str] | None]) -> UsageQuery:
    parameters = {
        name: value if isinstance(value, list) else [str(value)] for name, value in asked.items() if value is not None
    }
    try:
        query = parse_query(parameters, SystemClock().now())
    except MalformedRequest as error:
        raise typer.BadParameter(str(error)) from error
    return replace(query, arrangement=replace(query.arrangement, limit=_ALL_ROWS))


async def _report(query: UsageQuery) -> UsageReport:
    async with open_rollups(storage_settings()) as rollups:
        return await rollups.query_usage()(query, OPERATOR)


async def _report_with_trend(query: UsageQuery) -> tuple[UsageReport, UsageReport | None]:
    """Return the report, and all of the same by day, where that says more."""
    made = await _report(query)
    if _BY_TIME & set(query.shape.by) or query.span.begun_before - query.span.begun_from <= timedelta(days=1):
        return made, None
    shape = replace(query.shape, by=(*query.shape.by, Dimension.DAY), percentiles=False, compared=False)
    return made, await _report(replace(query, shape=shape, arrangement=Arrangement(limit=_ALL_ROWS)))


def _print(query: UsageQuery, format_: Format) -> None:
    match format_:
        case Format.TABLE:
            made, by_day = run(_report_with_trend(query))
            out = console()
            out.print(_table(made, by_day, out.width))
        case Format.JSON:
            print_json(report_body(run(_report(query)), None))
        case Format.CSV:
            sys.stdout.buffer.write(table_report(run(_report(query)), CsvFormat()))
        case Format.PARQUET:
            sys.stdout.buffer.write(table_report(run(_report(query)), ParquetFormat()))


def _table(made: UsageReport, by_day: UsageReport | None, width: int) -> Table:
    span, sums, rows = made.span, made.sums(made.totals, made.previous), _rows(made)
    if made.others:
        blank: dict[str, Cell] = dict.fromkeys(made.columns, "")
        rows.append(blank | made.sums(made.others.totals, made.others.previous) | _OTHERS)
    last = span.begun_before - timedelta(microseconds=1)
    trends = trends_of(made.columns, sums, _rows(by_day), span.begun_from, last) if by_day else None
    title = f"usage from {span.begun_from:%Y-%m-%d %H:%M} to {span.begun_before:%Y-%m-%d %H:%M} UTC"
    return usage_table(made.columns, rows, sums, width=width, title=title, trends=trends)


def _rows(made: UsageReport) -> list[dict[str, Cell]]:
    return [dict(zip(made.columns, made.cells(row), strict=True)) for row in made.rows]
