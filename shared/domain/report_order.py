"""In which order rows are told, and where a page of them begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from shared.domain.report_dimensions import Key

_T = TypeVar("_T")

SortValue = Decimal | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort:
    """By which column rows are sorted; those that are equal there, by their keys."""

    column: str
    descending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """The last row of a page: its key, and where rows are sorted otherwise, what they are sorted by."""

    key: Key
    value: SortValue | None = None


def sort_value(cell: str | int | Decimal | None) -> SortValue:
    """Return what a cell is sorted by. What is not known comes before nothing."""
    if isinstance(cell, str):
        return cell
    return Decimal(-1) if cell is None else Decimal(cell)


def ranked(keys: Iterable[Key], sort: Sort | None, value_of: Callable[[Key], SortValue]) -> list[Key]:
    """Return keys in order."""
    in_order = sorted(keys)
    if sort is not None:
        # A stable sort: the keys decide between equals, in whichever direction it goes.
        in_order.sort(key=value_of, reverse=sort.descending)
    return in_order


def rows_after(
    keys: list[Key], cursor: Cursor | None, sort: Sort | None, value_of: Callable[[Key], SortValue]
) -> list[Key]:
    """Return the keys behind a cursor: also where rows have moved, come or gone since."""
    if cursor is None:
        return keys
    if sort is None or cursor.value is None:
        return [key for key in keys if key > cursor.key]
    return [key for key in keys if _is_behind(value_of(key), key, cursor.value, cursor.key, sort)]


def _is_behind(value: SortValue, key: Key, last: SortValue, last_key: Key, sort: Sort) -> bool:
    if value == last:
        return key > last_key
    if isinstance(value, str) or isinstance(last, str):
        return (str(value) < str(last)) if sort.descending else (str(value) > str(last))
    return value < last if sort.descending else value > last
