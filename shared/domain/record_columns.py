"""A usage record as people and scripts are told it: the columns of the table `usage`, by name."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from shared.domain.pricing import decimal_text
from shared.domain.usage_record import UsageRecord
from shared.domain.usage_row import USAGE_COLUMNS, usage_row

Cell = str | int | bool | datetime | None


def record_columns(record: UsageRecord) -> dict[str, Cell]:
    """Return every column, None where it is not known. Money is text, which no reader rounds."""
    cells = zip(USAGE_COLUMNS, usage_row(record), strict=True)
    return {column.name: decimal_text(cell) if isinstance(cell, Decimal) else cell for column, cell in cells}
