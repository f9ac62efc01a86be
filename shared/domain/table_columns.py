"""Tables that leave the ledger as files: typed columns, and rows of plain values in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class ColumnType(StrEnum):
    """What a column holds, where it holds anything. A reader may rely on it: it never changes."""

    TEXT = "text"
    WHOLE = "whole"  # 64 bits
    DECIMAL = "decimal"  # exact: up to 20 digits before the point and 18 behind it
    TIME = "time"  # aware UTC, to the microsecond
    SECOND = "second"  # the same, of whole seconds
    TRUTH = "truth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its name and what it holds. `required` says that it has a value in every row."""

    name: str
    type: ColumnType
    required: bool = False


# The digits of a DECIMAL. A cost needs 18 behind the point (a price of 12 decimals for a million
# tokens) and 20 before it; together they are what 128 bits hold.
DECIMAL_DIGITS = 38
DECIMAL_PLACES = 18

# Nothing that is not known is a value: it is None.
Cell = str | int | bool | Decimal | datetime | None
Row = tuple[Cell, ...]
Rows = Sequence[Row]
