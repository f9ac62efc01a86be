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
from shared.domain.rollup import OF_NOTHING_IN_PARTICULAR, Cell, CellKey, Rollup
from shared.domain.table_entity import Int64, TableEntity, Value, storable_text
from shared.domain.usage_keys import Owner, PrincipalDay
from shared.domain.usage_totals import TOTAL_COLUMNS, UsageTotals
from shared.ports.rollups import DayRollup, Detail, MonthRollup

ROLLUPS_TABLE = "rollups"

# A row holds 1 MiB: so many columns each, and no more are ever read.
_MOST_PARTS = 12
_DIGEST_BYTES = 16
# As many as a column holds. One that is left out has its day folded anew, once.
_MOST_NOTES = 900
_ALWAYS = (
    "PartitionKey",
    "RowKey",
    "folded_through",
    "folded_notes",
    "days",
    "digest",
    "principal_name",
    "principal_kind",
    "named_by",
)


class _StoredCell(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A cell as people read it: what is nothing is left out."""

    deployment: str = ""
    model: str = ""
    operation: str = ""
    outcome: str = ""
    label: str = ""
    totals: UsageTotals


_Bins = list[tuple[int, int]]

_cells = msgspec.json.Decoder(list[_StoredCell]).decode
_hours = msgspec.json.Decoder(list[list[tuple[int, UsageTotals]]]).decode
_durations = msgspec.json.Decoder(list[tuple[_Bins, _Bins]]).decode
_notes = msgspec.json.Decoder(frozenset[str]).decode
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
    """Return the columns of as much detail."""
    columns = _ALWAYS + (column_names("cells", _MOST_PARTS) if detail.cells else TOTAL_COLUMNS)
    if detail.hours:
        columns += column_names("hours", _MOST_PARTS)
    if detail.sketches:
        columns += column_names("durations", _MOST_PARTS)
    return columns


def day_rollup_entity(day: DayRollup) -> TableEntity:
    """Return the rollup of a principal's day as a row."""
    notes = _json(sorted(day.folded_notes)[:_MOST_NOTES])
    properties = _properties(day.rollup) | {"folded_through": day.folded_through, "folded_notes": notes}
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
        folded_notes=_notes(row.get("folded_notes", "[]")),
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


def _stored_cell(key: CellKey, cell: Cell) -> dict[str, object]:
    known = {name: value for name, value in key._asdict().items() if value}
    return {**known, "totals": _stored(cell.totals)}


def _stored_hours(cell: Cell) -> list[tuple[int, dict[str, int | str]]]:
    return [(hour, _stored(totals)) for hour, totals in sorted(cell.hours.items())]


def _stored(totals: UsageTotals) -> dict[str, int | str]:
    """Return sums as JSON has them; costs as text, which no reader rounds."""
    values = {name: value for name in TOTAL_COLUMNS if (value := getattr(totals, name))}
    return values | ({"cost_usd": decimal_text(totals.cost_usd)} if totals.cost_usd is not None else {})


def _bins(sketch: DurationSketch) -> _Bins:
    return sorted(sketch.items())


def _rollup(row: Mapping[str, Any], detail: Detail) -> Rollup:
    return Rollup(
        cells=_read_cells(row, detail) if detail.cells else {OF_NOTHING_IN_PARTICULAR: Cell(totals=_read_sums(row))},
        named_by=row.get("named_by", ""),
        principal_name=row.get("principal_name", ""),
        principal_kind=row.get("principal_kind", ""),
    )


def _read_sums(row: Mapping[str, Any]) -> UsageTotals:
    # The service writes 64-bit numbers as text.
    sums = {name: int(row[name]) for name in TOTAL_COLUMNS if name != "cost_usd" and name in row}
    return UsageTotals(**sums, cost_usd=Decimal(row["cost_usd"]) if "cost_usd" in row else None)


def _read_cells(row: Mapping[str, Any], detail: Detail) -> dict[CellKey, Cell]:
    stored = _cells(text_of(row, "cells") or "[]")
    hours = _hours(unpacked(row, "hours") or b"[]") if detail.hours else []
    durations = _durations(unpacked(row, "durations") or b"[]") if detail.sketches else []
    cells = {}
    for number, of_cell in enumerate(stored):
        cell = cells[_cell_key(of_cell)] = Cell(totals=of_cell.totals)
        if hours:
            cell.hours = dict(hours[number])
        if durations:
            cell.latency, cell.first_chunk = map(_sketch, durations[number])
    return cells


def _cell_key(cell: _StoredCell) -> CellKey:
    return CellKey(cell.deployment, cell.model, cell.operation, cell.outcome, cell.label)


def _sketch(bins: Iterable[tuple[int, int]]) -> DurationSketch:
    return DurationSketch(dict(bins))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
