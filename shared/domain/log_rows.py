"""A usage record as a row of a custom table of Log Analytics."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from shared.domain.pricing import decimal_text
from shared.domain.table_columns import ColumnType
from shared.domain.usage_record import UsageRecord
from shared.domain.usage_row import USAGE_COLUMNS, usage_row

LogValue = str | int | float | bool
# TenantId is a column of every table, and not ours.
# https://learn.microsoft.com/azure/azure-monitor/logs/log-standard-columns
_NAMES = {"tenant_id": "PrincipalTenantId", "object_id": "PrincipalObjectId"}
_TYPES = {
    ColumnType.TEXT: "string",
    ColumnType.WHOLE: "long",
    ColumnType.DECIMAL: "real",
    ColumnType.TIME: "datetime",
    ColumnType.TRUTH: "boolean",
}
_EXACT_COST = "CostUsdExact"


def _log_name(column: str) -> str:
    """Return how Log Analytics names a column: `call_id` is `CallId`."""
    return _NAMES.get(column) or "".join(word.capitalize() for word in column.split("_"))


# `TimeGenerated` is what queries go by; of one that is older than two days the service puts the time of its arrival
# there, and `BegunAt` stays. A custom table has no decimal: `CostUsd` is for sums, `CostUsdExact` for bills.
LOG_COLUMNS = {
    "TimeGenerated": "datetime",
    **{_log_name(column.name): _TYPES[column.type] for column in USAGE_COLUMNS},
    _EXACT_COST: "string",
}


def log_row(record: UsageRecord) -> dict[str, LogValue]:
    """Return a record as the API takes it; what is not known is not there."""
    cells = {column.name: cell for column, cell in zip(USAGE_COLUMNS, usage_row(record), strict=True)}
    row = {_log_name(name): _value(cell) for name, cell in cells.items() if cell is not None}
    if record.charge.cost_usd is not None:
        row[_EXACT_COST] = decimal_text(record.charge.cost_usd)
    return {"TimeGenerated": row["BegunAt"], **row}


def _value(cell: str | int | Decimal | datetime) -> LogValue:
    match cell:
        case Decimal():
            return float(cell)
        case datetime():
            return cell.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return cell
