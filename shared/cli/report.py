"""`report`: who used what, read from the tables with whatever opens them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from shared.adapters.system_clock import SystemClock
from shared.adapters.table_service import open_tables
from shared.adapters.table_usage_records import TableUsageRecords
from shared.cli.console import print_json, run
from shared.domain.errors import MalformedRequest
from shared.domain.principal import Principal
from shared.domain.usage_report import SHARE_COLUMN, Cell, Dimension, UsageReport, UsageTotals
from shared.settings import storage_settings
from shared.usecases.query_usage import READ_ALL_ROLE, QueryUsage, UsageQuery
from shared.web.usage import parse_query, report_body

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
}
_HIDDEN = frozenset(
    {"tenant_id", "object_id", "principal_name", "principal_kind", "calls_estimated", "calls_uncounted"}
)
_IF_ANY = frozenset(
    {"calls_failed", "cached_tokens", "reasoning_tokens", "cost_usd", "calls_unpriced", "provisioned_tokens"}
)
_ID_SHOWN = 8
_TEXT_WIDTH = 12


def report(
    by: Annotated[str, typer.Option(help="principal, deployment, model, operation, day; separated by commas.")] = (
        "principal"
    ),
    begun_from: Annotated[str | None, typer.Option("--from", help="From when, in UTC (default: this month).")] = None,
    begun_before: Annotated[str | None, typer.Option("--to", help="Until when, in UTC (default: now).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Print who used how many tokens."""
    made = run(_report(_query(by, begun_from, begun_before)))
    if as_json:
        print_json(report_body(made, None))
        return
    Console().print(_table(made))


def _query(by: str, begun_from: str | None, begun_before: str | None) -> UsageQuery:
    asked = {"by": by, "from": begun_from, "to": begun_before}
    parameters = {name: text for name, text in asked.items() if text is not None}
    try:
        return replace(parse_query(parameters, SystemClock().now()), limit=_ALL_ROWS)
    except MalformedRequest as error:
        raise typer.BadParameter(str(error)) from error


async def _report(query: UsageQuery) -> UsageReport:
    async with open_tables(storage_settings()) as tables:
        return await QueryUsage(TableUsageRecords(tables))(query, _OPERATOR)


def _table(made: UsageReport) -> Table:
    period = f"{made.begun_from:%Y-%m-%d %H:%M} to {made.begun_before:%Y-%m-%d %H:%M} UTC"
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=f"usage from {period}", title_justify="left", show_footer=True)
    rows = [dict(zip(made.columns, made.cells(row), strict=True)) for row in made.rows]
    if Dimension.PRINCIPAL in made.by:
        rows = [{"principal": _principal(cells), **cells} for cells in rows]
        table.add_column("principal", overflow="fold", min_width=_TEXT_WIDTH)
    for column in (columns := _shown(made)):
        if column in UsageTotals.__slots__:
            total = _cell(column, getattr(made.totals, column))
            table.add_column(_HEADINGS.get(column, column), total, justify="right", no_wrap=True)
        elif column == SHARE_COLUMN:
            table.add_column(_HEADINGS[column], justify="right", no_wrap=True)
        else:
            table.add_column(column, overflow="fold", min_width=_TEXT_WIDTH)
    for cells in rows:
        shown = (["principal"] if Dimension.PRINCIPAL in made.by else []) + columns
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
