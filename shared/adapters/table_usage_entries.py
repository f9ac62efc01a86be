"""Reads the table `usage` for rollups, a page at a time and no column more than they need."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, timedelta

import msgspec

from shared.adapters.table_pages import RowRange, TablePages
from shared.adapters.usage_columns import USAGE_TABLE
from shared.domain.usage_entry import UsageEntry
from shared.domain.usage_keys import PrincipalDay, day_prefix

logger = logging.getLogger(__name__)


class _Row(UsageEntry, frozen=True, kw_only=True, omit_defaults=True):
    """What a row must have to be a record at all, whoever reads it: see `usage_record`."""

    call_id: str
    begun_at: datetime
    ended_at: datetime
    tenant_id: str
    object_id: str
    method: str
    resource: str


class _Rows(msgspec.Struct):
    value: list[_Row]


class _RawRows(msgspec.Struct):
    value: list[msgspec.Raw]


class _Keys(msgspec.Struct):
    PartitionKey: str
    RowKey: str


class _KeyRows(msgspec.Struct):
    value: list[_Keys]


# The service writes 64-bit numbers as text.
_page = msgspec.json.Decoder(_Rows, strict=False).decode
_raw_page = msgspec.json.Decoder(_RawRows).decode
_row = msgspec.json.Decoder(_Row, strict=False).decode
_entry = msgspec.json.Decoder(UsageEntry, strict=False).decode
_keys = msgspec.json.Decoder(_Keys).decode
_key_page = msgspec.json.Decoder(_KeyRows).decode

ENTRY_COLUMNS = tuple(field.encode_name for field in msgspec.structs.fields(_Row))


def read_entry(row: bytes) -> UsageEntry:
    """Return a row, as JSON, that was made by `usage_entity`."""
    return _entry(row)


class TableUsageEntries:
    """Fulfils UsageEntries."""

    def __init__(self, pages: TablePages) -> None:
        self._pages = pages

    async def entries(
        self, whose: PrincipalDay, *, row_from: str = "", row_after: str = "", row_before: str = ""
    ) -> AsyncIterator[Sequence[UsageEntry]]:
        """See UsageEntries."""
        rows = RowRange(
            table=USAGE_TABLE,
            partition=whose.partition,
            row_from=row_from,
            row_after=row_after,
            row_before=row_before,
            columns=ENTRY_COLUMNS,
        )
        async for page in self._pages.pages(rows):
            yield _entries(page.body)

    async def principal_days(self, first: date, last: date) -> set[PrincipalDay]:
        """See UsageEntries."""
        rows = RowRange(
            table=USAGE_TABLE,
            partition_from=day_prefix(first),
            partition_before=day_prefix(last + timedelta(days=1)),
            columns=("PartitionKey", "RowKey"),
        )
        partitions: set[str] = set()
        async for page in self._pages.pages(rows):
            partitions.update(row.PartitionKey for row in _key_page(page.body).value)
        return set(map(PrincipalDay.of_partition, partitions))


def _entries(body: bytes) -> Sequence[UsageEntry]:
    try:
        return _page(body).value
    except msgspec.ValidationError:
        # One row is enough: then each is tried for itself.
        return [entry for raw in _raw_page(body).value if (entry := _understood(raw)) is not None]


def _understood(raw: msgspec.Raw) -> UsageEntry | None:
    try:
        return _row(raw)
    except msgspec.ValidationError as error:
        keys = _keys(raw)
        extra = {"partition_key": keys.PartitionKey, "row_key": keys.RowKey, "reason": str(error)}
        logger.warning("usage.row_not_understood", extra=extra)
        return None
