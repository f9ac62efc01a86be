"""Reads and tidies the tables `opencalls` and `unfolded` for rollups."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from shared.adapters.group_commit import Transactions
from shared.adapters.table_conditional_writes import TableConditionalWrites
from shared.adapters.table_pages import RowRange, TablePages
from shared.adapters.table_wire import TableWrite, delete, replace, upsert
from shared.adapters.unfolded_columns import (
    DAYS_PARTITION,
    HELD_PREFIX,
    MOST_ENTRIES,
    NOTE_PREFIX,
    REBUILD_PARTITION,
    UNFOLDED_TABLE,
    day_entity,
    note,
    note_entity,
    note_place,
)
from shared.adapters.usage_columns import OPEN_CALLS_TABLE
from shared.domain.errors import StorageUnavailable
from shared.domain.unfolded import Note, Unfolded, remaining
from shared.domain.usage_keys import PrincipalDay, usage_partition, usage_row

logger = logging.getLogger(__name__)

# The writer gives a write up after half a minute: what was held for so long has landed, or never will.
_LONGEST_HELD = timedelta(minutes=15)
_NEVER = datetime.min.replace(tzinfo=UTC)
# Calls sort before it, heartbeats do not.
_AFTER_CALLS = "~"
_OPEN_CALLS = RowRange(
    table=OPEN_CALLS_TABLE, row_before=_AFTER_CALLS, columns=("RowKey", "begun_at", "tenant_id", "object_id")
)
_UNFOLDED = RowRange(table=UNFOLDED_TABLE, with_versions=True)


class _OpenCall(msgspec.Struct):
    RowKey: str
    begun_at: datetime
    tenant_id: str
    object_id: str


class _OpenCalls(msgspec.Struct):
    value: list[_OpenCall]


class _Rows(msgspec.Struct):
    value: list[dict[str, Any]]


_open_calls = msgspec.json.Decoder(_OpenCalls).decode
_rows = msgspec.json.Decoder(_Rows).decode


class TableUnfolded:
    """Fulfils UnfoldedUsage. Pages and transactions are the bootstrap's, to open and to close."""

    def __init__(self, pages: TablePages, transactions: Transactions, *, new_id: Callable[[], str]) -> None:
        """`new_id` returns one that was never used before."""
        self._pages = pages
        self._writes = TableConditionalWrites(transactions)
        self._new_id = new_id

    async def read(self) -> Unfolded:
        """See UnfoldedUsage."""
        # In this order: a call is noted before it ceases to be open.
        pending = [key async for page in self._pages.pages(_OPEN_CALLS) for key in _pending(page.body)]
        found = _Found()
        async for page in self._pages.pages(_UNFOLDED):
            for row in _rows(page.body).value:
                found.add(row, page.served_at)
            found.served_at = page.served_at
        return Unfolded.of(
            served_at=found.served_at,
            pending=iter(pending + found.held),
            notes=found.notes,
            unsettled=found.unsettled,
        )

    async def forget(self, unfolded: Unfolded, folded_before: Mapping[PrincipalDay, str]) -> None:
        """See UnfoldedUsage."""
        writes = [write for note in unfolded.notes for write in _forgetting(note, remaining(note, folded_before))]
        # What somebody else has forgotten meanwhile needs no forgetting.
        await self._writes.do(UNFOLDED_TABLE, writes)

    async def unsettle(self, day: date) -> None:
        """See UnfoldedUsage."""
        await self._surely([upsert(day_entity(day))])

    async def settle(self, day: date, version: str) -> bool:
        """See UnfoldedUsage."""
        (is_done,) = await self._writes.do(UNFOLDED_TABLE, [delete(DAYS_PARTITION, day.isoformat(), version)])
        return is_done

    async def mark_changed(self, days: Iterable[PrincipalDay]) -> None:
        """See UnfoldedUsage."""
        keys = [(day.partition, "") for day in days]
        notes = [
            note_entity(note_place(REBUILD_PARTITION, self._new_id()), [], keys[start : start + MOST_ENTRIES])
            for start in range(0, len(keys), MOST_ENTRIES)
        ]
        await self._surely([upsert(note) for note in notes])

    async def _surely(self, writes: list[TableWrite]) -> None:
        if not all(await self._writes.do(UNFOLDED_TABLE, writes)):
            raise StorageUnavailable(f"table {UNFOLDED_TABLE!r} refuses a mark")


@dataclass(slots=True)
class _Found:
    """What the rows of `unfolded` say, as far as they were read."""

    served_at: datetime = _NEVER
    held: list[tuple[str, str]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    unsettled: dict[date, str] = field(default_factory=dict)

    def add(self, row: Mapping[str, Any], served_at: datetime) -> None:
        version, row_key = row["odata.etag"], row["RowKey"]
        if row["PartitionKey"] == DAYS_PARTITION:
            self.unsettled[date.fromisoformat(row_key)] = version
        elif row_key.startswith(NOTE_PREFIX):
            self.notes.append(note(row, version))
        elif row_key.startswith(HELD_PREFIX):
            self._add_held(row, version, served_at)

    def _add_held(self, row: Mapping[str, Any], version: str, served_at: datetime) -> None:
        key = (row["partition"], row["row"])
        if served_at - datetime.fromisoformat(row["Timestamp"]) <= _LONGEST_HELD:
            self.held.append(key)
            return
        # Its writer is gone. Whether the record was written, the table knows.
        place = (row["PartitionKey"], row["RowKey"])
        self.notes.append(Note(place=place, version=version, entries=(), changed=(key,)))


def _pending(body: bytes) -> Iterator[tuple[str, str]]:
    for call in _open_calls(body).value:
        day = call.begun_at.astimezone(UTC).date()
        yield usage_partition(day, call.tenant_id, call.object_id), usage_row(call.begun_at, call.RowKey)


def _forgetting(note: Note, left: Note) -> Iterator[TableWrite]:
    if not left.entries and not left.changed:
        yield delete(*note.place, note.version)
    elif (len(left.entries), len(left.changed)) != (len(note.entries), len(note.changed)):
        yield replace(note_entity(note.place, left.entries, left.changed), note.version)
