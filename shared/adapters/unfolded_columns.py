"""Columns of the table `unfolded`: what rollups do not hold yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from shared.adapters.text_columns import packed_columns, unpacked
from shared.domain.table_entity import TableEntity
from shared.domain.unfolded import Note
from shared.domain.usage_entry import UsageEntry

UNFOLDED_TABLE = "unfolded"
# Behind the partitions of all workers, whose ids are hexadecimal: read after them.
DAYS_PARTITION = "~days"
REBUILD_PARTITION = "~rebuild"
# Ahead of the notes of the same worker: what is held is read before what has landed.
HELD_PREFIX = "held-"
NOTE_PREFIX = "landed-"

MOST_ENTRIES = 100

_Keys = list[tuple[str, str]]
_entries = msgspec.json.Decoder(list[UsageEntry]).decode
_keys = msgspec.json.Decoder(_Keys).decode


def held_entity(worker_id: str, held_id: str, partition: str, row_key: str) -> TableEntity:
    """Return a record that may land, though its call is not open, as a row."""
    properties = {"partition": partition, "row": row_key}
    return TableEntity(partition_key=worker_id, row_key=f"{HELD_PREFIX}{held_id}", properties=properties)


def note_entity(
    place: tuple[str, str], entries: Sequence[UsageEntry], changed: Sequence[tuple[str, str]]
) -> TableEntity:
    """Return records that have landed as a row: compressed, for a report reads all that have since the last fold."""
    properties = {
        **(packed_columns("entries", msgspec.json.encode(entries)) if entries else {}),
        **(packed_columns("changed", msgspec.json.encode(changed)) if changed else {}),
    }
    return TableEntity(partition_key=place[0], row_key=place[1], properties=properties)


def note_place(writer: str, note_id: str) -> tuple[str, str]:
    """Return the keys of a note."""
    return writer, f"{NOTE_PREFIX}{note_id}"


def day_entity(day: date) -> TableEntity:
    """Return the mark of an unsettled day as a row."""
    return TableEntity(partition_key=DAYS_PARTITION, row_key=day.isoformat(), properties={})


def note(row: Mapping[str, Any], version: str) -> Note:
    """Return a row as the note it is. Raises ValueError."""
    entries, changed = unpacked(row, "entries"), unpacked(row, "changed")
    return Note(
        place=(row["PartitionKey"], row["RowKey"]),
        version=version,
        entries=_entries(entries) if entries else [],
        changed=_keys(changed) if changed else [],
    )
