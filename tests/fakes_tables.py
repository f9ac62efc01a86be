"""The Table service in memory, as far as ledger and rollups use it: versions, transactions, pages, its clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from shared.adapters.table_pages import Page, RowRange
from shared.adapters.table_wire import Refusal, TableWrite

# Small, so that readers meet the end of one.
PAGE_ROWS = 3

_Key = tuple[str, str, str]


@dataclass
class _Stored:
    body: bytes
    version: str
    written_at: datetime


@dataclass
class MemoryTables:
    """
    Fulfils Transactions and TablePages. Let `now` be the service's time.

    `step` is called before each request is done and after it, and may raise; `turns` says how often others go
    first.
    """

    now: datetime = datetime(2026, 11, 23, 12, tzinfo=UTC)
    rows: dict[_Key, _Stored] = field(default_factory=dict)
    versions: int = 0
    step: Callable[[str], object] = lambda what: None
    turns: Callable[[], int] = lambda: 1
    requests: list[str] = field(default_factory=list)

    async def commit(self, table: str, writes: Sequence[TableWrite], *, deadline: float) -> Refusal | None:
        await self._turn(f"write {table}")
        for index, write in enumerate(writes):
            refusal = self._against(table, write)
            if refusal is not None:
                return Refusal(status=refusal[0], code=refusal[1], index=index if len(writes) > 1 else None)
        for write in writes:
            self._do(table, write)
        await self._turn(f"written {table}")
        return None

    async def pages(self, rows: RowRange) -> AsyncIterator[Page]:
        after: tuple[str, str] | None = None
        while True:
            await self._turn(f"read {rows.table}")
            found = sorted(key for key in self.rows if key[0] == rows.table and _is_in(rows, key))
            left = [key for key in found if after is None or key[1:] > after]
            page = left[:PAGE_ROWS]
            served_at = self.now
            yield Page(b'{"value":[' + b",".join(self._row(rows, key) for key in page) + b"]}", served_at)
            if len(left) <= PAGE_ROWS:
                return
            after = page[-1][1:]

    def keys(self, table: str) -> list[tuple[str, str]]:
        """The keys of a table's rows, in order."""
        return sorted(key[1:] for key in self.rows if key[0] == table)

    def bodies(self, table: str) -> dict[tuple[str, str], bytes]:
        """What is in a table."""
        return {key[1:]: stored.body for key, stored in self.rows.items() if key[0] == table}

    async def _turn(self, what: str) -> None:
        self.requests.append(what)
        self.step(what)
        for _ in range(self.turns()):
            await asyncio.sleep(0)

    def _against(self, table: str, write: TableWrite) -> tuple[int, str] | None:
        stored = self.rows.get((table, write.partition_key, write.row_key))
        if write.method == "POST":
            return (409, "EntityAlreadyExists") if stored else None
        if stored is None:
            return (404, "ResourceNotFound") if write.version or write.method == "DELETE" else None
        return (412, "UpdateConditionNotSatisfied") if write.version not in ("", stored.version) else None

    def _do(self, table: str, write: TableWrite) -> None:
        key = (table, write.partition_key, write.row_key)
        if write.method == "DELETE":
            del self.rows[key]
            return
        self.versions += 1
        self.rows[key] = _Stored(write.body, f'W/"{self.versions}"', self.now)

    def _row(self, rows: RowRange, key: _Key) -> bytes:
        stored = self.rows[key]
        row = {name: value for name, value in msgspec.json.decode(stored.body).items() if "@" not in name}
        row["Timestamp"] = stored.written_at.isoformat()
        if rows.columns:
            row = {name: row[name] for name in rows.columns if name in row}
        if rows.with_versions:
            row["odata.etag"] = stored.version
        return msgspec.json.encode(row)


def _is_in(rows: RowRange, key: _Key) -> bool:
    _, partition, row = key
    return (
        (not rows.partition or partition == rows.partition)
        and partition >= rows.partition_from
        and (not rows.partition_before or partition < rows.partition_before)
        and row >= rows.row_from
        and (not rows.row_after or row > rows.row_after)
        and (not rows.row_before or row < rows.row_before)
    )
