"""A usage record as one flat row, in the columns of the table `usage`."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any

from shared.domain.pricing import decimal_text
from shared.domain.principal import Principal
from shared.domain.usage_record import Charge, CountAudit, OpenCall, TokenUsage, UsageRecord

Cell = str | int | bool | datetime | None

_AUDIT_PREFIX = "audit_"
# Where the column has another name than the field.
_RENAMED = {
    (Principal, "kind"): "principal_kind",
    (Principal, "name"): "principal_name",
    (TokenUsage, "source"): "usage_source",
    (TokenUsage, "method"): "usage_method",
}
# Roles are what a principal may do, and not who it is: no row has them.
_LEFT_OUT = frozenset({(Principal, "roles")})


def record_columns(record: UsageRecord) -> dict[str, Cell]:
    """Return every column, None where it is not known. Money is text, which no reader rounds."""
    call = record.call
    return {
        **_cells(OpenCall, call, nested=("principal",)),
        **_cells(Principal, call.principal),
        **_cells(UsageRecord, record, nested=("call", "usage", "charge", "audit")),
        **_cells(TokenUsage, record.usage),
        **_cells(Charge, record.charge),
        **{_AUDIT_PREFIX + name: cell for name, cell in _cells(CountAudit, record.audit).items()},
    }


def _cells(kind: type, value: object, *, nested: tuple[str, ...] = ()) -> dict[str, Cell]:
    """Return the fields of a value as cells; of a value that is None, each is None."""
    return {column: _cell(getattr(value, name, None)) for name, column in _columns(kind) if name not in nested}


@cache
def _columns(kind: type) -> list[tuple[str, str]]:
    """Return the fields of a class, each with its column."""
    names = [field.name for field in fields(kind)]
    return [(name, _RENAMED.get((kind, name), name)) for name in names if (kind, name) not in _LEFT_OUT]


def _cell(value: Any) -> Cell:
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, Enum):
        return str(value.value)
    return value  # type: ignore[no-any-return]  # what else the fields hold is a cell
