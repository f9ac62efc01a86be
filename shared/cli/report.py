"""`report`: who used what, read from the tables with whatever opens them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from shared.adapters.parquet_format import ParquetFormat
from shared.adapters.system_clock import SystemClock
from shared.bootstrap.rolling_up import open_rollups
from shared.cli.console import print_json, run
from shared.domain.errors import MalformedRequest
from shared.domain.principal import Principal
from shared.domain.report_dimensions import Dimension
from shared.domain.usage_report import PERCENTILE_COLUMNS, SHARE_COLUMN, Cell, UsageReport
from shared.settings import storage_settings
from shared.usecases.query_usage import READ_ALL_ROLE, UsageQuery
from shared.web.usage_formats import csv_report, parquet_report, report_body
from shared.web.usage_parameters import parse_query

# Whoever may read the tables may read all of them.
_OPERATOR = Principal.from_name("operator", roles=frozenset({READ_ALL_ROLE}))
_ALL_ROWS = 1_000_000

# What people look for; JSON has every column.
_HEADINGS = {
    "calls_failed": "failed",
    "prompt_tokens": "prompt",
    "completion_tokens": "completion",
    "cached_tokens": "cached",
    "reasoning_tokens": "reasoning",
    "total_tokens": "total",
    "cost_usd": "cost (USD)",
    "calls_unpriced": "unpriced",
    "provisioned_tokens": "provisioned",
    SHARE_COLUMN: "share",
    "previous_calls": "calls before",
    "previous_total_tokens": "total before",
    "previous_cost_usd": "cost before",
}
_HIDDEN = frozenset(
    {"tenant_id", "object_id", "principal_name", "principal_kind", "calls_estimated", "calls_uncounted"}
)
_IF_ANY = frozenset(
    {"calls_failed", "cached_tokens", "reasoning_tokens", "cost_usd", "calls_unpriced", "provisioned_tokens"}
)
# The row of those that `--top` leaves out, in whichever column stands first.
_OTHERS: dict[str, Cell] = dict.fromkeys(("object_id", *(dimension.value for dimension in Dimension)), "(others)")
_ID_SHOWN = 8
_TEXT_WIDTH = 12


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
    made = run(_report(_query(asked)))
    _print(made, Format.JSON if as_json else format_)


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
        return await rollups.query_usage()(query, _OPERATOR)


def _print(made: UsageReport, format_: Format) -> None:
    match format_:
        case Format.TABLE:
            Console().print(_table(made))
        case Format.JSON:
            print_json(report_body(made, None))
        case Format.CSV:
            sys.stdout.buffer.write(csv_report(made))
        case Format.PARQUET:
            sys.stdout.buffer.write(parquet_report(made, ParquetFormat()))


def _table(made: UsageReport) -> Table:
    period = f"{made.span.begun_from:%Y-%m-%d %H:%M} to {made.span.begun_before:%Y-%m-%d %H:%M} UTC"
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=f"usage from {period}", title_justify="left", show_footer=True)
    rows = [dict(zip(made.columns, made.cells(row), strict=True)) for row in made.rows]
    sums = made.sums(made.totals, made.previous)
    if made.others:
        blank: dict[str, Cell] = dict.fromkeys(made.columns, "")
        rows.append(blank | made.sums(made.others.totals, made.others.previous) | _OTHERS)
    if Dimension.PRINCIPAL in made.shape.by:
        rows = [{"principal": _principal(cells), **cells} for cells in rows]
        table.add_column("principal", overflow="fold", min_width=_TEXT_WIDTH)
    for column in (columns := _shown(made)):
        heading = _HEADINGS.get(column, column.removesuffix("_ms"))
        if column in sums:
            table.add_column(heading, _cell(column, sums[column]), justify="right", no_wrap=True)
        elif column == SHARE_COLUMN or column in PERCENTILE_COLUMNS:
            table.add_column(heading, justify="right", no_wrap=True)
        else:
            table.add_column(column, overflow="fold", min_width=_TEXT_WIDTH)
    for cells in rows:
        shown = (["principal"] if Dimension.PRINCIPAL in made.shape.by else []) + columns
        table.add_row(*(_cell(column, cells[column]) for column in shown))
    return table


def _shown(made: UsageReport) -> list[str]:
    """Return the columns for people, without those of which there is nothing to say."""
    nothing = {column for column in _IF_ANY if not getattr(made.totals, column)}
    if made.totals.cost_usd is None:
        nothing.add("calls_unpriced")
    if not made.totals.provisioned_tokens:
        nothing.add(SHARE_COLUMN)
    return [column for column in made.columns if column not in _HIDDEN | nothing]


def _principal(cells: Mapping[str, Cell]) -> str:
    """Return a principal's name, and as much of its id as tells it from another of that name."""
    name, object_id = str(cells["principal_name"]), str(cells["object_id"])
    if name in {"", object_id}:
        return object_id
    return f"{name} ({object_id[:_ID_SHOWN]})"


def _cell(column: str, value: Cell) -> str:
    match value:
        case None | "":
            return "-"
        case str():
            return escape(value)
        case Decimal() if column == SHARE_COLUMN:
            return f"{value:.1%}"
        case Decimal():
            return f"{value:,.4f}"
        case int():
            return f"{value:,}"
