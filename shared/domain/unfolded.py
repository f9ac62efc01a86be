"""
What rollups do not hold yet, as far as anybody knows: which records may land, and which have landed.

A record may land at any time while its call is open, and has landed once it is noted: it is noted before it
ceases to be open. So whoever reads open calls first and notes after them misses none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime

from shared.domain.usage_entry import UsageEntry
from shared.domain.usage_keys import PrincipalDay


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """
    Records that have landed, and where that is noted, in which version.

    Those in `entries` are told in full; those in `changed`, by their keys, have to be read: they were
    replaced or taken away, or nobody knows whether they were there before.
    """

    place: tuple[str, str]
    version: str
    entries: Sequence[UsageEntry]
    changed: Sequence[tuple[str, str]]

    @property
    def note_id(self) -> str:
        """What no other note is called."""
        return self.place[1].rpartition("-")[2]


@dataclass(slots=True)
class LandedRow:
    """A record that has landed: what it says, None where that has to be read; and which notes tell of it."""

    entry: UsageEntry | None
    notes: set[str]


@dataclass(slots=True)
class LooseDay:
    """What of a principal's day may not be in its rollup, by row keys."""

    pending: set[str] = field(default_factory=set)
    landed: dict[str, LandedRow] = field(default_factory=dict)

    def land(self, row_key: str, entry: UsageEntry | None, note_id: str) -> None:
        """Take in that a record has landed. What is told in two ways has to be read."""
        row = self.landed.get(row_key)
        if row is None:
            self.landed[row_key] = LandedRow(entry, {note_id})
            return
        row.notes.add(note_id)
        row.entry = entry if row.entry == entry else None

    def notes_until(self, row_key: str) -> list[str]:
        """Return which notes tell of records up to a row key."""
        return sorted({note for key, row in self.landed.items() if key <= row_key for note in row.notes})

    def is_behind(self, folded_through: str, folded_notes: Set[str]) -> bool:
        """
        Return whether anything is where a rollup has been already, and may not be in it.

        `folded_notes` are those the rollup knew of when it was there last.
        """
        return any(key <= folded_through for key in self.pending) or any(
            key <= folded_through and not row.notes <= folded_notes for key, row in self.landed.items()
        )

    def tail(self, folded_through: str) -> list[UsageEntry] | None:
        """Return what has landed behind a rollup's end, in the order of keys; None where only the table knows."""
        rows = [row.entry for key, row in sorted(self.landed.items()) if key > folded_through]
        entries = [entry for entry in rows if entry is not None]
        # What is pending may have landed by now, or have replaced what had.
        return None if self.pending or len(entries) < len(rows) else entries


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfolded:
    """
    All of that, as the service saw it at `served_at`.

    `unsettled` are the days whose rollups may not be in those of their months, with the version of that mark.
    """

    served_at: datetime
    days: Mapping[PrincipalDay, LooseDay]
    notes: Sequence[Note]
    unsettled: Mapping[date, str]

    @classmethod
    def of(
        cls,
        *,
        served_at: datetime,
        pending: Iterator[tuple[str, str]],
        notes: Sequence[Note],
        unsettled: Mapping[date, str],
    ) -> Unfolded:
        """Put together what was read. `pending` are keys, partition and row."""
        days: defaultdict[str, LooseDay] = defaultdict(LooseDay)
        for partition, row_key in pending:
            days[partition].pending.add(row_key)
        for note in notes:
            for entry in note.entries:
                days[entry.partition].land(entry.row_key, entry, note.note_id)
            for partition, row_key in note.changed:
                days[partition].land(row_key, None, note.note_id)
        by_day = {PrincipalDay.of_partition(partition): day for partition, day in days.items()}
        return cls(served_at=served_at, days=by_day, notes=notes, unsettled=unsettled)


def remaining(note: Note, folded_before: Mapping[PrincipalDay, str]) -> Note:
    """Return what is left of a note when rollups hold all that lies before these row keys."""
    bounds = {day.partition: key for day, key in folded_before.items()}
    return Note(
        place=note.place,
        version=note.version,
        entries=[entry for entry in note.entries if entry.row_key >= bounds.get(entry.partition, "")],
        changed=[key for key in note.changed if key[1] >= bounds.get(key[0], "")],
    )
