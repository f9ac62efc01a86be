"""Rows of the table `usage` as the SDK takes them, for tests that fill the table without a ledger."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any

from azure.core.exceptions import ResourceExistsError
from azure.data.tables.aio import TableServiceClient

from shared.adapters.usage_columns import USAGE_TABLE, usage_entity
from shared.domain.usage_record import UsageRecord


def row(each: UsageRecord) -> dict[str, Any]:
    """Return a record as the SDK takes it."""
    entity = usage_entity(each)
    return {"PartitionKey": entity.partition_key, "RowKey": entity.row_key} | {
        name: (value, "Edm.Int64") if name.endswith(("_tokens", "_ms", "_bytes")) else value
        for name, value in entity.properties.items()
    }


async def put_records(service: TableServiceClient, records: Sequence[UsageRecord]) -> None:
    """Write records, a hundred a request where one partition has so many."""
    with suppress(ResourceExistsError):
        await service.create_table(USAGE_TABLE)
    table = service.get_table_client(USAGE_TABLE)
    rows = sorted(map(row, records), key=lambda each: (each["PartitionKey"], each["RowKey"]))
    for _, of_partition in groupby(rows, key=lambda each: each["PartitionKey"]):
        written = list(of_partition)
        for start in range(0, len(written), 100):
            await table.submit_transaction([("upsert", each) for each in written[start : start + 100]])
