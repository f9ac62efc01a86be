"""What a report can be broken down by, and narrowed to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.rollup import CellKey
from shared.domain.usage_keys import Owner


class Dimension(StrEnum):
    """What a report can be broken down by."""

    PRINCIPAL = "principal"
    LABEL = "label"
    DEPLOYMENT = "deployment"
    MODEL = "model"
    OPERATION = "operation"
    OUTCOME = "outcome"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


# What a dimension shows. A principal is (tenant, object id); the rest is for people to read.
_KEY_COLUMNS = {Dimension.PRINCIPAL: ("tenant_id", "object_id")}
_LABEL_COLUMNS = {Dimension.PRINCIPAL: ("principal_name", "principal_kind")}

_MONTH_LENGTH = len("2026-11")
_DAY_LENGTH = len("2026-11-05")

Key = tuple[str, ...]


def key_columns(by: tuple[Dimension, ...]) -> tuple[str, ...]:
    """Return the columns that together name a row."""
    return tuple(column for dimension in by for column in _KEY_COLUMNS.get(dimension, (dimension.value,)))


def label_columns(by: tuple[Dimension, ...]) -> tuple[str, ...]:
    """Return the columns that tell people what a key means."""
    return tuple(column for dimension in by for column in _LABEL_COLUMNS.get(dimension, ()))


def key_of(by: tuple[Dimension, ...], owner: Owner, period: str, cell: CellKey) -> Key:
    """Return the key of the row that a cell is counted in. `period` is an hour, a day or a month, as far as asked."""
    return tuple(value for dimension in by for value in _values(dimension, owner, period, cell))


def hour_period(day: str, hour: int) -> str:
    """Return an hour of a day (2026-11-05) as reports have it: when it began, 2026-11-05T09:00:00Z."""
    return f"{day}T{hour:02}:00:00Z"


def _values(dimension: Dimension, owner: Owner, period: str, cell: CellKey) -> tuple[str, ...]:
    match dimension:
        case Dimension.PRINCIPAL:
            return owner
        case Dimension.HOUR:
            return (period,)
        case Dimension.DAY:
            return (period[:_DAY_LENGTH],)
        case Dimension.MONTH:
            return (period[:_MONTH_LENGTH],)
        case _:
            value: str = getattr(cell, dimension.value)
            return (value,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What calls are counted: of each, any of these; none are all."""

    deployment: frozenset[str] = frozenset()
    model: frozenset[str] = frozenset()
    operation: frozenset[str] = frozenset()
    outcome: frozenset[str] = frozenset()
    label: frozenset[str] = frozenset()

    def admit(self, cell: CellKey) -> bool:
        """Return whether calls of a cell are counted."""
        return self == NO_FILTERS or all(not wanted or value in wanted for wanted, value in self._pairs(cell))

    def _pairs(self, cell: CellKey) -> Iterator[tuple[frozenset[str], str]]:
        yield self.deployment, cell.deployment
        yield self.model, cell.model
        yield self.operation, cell.operation
        yield self.outcome, cell.outcome
        yield self.label, cell.label


NO_FILTERS = Filters()
