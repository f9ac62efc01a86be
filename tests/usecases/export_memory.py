"""A program that exports a day of many calls and says how much more memory a second, longer one took, in bytes."""

from __future__ import annotations

import asyncio
import resource
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, timedelta

from shared.adapters.parquet_format import ParquetFormat
from shared.domain.csv_format import CsvFormat
from shared.domain.exports import FileFacts
from shared.domain.usage_record import UsageRecord
from shared.usecases.export_usage import Export, ExportUsage, RecordTable
from tests.adapters.records import record

_PAGE = 1_000


class ManyRecords:
    """UsageRecords of a day with so many calls, a page at a time, each with texts of its own."""

    def __init__(self, calls: int) -> None:
        self._calls = calls

    async def between(
        self,
        begun_from: datetime,
        begun_before: datetime,
        *,
        tenant_id: str | None = None,
        object_id: str | None = None,
    ) -> AsyncIterator[Sequence[UsageRecord]]:
        for first in range(0, self._calls, _PAGE):
            yield [
                record(
                    f"{number:032x}", begun_at=begun_from + timedelta(milliseconds=number), object_id=f"p{number % 50}"
                )
                for number in range(first, first + _PAGE)
            ]


class NowhereFiles:
    """ExportFiles that keep nothing."""

    replaced_sha256 = None

    async def begin(self, name: str, media_type: str) -> NowhereFiles:
        return self

    async def write(self, data: bytes) -> None:
        return None

    async def commit(self, facts: FileFacts) -> bool:
        return True

    async def abandon(self) -> None:
        return None


def _export(calls: int) -> int:
    """Export a day of calls, and return the most memory this process has ever had, in bytes."""
    exports = [
        Export(folder="usage", table=lambda _: RecordTable(), format=ParquetFormat()),
        Export(folder="usage_csv", table=lambda _: RecordTable(), format=CsvFormat()),
    ]
    asyncio.run(ExportUsage(ManyRecords(calls), NowhereFiles(), exports)(date(2026, 11, 23)))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


if __name__ == "__main__":
    few = _export(int(sys.argv[1]))
    sys.stdout.write(str(_export(int(sys.argv[2])) - few))
