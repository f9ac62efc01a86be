"""A usage report as a table for people, with the trend of each row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from rich.table import Table

from shared.cli.sparkline import sparklines
from shared.cli.tables import Column, table
from shared.cli.text import UNKNOWN, dollars, harmless, principal_of
from shared.domain.usage_report import SHARE_COLUMN, Cell

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
    "latency_p50_ms": "p50 ms",
    "latency_p95_ms": "p95 ms",
    "latency_p99_ms": "p99 ms",
    "first_chunk_p50_ms": "first p50",
    "first_chunk_p95_ms": "first p95",
    "first_chunk_p99_ms": "first p99",
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
# What goes first where there is no room. What is not named here is told to the end, as what was asked for is.
_RANKS = {
    "calls_unpriced": 9,
    "reasoning_tokens": 8,
    "cached_tokens": 7,
    "calls_failed": 6,
    "provisioned_tokens": 5,
    "completion_tokens": 4,
    "prompt_tokens": 3,
    "first_chunk_p99_ms": 2,
    "first_chunk_p95_ms": 2,
    "first_chunk_p50_ms": 2,
    "cost_usd": 1,
}
_TREND_RANK = 2

Row = Mapping[str, Cell]
Trends = Mapping[tuple[Cell, ...], str]


def usage_table(
    columns: Sequence[str], rows: Sequence[Row], sums: Row, *, width: int, title: str, trends: Trends | None = None
) -> Table:
    """
    Return a report, whose columns these are, as a table; `sums` are of all rows and stand below.

    `trends` are by the cells of a row that name it; see `trends_of`. What there is nothing to say of has no column.
    """
    shown = [_column(name, rows, sums) for name in columns if name not in _hidden(sums)]
    if "object_id" in columns:
        cells = [principal_of(_text(row.get("principal_name")), str(row["object_id"])) for row in rows]
        shown.insert(0, Column(heading="principal", cells=cells, may_shrink=True))
    if trends is not None:
        names = _naming(columns, sums)
        cells = [trends.get(tuple(row[name] for name in names), "") for row in rows]
        shown.append(Column(heading="trend", cells=cells, rank=_TREND_RANK))
    return table(shown, width, title, has_edge=True)


def trends_of(columns: Sequence[str], sums: Row, rows: Iterable[Row], begun_from: datetime, last: datetime) -> Trends:
    """
    Return the trend of the total tokens of each row of a report, from the rows of the same report by day.

    Bars of different rows can be compared: all begin with the first day of which there is anything. `columns` and
    `sums` are those of the report without days.
    """
    names = _naming(columns, sums)
    totals: defaultdict[tuple[Cell, ...], dict[str, int]] = defaultdict(dict)
    for row in rows:
        totals[tuple(row[name] for name in names)][str(row["day"])] = int(row["total_tokens"] or 0)
    first = min((day for by_day in totals.values() for day in by_day), default="")
    days = [day.isoformat() for day in _days(begun_from.date(), last.date()) if day.isoformat() >= first]
    lines = sparklines([[by_day.get(day, 0) for day in days] for by_day in totals.values()])
    return dict(zip(totals, lines, strict=True))


def _days(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def _naming(columns: Sequence[str], sums: Row) -> list[str]:
    """Return the columns that name a row, and not those that count."""
    labels = {"principal_name", "principal_kind", SHARE_COLUMN}
    return [name for name in columns if name not in sums and name not in labels and not name.endswith("_ms")]


def _hidden(sums: Row) -> set[str]:
    """Return the columns of which there is nothing to say."""
    nothing = {name for name in _IF_ANY if not sums.get(name)}
    if sums.get("cost_usd") is None:
        nothing.add("calls_unpriced")
    if not sums.get("provisioned_tokens"):
        nothing.add(SHARE_COLUMN)
    return nothing | _HIDDEN


def _column(name: str, rows: Sequence[Row], sums: Row) -> Column:
    is_number = name in sums or name == SHARE_COLUMN or name.endswith("_ms")
    return Column(
        heading=_HEADINGS.get(name, name.removesuffix("_ms")),
        cells=[_cell(name, row[name]) for row in rows],
        rank=_RANKS.get(name, 0),
        is_number=is_number,
        may_shrink=not is_number,
        footer=_cell(name, sums[name]) if name in sums else "",
    )


def _text(cell: Cell) -> str | None:
    return cell if isinstance(cell, str) else None


def _cell(name: str, value: Cell) -> str:
    match value:
        case None | "":
            return UNKNOWN
        case str():
            return harmless(value)
        case Decimal() if name == SHARE_COLUMN:
            return f"{value:.1%}"
        case Decimal():
            return dollars(value)
        case int():
            return f"{value:,}"
