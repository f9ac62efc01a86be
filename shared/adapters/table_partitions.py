"""The partitions of a table: named one by one, without reading what is in them."""

from __future__ import annotations

from collections.abc import AsyncIterator

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableClient

# Many small partitions are told by one request; of a large one no more than this is read before it is leapt over.
_ROWS = 100


async def partitions(table: TableClient, after: str, before: str) -> AsyncIterator[str]:
    """
    Yield the keys of the partitions between two, each once, in order; none where there is no table.

    Table Storage has no request for this. Each of ours reads the keys of some rows, and the next leaps to
    behind the partition of the last. The SDK's exceptions are the caller's to turn into ours.
    """
    while keys := await _some(table, after, before):
        for key in dict.fromkeys(keys):
            yield key
        after = keys[-1]


async def _some(table: TableClient, after: str, before: str) -> list[str]:
    """Return the partition of each of the first rows; none only where there are none."""
    rows = table.query_entities(
        "PartitionKey gt @after and PartitionKey lt @before",
        parameters={"after": after, "before": before},
        select=["PartitionKey"],
        results_per_page=_ROWS,
    )
    try:
        # The service may end a page at any row, and before the first.
        async for page in rows.by_page():
            if keys := [row["PartitionKey"] async for row in page]:
                return keys
    except ResourceNotFoundError:
        return []
    return []
