"""A storage account that Azure exports its logs to, on Azurite, and all that reads them."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.data.tables.aio import TableServiceClient
from azure.storage.blob.aio import BlobServiceClient

from local.azurite import Azurite
from shared.adapters.blob_dead_letters import CONTAINER as DEAD_LETTERS
from shared.adapters.blob_dead_letters import BlobDeadLetters
from shared.adapters.blob_log_reader import BlobLogReader
from shared.adapters.blob_service import blob_service
from shared.adapters.system_clock import SystemClock
from shared.adapters.table_authorization import TableEndpoint
from shared.adapters.table_checkpoints import TABLE as CHECKPOINTS
from shared.adapters.table_checkpoints import TableCheckpoints
from shared.adapters.table_log_store import TableLogStore
from shared.adapters.table_service import StorageSettings, table_service
from shared.adapters.table_transactions import TableTransactions
from shared.domain.logs.reading import LogBlob
from shared.ports.logs import Checkpoints, DeadLetters, LogBlobs, LogStore
from shared.usecases.ingest_log_blob import IngestLogBlob
from shared.usecases.store_log_lines import StoreLogLines

HOUR = datetime(2026, 11, 23, 9, tzinfo=UTC)
_TICKS_OF_UNIX_EPOCH = 621_355_968_000_000_000


def call_line(resource: str, correlation_id: str, *, at: datetime = HOUR, **changes: Any) -> bytes:
    """Return a RequestResponse line as Azure writes it, without its newline. `changes` are to its properties."""
    ticks = _TICKS_OF_UNIX_EPOCH + int(at.timestamp() * 10_000_000)
    properties = {
        "apiName": "Azure OpenAI API version 2024-10-21",
        "requestTime": ticks,
        "requestLength": 2048,
        "responseTime": ticks + 10_000_000,
        "responseLength": 512,
        "objectId": "",
        "streamType": "Non-Streaming",
        "modelDeploymentName": "chat",
        "modelName": "gpt-4o",
        "modelVersion": "2024-11-20",
        **changes,
    }
    line = {
        "time": f"{at:%Y-%m-%dT%H:%M:%S.%f}0Z",
        "resourceId": resource.upper(),
        "category": "RequestResponse",
        "operationName": "ChatCompletions_Create",
        "event": "ShoeboxCallResult",
        "location": "eastus",
        "Tenant": "eastus",
        "callerIpAddress": "203.0.113.***",
        "correlationId": correlation_id,
        "durationMs": 1000,
        "resultSignature": "200",
        "properties": json.dumps(properties, separators=(",", ":")),
    }
    return json.dumps(line, separators=(",", ":")).encode()


def new_resource() -> str:
    """Return the id of an Azure OpenAI resource that no other test has."""
    return (
        f"/subscriptions/0a000000-0000-4000-8000-000000000001/resourcegroups/rg"
        f"/providers/microsoft.cognitiveservices/accounts/{uuid.uuid4().hex}"
    )


class LogAccount:
    """The account, and the ports over it. Every one has a container of its own, and a resource."""

    def __init__(self, blobs: BlobServiceClient, tables: TableServiceClient, transactions: TableTransactions) -> None:
        self.container = f"logs-{uuid.uuid4().hex}"
        self.resource = new_resource()
        self.clock = SystemClock()
        self.service = blobs
        self.tables = tables
        self.transactions = transactions
        self.blobs = BlobLogReader(blobs)
        self.checkpoints = TableCheckpoints(tables.get_table_client(CHECKPOINTS))
        self.store = TableLogStore(tables, transactions)
        self.dead_letters = BlobDeadLetters(blobs)

    def another(self) -> LogAccount:
        """Return the same with another container and resource."""
        return LogAccount(self.service, self.tables, self.transactions)

    def blob(self, at: datetime = HOUR, resource: str = "") -> LogBlob:
        """Return the blob that Azure writes the calls of this hour to."""
        hour = f"y={at:%Y}/m={at:%m}/d={at:%d}/h={at:%H}/m=00/PT1H.json"
        name = f"resourceId={(resource or self.resource).upper()}/{hour}"
        return LogBlob(account=self.blobs.account, container=self.container, name=name)

    async def append(self, blob: LogBlob, block: bytes) -> None:
        """Append as Azure does."""
        client = self.service.get_blob_client(blob.container, blob.name)
        try:
            await client.append_block(block)
        except ResourceNotFoundError:
            await self._create_container()
            await client.create_append_blob()
            await client.append_block(block)

    async def write_anew(self, blob: LogBlob, content: bytes) -> None:
        """Put another blob in place of the one that is there."""
        await self.service.get_blob_client(blob.container, blob.name).delete_blob()
        await self.append(blob, content)

    async def call_ids(self) -> list[str]:
        """Return the correlation ids of the calls of our resource that are stored."""
        return sorted([row["RowKey"] for row in await self.rows("servicecalls")])

    async def rows(self, table: str) -> list[Any]:
        """Return the rows of a table that are of our resource."""
        try:
            query = self.tables.get_table_client(table).query_entities(f"resource_id eq '{self.resource}'")
            return [row async for row in query]
        except ResourceNotFoundError:
            return []

    async def letters(self) -> list[dict[str, Any]]:
        """Return the dead letters of our container's blobs."""
        found = []
        container = self.service.get_container_client(DEAD_LETTERS)
        try:
            async for blob in container.list_blobs(f"{self.blobs.account}/{self.container}/"):
                content = await (await container.download_blob(blob.name)).readall()
                found += [json.loads(line) for line in content.splitlines()]
        except ResourceNotFoundError:
            return []
        return found

    def ingest(
        self,
        *,
        blobs: LogBlobs | None = None,
        checkpoints: Checkpoints | None = None,
        store: LogStore | None = None,
        dead_letters: DeadLetters | None = None,
    ) -> IngestLogBlob:
        """Return a reader, over other ports where they are given."""
        return IngestLogBlob(
            blobs=blobs or self.blobs,
            checkpoints=checkpoints or self.checkpoints,
            store=StoreLogLines(store or self.store),
            dead_letters=dead_letters or self.dead_letters,
        )

    async def _create_container(self) -> None:
        try:
            await self.service.create_container(self.container)
        except ResourceExistsError:
            return


@asynccontextmanager
async def log_account(azurite: Azurite) -> AsyncIterator[LogAccount]:
    """Yield an account without logs."""
    storage = StorageSettings(connection_string=azurite.connection_string)
    async with AsyncExitStack() as stack:
        blobs = await stack.enter_async_context(blob_service(storage))
        tables = await stack.enter_async_context(table_service(storage))
        transactions = TableTransactions(
            TableEndpoint.of(tables),
            await stack.enter_async_context(aiohttp.ClientSession()),
            create_table=tables.create_table_if_not_exists,
            clock=SystemClock(),
            jitter=random.random,
        )
        yield LogAccount(blobs, tables, transactions)
