"""A rollup: what one principal used in a day or a month, by everything a report can be broken down by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from shared.domain.duration_sketch import DurationSketch
from shared.domain.principal import PrincipalKind
from shared.domain.usage_entry import UsageEntry
from shared.domain.usage_keys import row_hour
from shared.domain.usage_totals import UsageTotals

# Deployment names and labels are whatever callers send; with more cells a row would outgrow what a table takes.
MOST_CELLS = 200
# For what comes when there are as many, by all but the label.
_CELLS_WITHOUT_LABEL = 40
# What stands in a cell for values that have found no cell of their own.
OTHERS = "(others)"
_NO_KIND = frozenset({"", PrincipalKind.UNKNOWN.value})


class CellKey(NamedTuple):
    """What a cell is about. What is not known is empty."""

    deployment: str
    model: str
    operation: str
    outcome: str
    label: str


# Where the cells are not read, all sums are those of one.
OF_NOTHING_IN_PARTICULAR = CellKey("", "", "", "", "")


@dataclass(slots=True)
class Cell:
    """The sums of one cell. Only rollups of days know hours (of the day, in UTC)."""

    totals: UsageTotals = field(default_factory=UsageTotals)
    hours: dict[int, UsageTotals] = field(default_factory=dict)
    latency: DurationSketch = field(default_factory=DurationSketch)
    first_chunk: DurationSketch = field(default_factory=DurationSketch)

    def add(self, entry: UsageEntry) -> None:
        """Add one record."""
        self.totals.add(entry)
        hour = row_hour(entry.row_key)
        of_hour = self.hours.get(hour)
        if of_hour is None:
            of_hour = self.hours[hour] = UsageTotals()
        of_hour.add(entry)
        self.latency.add(entry.duration_ms)
        if entry.first_chunk_ms is not None:
            self.first_chunk.add(entry.first_chunk_ms)

    def merge(self, other: Cell) -> None:
        """Add another's sums, but for its hours: they are of another day."""
        self.totals.merge(other.totals)
        self.latency.merge(other.latency)
        self.first_chunk.merge(other.first_chunk)


@dataclass(slots=True)
class Rollup:
    """
    Cells, and what the principal was called last by who proved it (`named_by` is the row key of that call).

    It is the same whenever the same records are added in the order of their keys, at once or in parts: also
    where there are more kinds of calls than cells, and which calls share the cell of the others depends on
    who came first.
    """

    cells: dict[CellKey, Cell] = field(default_factory=dict)
    named_by: str = ""
    principal_name: str = ""
    principal_kind: str = ""

    @classmethod
    def of(cls, entries: Iterable[UsageEntry]) -> Rollup:
        """Return the rollup of records in the order of their keys."""
        rollup = cls()
        for entry in entries:
            rollup.add(entry)
        return rollup

    def add(self, entry: UsageEntry) -> None:
        """Add the next record."""
        self._cell(_cell_key(entry)).add(entry)
        self._be_named_by(entry)

    def add_to_sums(self, entry: UsageEntry) -> None:
        """Add the next record where nobody asks what it was for, when, and how long it took."""
        self.cells.setdefault(OF_NOTHING_IN_PARTICULAR, Cell()).totals.add(entry)
        self._be_named_by(entry)

    def merge(self, other: Rollup) -> None:
        """Add the rollup of another day, the next in time. Hours are left behind."""
        for key, cell in other.cells.items():
            self._cell(key).merge(cell)
        self.be_named_as(other)

    def be_named_as(self, other: Rollup) -> None:
        """Take the name of another's, if it is newer."""
        if naming_rank(other.principal_kind, other.named_by) > naming_rank(self.principal_kind, self.named_by):
            self.named_by = other.named_by
            self.principal_name, self.principal_kind = other.principal_name, other.principal_kind

    def within_hours(self, hours: range) -> Rollup:
        """Return what was used in these hours of the day, without sketches: those are of whole days."""
        part = Rollup()
        part.be_named_as(self)
        for key, cell in self.cells.items():
            inside = {hour: totals for hour, totals in cell.hours.items() if hour in hours}
            if inside:
                part.cells[key] = of_hours = Cell(hours=inside)
                for totals in inside.values():
                    of_hours.totals.merge(totals)
        return part

    def totals(self) -> UsageTotals:
        """Return the sums over all cells."""
        totals = UsageTotals()
        for cell in self.cells.values():
            totals.merge(cell.totals)
        return totals

    def _be_named_by(self, entry: UsageEntry) -> None:
        kind = entry.principal_kind.value
        if naming_rank(kind, entry.row_key) >= naming_rank(self.principal_kind, self.named_by):
            self.named_by = entry.row_key
            self.principal_name = entry.principal_name or ""
            self.principal_kind = kind

    def _cell(self, key: CellKey) -> Cell:
        cell = self.cells.get(key)
        if cell is None:
            cell = self.cells.setdefault(self._room_for(key), Cell())
        return cell

    def _room_for(self, key: CellKey) -> CellKey:
        if len(self.cells) < MOST_CELLS:
            return key
        unlabelled = key._replace(label=OTHERS)
        if unlabelled in self.cells or len(self.cells) < MOST_CELLS + _CELLS_WITHOUT_LABEL:
            return unlabelled
        return CellKey(OTHERS, OTHERS, OTHERS, key.outcome, OTHERS)


def naming_rank(kind: str, named_by: str) -> tuple[bool, str]:
    """Return how much what a call says of its principal counts: the newest most, but for what only Azure logged."""
    # That tells an id, and neither a name nor a kind: it must not take those away that were proved.
    return kind not in _NO_KIND, named_by


def _cell_key(entry: UsageEntry) -> CellKey:
    return CellKey(
        entry.deployment or "", entry.model or "", entry.operation, entry.outcome.value, entry.user_label or ""
    )
