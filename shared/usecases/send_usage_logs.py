"""Send usage logs: a day's records to Log Analytics, each at least once."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import date, timedelta

import msgspec

from shared.domain.exports import ExportedFile, FileFacts, begin_of, file_name
from shared.domain.log_rows import LogValue, log_row
from shared.ports.export_files import ExportFiles
from shared.ports.log_sink import LogSink
from shared.ports.usage_records import UsageRecords

_FOLDER = "log_analytics"


class SendUsageLogs:
    """
    Sends days, and notes of each what was sent: a file whose hash is that of the day's rows.

    A day is sent again, whole, where it has changed since, or where its sending was cut off. Who reads tells
    rows that came twice by their `CallId`.
    """

    def __init__(self, records: UsageRecords, notes: ExportFiles, sink: LogSink) -> None:
        self._records = records
        self._notes = notes
        self._sink = sink

    async def __call__(self, day: date) -> ExportedFile:
        """
        Send a day (UTC), unless it was sent as it is, and return its note.

        Raises:
            StorageError: the ledger cannot be read, or not all rows have arrived.
        """
        name = file_name(_FOLDER, day, ".json")
        note = await self._notes.begin(name, "application/json")
        try:
            facts = await self._facts(day)
            if note.replaced_sha256 == facts.sha256:
                return ExportedFile(name=name, facts=facts, is_new=False)
            async for rows in self._pages(day):
                await self._sink.send(rows)
            await note.write(msgspec.json.encode(facts.texts()))
            # Where somebody else has sent it meanwhile, theirs is as good a note: the next run compares again.
            await note.commit(facts)
            return ExportedFile(name=name, facts=facts, is_new=True)
        finally:
            await note.abandon()

    async def _facts(self, day: date) -> FileFacts:
        digest, count = hashlib.sha256(), 0
        async for rows in self._pages(day):
            count += len(rows)
            digest.update(b"".join(map(msgspec.json.encode, rows)))
        return FileFacts(rows=count, sha256=digest.hexdigest())

    async def _pages(self, day: date) -> AsyncIterator[list[dict[str, LogValue]]]:
        begin = begin_of(day)
        async for records in self._records.between(begin, begin + timedelta(days=1)):
            yield [log_row(record) for record in records]
