"""Export usage: for each day a file of each table that is asked for, whole or not at all."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

from shared.domain.errors import StorageUnavailable
from shared.domain.exports import ExportedFile, FileFacts, begin_of, file_name
from shared.domain.table_columns import Column, Rows
from shared.domain.usage_record import UsageRecord
from shared.domain.usage_row import USAGE_COLUMNS, usage_row
from shared.ports.export_files import ExportFiles, NewFile
from shared.ports.table_encoding import TableEncoder, TableFormat
from shared.ports.usage_records import UsageRecords

# Somebody else wrote the file while we read: rare twice, and of no use the third time.
_ATTEMPTS = 3
# So many bytes wait before they are sent.
_CHUNK_BYTES = 4 * 1024 * 1024


class DayTable(Protocol):
    """Makes the rows of a day of its records, in their order."""

    @property
    def columns(self) -> Sequence[Column]:
        """What the rows hold."""
        ...

    @property
    def unpriced_calls(self) -> int:
        """Of how many calls there is no row, for nobody knows what they cost."""
        ...

    def add(self, records: Sequence[UsageRecord]) -> Rows:
        """Take records, and return rows that are ready."""
        ...

    def finish(self) -> Rows:
        """Return the rows that are left."""
        ...


class RecordTable:
    """Fulfils DayTable: a row a record."""

    columns = USAGE_COLUMNS
    unpriced_calls = 0

    def add(self, records: Sequence[UsageRecord]) -> Rows:
        """See DayTable."""
        return [usage_row(record) for record in records]

    def finish(self) -> Rows:
        """See DayTable."""
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One file a day: the folder it is in, what makes its rows, and its format."""

    folder: str
    table: Callable[[date], DayTable]
    format: TableFormat


class ExportUsage:
    """Exports days. It may be repeated, killed at any line, and run twice at once."""

    def __init__(self, records: UsageRecords, files: ExportFiles, exports: Sequence[Export]) -> None:
        self._records = records
        self._files = files
        self._exports = exports

    async def __call__(self, day: date) -> Sequence[ExportedFile]:
        """
        Export a day (UTC), and return its files. One that would be what is there is left alone.

        Raises:
            StorageError: the ledger cannot be read, or a file not be written; whole files stay.
        """
        for _ in range(_ATTEMPTS):
            if (exported := await self._export(day)) is not None:
                return exported
        raise StorageUnavailable(f"the exports of {day} are being written by others")

    async def _export(self, day: date) -> Sequence[ExportedFile] | None:
        """Return the files, None where somebody else wrote one of them meanwhile."""
        async with AsyncExitStack() as stack:
            writers = [await self._begin(export, day, stack) for export in self._exports]
            begin = begin_of(day)
            async for records in self._records.between(begin, begin + timedelta(days=1)):
                for writer in writers:
                    await writer.add(records)
            exported = [await writer.finish() for writer in writers]
        done = [each for each in exported if each is not None]
        return done if len(done) == len(exported) else None

    async def _begin(self, export: Export, day: date, stack: AsyncExitStack) -> _Writer:
        name = file_name(export.folder, day, export.format.suffix)
        file = await self._files.begin(name, export.format.media_type)
        stack.push_async_callback(file.abandon)
        table = export.table(day)
        return _Writer(name, file, table, export.format.begin(table.columns))


class _Writer:
    """Makes a file of records: rows, bytes, and what is to be known of them."""

    def __init__(self, name: str, file: NewFile, table: DayTable, encoder: TableEncoder) -> None:
        self._name = name
        self._file = file
        self._table = table
        self._encoder = encoder
        self._hash = hashlib.sha256()
        self._waiting = bytearray()
        self._rows = 0

    async def add(self, records: Sequence[UsageRecord]) -> None:
        # Not in the loop: on some plans calls are relayed in it meanwhile.
        await self._take(await asyncio.to_thread(lambda: self._encode(self._table.add(records))))

    async def finish(self) -> ExportedFile | None:
        """Return the file, None where somebody else wrote it meanwhile."""
        await self._take(await asyncio.to_thread(lambda: self._encode(self._table.finish()) + self._encoder.finish()))
        facts = FileFacts(rows=self._rows, sha256=self._hash.hexdigest(), unpriced_calls=self._table.unpriced_calls)
        if self._file.replaced_sha256 == facts.sha256:
            # Whoever is told of new files (Event Grid, a pipeline) would take it in twice.
            return ExportedFile(name=self._name, facts=facts, is_new=False)
        await self._send()
        if not await self._file.commit(facts):
            return None
        return ExportedFile(name=self._name, facts=facts, is_new=True)

    def _encode(self, rows: Rows) -> bytes:
        self._rows += len(rows)
        return self._encoder.add(rows)

    async def _take(self, data: bytes) -> None:
        self._hash.update(data)
        self._waiting += data
        if len(self._waiting) >= _CHUNK_BYTES:
            await self._send()

    async def _send(self) -> None:
        data, self._waiting = bytes(self._waiting), bytearray()
        if data:
            await self._file.write(data)
