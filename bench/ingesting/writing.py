"""
What it costs to bring a log blob into the tables, beside writing the same rows with Microsoft's SDK.

Ours is the whole way: ranges of a blob on Azurite, lines, values, rows, the checkpoint. The SDK's is the last
step of it alone, from rows that are made already. Both write to the table stand-in, which costs its callers
what Azure would and is never what is waited for.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
from azure.data.tables import EdmType, EntityProperty
from azure.data.tables.aio import TableServiceClient
from azure.storage.blob.aio import BlobServiceClient

from bench.ingesting.blob import different_lines
from bench.relaying.table_stand_in import connection_string
from local.azurite import running_azurite
from local.child import Child, python_command
from local.errors import WorkbenchError
from local.stack import REPOSITORY, ready_url
from shared.adapters.blob_dead_letters import BlobDeadLetters
from shared.adapters.blob_log_reader import BlobLogReader
from shared.adapters.log_columns import log_entity
from shared.adapters.system_clock import SystemClock
from shared.adapters.table_authorization import TableEndpoint
from shared.adapters.table_checkpoints import TABLE as CHECKPOINTS_TABLE
from shared.adapters.table_checkpoints import TableCheckpoints
from shared.adapters.table_log_store import TableLogStore
from shared.adapters.table_transactions import TableTransactions
from shared.domain.logs.keys import SERVICE_CALLS_TABLE, entry_key
from shared.domain.logs.line_reading import parse_line
from shared.domain.logs.reading import LogBlob
from shared.domain.table_entity import MAX_BATCH_ENTITIES, Int64, Value
from shared.usecases.ingest_log_blob import IngestLogBlob
from shared.usecases.store_log_lines import StoreLogLines

_ROUNDS = 2
_CONTAINER = "insights-logs-requestresponse"
_BLOB_NAME = "resourceId=/BENCH/y=2026/m=11/d=20/h=08/m=00/PT1H.json"
_BLOCK_BYTES = 4 * 1024 * 1024

# Where the blobs, and where the tables are, as connection strings; and how many lines.
_Work = Callable[[str, str, int], float]


def measure_writing(lines: int) -> float:
    """Return our CPU for so many lines, from the blob into the tables, to the SDK's for the same rows."""
    ours, sdks = [], []
    for _ in range(_ROUNDS):
        ours.append(_measured(_ingest, lines))
        sdks.append(_measured(_write_with_sdk, lines))
    return min(ours) / min(sdks)


def _measured(work: _Work, lines: int) -> float:
    """Return the CPU seconds of work in a fresh process, on storage that is empty."""
    command = python_command("bench.relaying.table_stand_in")
    with (
        running_azurite() as azurite,
        Child("the table stand-in", command, cwd=REPOSITORY) as tables,
        ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as processes,
    ):
        account = connection_string(ready_url(tables))
        return processes.submit(work, azurite.connection_string, account, lines).result()


def _ingest(azurite: str, stand_in: str, lines: int) -> float:
    return asyncio.run(_ingest_blob(azurite, stand_in, lines))


async def _ingest_blob(azurite: str, stand_in: str, lines: int) -> float:
    async with AsyncExitStack() as stack:
        blobs = await stack.enter_async_context(BlobServiceClient.from_connection_string(azurite))
        # The stand-in gives its rows no versions, and a checkpoint needs one.
        checkpoints = await stack.enter_async_context(TableServiceClient.from_connection_string(azurite))
        tables = await stack.enter_async_context(TableServiceClient.from_connection_string(stand_in))
        transactions = TableTransactions(
            TableEndpoint.of(tables),
            await stack.enter_async_context(aiohttp.ClientSession()),
            create_table=tables.create_table_if_not_exists,
            clock=SystemClock(),
            jitter=random.random,
        )
        ingest = IngestLogBlob(
            blobs=BlobLogReader(blobs),
            checkpoints=TableCheckpoints(checkpoints.get_table_client(CHECKPOINTS_TABLE)),
            store=StoreLogLines(TableLogStore(tables, transactions)),
            dead_letters=BlobDeadLetters(blobs),
        )
        await _write_blob(blobs, lines)
        begun_at = time.process_time()
        done = await ingest(LogBlob(account=blobs.account_name or "", container=_CONTAINER, name=_BLOB_NAME))
        cpu_seconds = time.process_time() - begun_at
    if done.stored != lines:
        raise WorkbenchError(f"{done.stored} of {lines} lines were stored")
    return cpu_seconds


async def _write_blob(service: BlobServiceClient, lines: int) -> None:
    content = b"".join(line + b"\n" for line in different_lines(lines))
    await service.create_container(_CONTAINER)
    blob = service.get_blob_client(_CONTAINER, _BLOB_NAME)
    await blob.create_append_blob()
    for start in range(0, len(content), _BLOCK_BYTES):
        await blob.append_block(content[start : start + _BLOCK_BYTES])


def _write_with_sdk(azurite: str, stand_in: str, lines: int) -> float:  # noqa: ARG001 - as _ingest
    return asyncio.run(_write_rows(stand_in, lines))


async def _write_rows(stand_in: str, lines: int) -> float:
    batches = [[("create", row) for row in batch] for batch in _batches(map(_row, different_lines(lines)))]
    async with TableServiceClient.from_connection_string(stand_in) as tables:
        table = tables.get_table_client(SERVICE_CALLS_TABLE)
        begun_at = time.process_time()
        for batch in batches:
            await table.submit_transaction(batch)
        return time.process_time() - begun_at


def _row(line: bytes) -> dict[str, Any]:
    """Return what the SDK takes for the row that a line becomes."""
    entry = parse_line(line)
    entity = log_entity(entry_key(entry), entry)
    columns = {name: _sdk_value(value) for name, value in entity.properties.items()}
    return {"PartitionKey": entity.partition_key, "RowKey": entity.row_key, **columns}


def _sdk_value(value: Value) -> Any:
    return EntityProperty(int(value), EdmType.INT64) if isinstance(value, Int64) else value


def _batches(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield rows of one partition, as many as one transaction takes."""
    for _, in_partition in itertools.groupby(rows, key=lambda row: row["PartitionKey"]):
        while batch := list(itertools.islice(in_partition, MAX_BATCH_ENTITIES)):
            yield batch
