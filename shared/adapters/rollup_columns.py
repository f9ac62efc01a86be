"""
Columns of the table `rollups`: the one place that knows their names.

A row is all that one principal used in a day or a month. Its sums are columns; what they are made of is the
JSON in `cells`, and beside it, cell by cell, what few readers want: `hours` and `durations`, compressed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from shared.adapters.text_columns import column_names, packed_columns, text_columns, text_of, unpacked
from shared.domain.duration_sketch import DurationSketch
from shared.domain.pricing import decimal_text
from shared.domain.rollup import Cell, CellKey, Rollup
from shared.domain.table_entity import Int64, TableEntity, Value, storable_text
from shared.domain.usage_keys import Owner, PrincipalDay
from shared.domain.usage_totals import TOTAL_COLUMNS, UsageTotals
from shared.ports.rollups import DayRollup, Detail, MonthRollup

ROLLUPS_TABLE = "rollups"

# A row holds 1 MiB: so many columns each, and no more are ever read.
_MOST_PARTS = 12
_DIGEST_BYTES = 16


class _Totals(msgspec.Struct, frozen=True, array_like=True):
    calls: int
    calls_failed: int
    calls_estimated: int
    calls_uncounted: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    total_tokens: int
    cost_usd: str | None
    calls_unpriced: int
    provisioned_tokens: int


class _Cell(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A cell as people read it: what is nothing is left out."""

    deployment: str = ""
    model: str = ""
    operation: str = ""
    outcome: str = ""
    label: str = ""
    calls: int = 0
    calls_failed: int = 0
    calls_estimated: int = 0
    calls_uncounted: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    total_tokens: int = 0
    cost_usd: str | None = None
    calls_unpriced: int = 0
    provisioned_tokens: int = 0


_Bins = list[tuple[int, int]]

_cells = msgspec.json.Decoder(list[_Cell]).decode
_hours = msgspec.json.Decoder(list[list[tuple[int, _Totals]]]).decode
_durations = msgspec.json.Decoder(list[tuple[_Bins, _Bins]]).decode
_settled = msgspec.json.Decoder(dict[date, str]).decode


def day_partition(day: date) -> str:
    """Return the partition of all principals' rollups of a day."""
    return day.isoformat()


def month_partition(month: date) -> str:
    """Return the partition of all principals' rollups of a month: it sorts before those of its days."""
    return f"{month:%Y-%m}"


def owner_row(owner: Owner) -> str:
    """Return the row key of a principal's rollup."""
    return f"{owner.tenant_id}_{owner.object_id}"


def wanted_columns(detail: Detail) -> tuple[str, ...]:
    """Return the columns of as much detail. The sums are for people: who reads cells adds those."""
    keys = ("PartitionKey", "RowKey", "folded_through", "digest", "principal_name", "principal_kind", "named_by")
    columns = (*keys, *column_names("days", 1), *column_names("cells", _MOST_PARTS))
    if detail.hours:
        columns += column_names("hours", _MOST_PARTS)
    if detail.sketches:
        columns += column_names("durations", _MOST_PARTS)
    return columns


def day_rollup_entity(day: DayRollup) -> TableEntity:
    """Return the rollup of a principal's day as a row."""
    properties = _properties(day.rollup) | {"folded_through": day.folded_through}
    return _entity(day_partition(day.whose.day), day.whose.owner, properties)


def month_rollup_entity(month: MonthRollup) -> TableEntity:
    """Return the rollup of a principal's month as a row."""
    days = {day.isoformat(): digest for day, digest in sorted(month.days.items())}
    properties = _properties(month.rollup) | {"days": _json(days)}
    return _entity(month_partition(month.month), month.owner, properties)


def day_rollup(row: Mapping[str, Any], version: str, detail: Detail) -> DayRollup:
    """Return a row as the rollup it is. Raises ValueError."""
    return DayRollup(
        whose=PrincipalDay(date.fromisoformat(row["PartitionKey"]), _owner(row)),
        rollup=_rollup(row, detail),
        folded_through=row.get("folded_through", ""),
        digest=row.get("digest", ""),
        version=version,
    )


def month_rollup(row: Mapping[str, Any], version: str, detail: Detail) -> MonthRollup:
    """Return a row as the rollup it is. Raises ValueError."""
    return MonthRollup(
        month=date.fromisoformat(f"{row['PartitionKey']}-01"),
        owner=_owner(row),
        rollup=_rollup(row, detail),
        days=_settled(text_of(row, "days") or "{}"),
        version=version,
    )


def digest_of(rollup: Rollup) -> str:
    """Return a name for what a rollup holds: the same for the same, another for another."""
    return str(_properties(rollup)["digest"])


def _owner(row: Mapping[str, Any]) -> Owner:
    tenant_id, object_id = row["RowKey"].split("_")
    return Owner(tenant_id, object_id)


def _entity(partition: str, owner: Owner, properties: Mapping[str, Value]) -> TableEntity:
    own = {"tenant_id": owner.tenant_id, "object_id": owner.object_id}
    return TableEntity(partition_key=partition, row_key=owner_row(owner), properties=own | dict(properties))


def _properties(rollup: Rollup) -> dict[str, Value]:
    ordered = sorted(rollup.cells.items())
    cells = _json([_stored_cell(key, cell) for key, cell in ordered])
    hours = msgspec.json.encode([_stored_hours(cell) for _, cell in ordered])
    durations = msgspec.json.encode([(_bins(cell.latency), _bins(cell.first_chunk)) for _, cell in ordered])
    name = storable_text(rollup.principal_name)
    named = {"principal_name": name, "principal_kind": rollup.principal_kind, "named_by": rollup.named_by}
    content = "\0".join([cells, *named.values()]).encode() + hours + durations
    properties: dict[str, Value] = {
        **named,
        **_sums(rollup.totals()),
        **text_columns("cells", cells),
        "digest": hashlib.blake2b(content, digest_size=_DIGEST_BYTES).hexdigest(),
    }
    properties |= packed_columns("hours", hours)
    properties |= packed_columns("durations", durations)
    return properties


def _sums(totals: UsageTotals) -> dict[str, Value]:
    sums: dict[str, Value] = {}
    for name in TOTAL_COLUMNS:
        value = getattr(totals, name)
        if value is not None:
            sums[name] = decimal_text(value) if isinstance(value, Decimal) else Int64(value)
    return sums


def _stored_cell(key: CellKey, cell: Cell) -> _Cell:
    return _Cell(**key._asdict(), **_values(cell.totals))


def _stored_hours(cell: Cell) -> list[tuple[int, _Totals]]:
    return [(hour, _Totals(**_values(totals))) for hour, totals in sorted(cell.hours.items())]


def _values(totals: UsageTotals) -> dict[str, Any]:
    values = {name: getattr(totals, name) for name in TOTAL_COLUMNS}
    cost = totals.cost_usd
    return values | {"cost_usd": decimal_text(cost) if cost is not None else None}


def _bins(sketch: DurationSketch) -> _Bins:
    return sorted(sketch.items())


def _rollup(row: Mapping[str, Any], detail: Detail) -> Rollup:
    stored = _cells(text_of(row, "cells") or "[]")
    hours = _hours(unpacked(row, "hours") or b"[]") if detail.hours else []
    durations = _durations(unpacked(row, "durations") or b"[]") if detail.sketches else []
    rollup = Rollup(
        named_by=row.get("named_by", ""),
        principal_name=row.get("principal_name", ""),
        principal_kind=row.get("principal_kind", ""),
    )
    for number, of_cell in enumerate(stored):
        cell = rollup.cells[_cell_key(of_cell)] = Cell(totals=_totals(of_cell))
        if hours:
            cell.hours = {hour: _totals(of_hour) for hour, of_hour in hours[number]}
        if durations:
            cell.latency, cell.first_chunk = map(_sketch, durations[number])
    return rollup


def _cell_key(cell: _Cell) -> CellKey:
    return CellKey(cell.deployment, cell.model, cell.operation, cell.outcome, cell.label)


def _totals(stored: _Cell | _Totals) -> UsageTotals:
    return UsageTotals(
        calls=stored.calls,
        calls_failed=stored.calls_failed,
        calls_estimated=stored.calls_estimated,
        calls_uncounted=stored.calls_uncounted,
        prompt_tokens=stored.prompt_tokens,
        completion_tokens=stored.completion_tokens,
        cached_tokens=stored.cached_tokens,
        reasoning_tokens=stored.reasoning_tokens,
        total_tokens=stored.total_tokens,
        cost_usd=Decimal(stored.cost_usd) if stored.cost_usd is not None else None,
        calls_unpriced=stored.calls_unpriced,
        provisioned_tokens=stored.provisioned_tokens,
    )


def _sketch(bins: Iterable[tuple[int, int]]) -> DurationSketch:
    return DurationSketch(dict(bins))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
