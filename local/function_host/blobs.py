"""Blob triggers by polling: at least once for each blob and ETag."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import ContainerClient

from local.function_host.triggers import BlobTrigger
from local.function_host.worker import TriggerBlob, Worker

logger = logging.getLogger(__name__)

# blobs.poisonBlobThreshold of host.json, whose default it is.
_TRIES = 5


async def run_blob_trigger(
    worker: Worker, trigger: BlobTrigger, stopping: asyncio.Event, *, poll_seconds: float = 1.0
) -> None:
    """
    Run a function for each blob that is new or has changed, until `stopping` is set.

    Receipts are kept in memory: after a restart each blob comes once more.
    """
    async with ContainerClient.from_connection_string(trigger.connection, trigger.container) as container:
        poller = _Poller(worker, trigger, container, stopping)
        while not stopping.is_set():
            try:
                await poller.poll()
            except AzureError:
                logger.exception("blob_trigger.storage_failed", extra={"function": trigger.function})
            try:
                await asyncio.wait_for(stopping.wait(), poll_seconds)
            except TimeoutError:
                continue


@dataclass(slots=True)
class _Receipt:
    etag: str
    tries: int = 0
    done: bool = False


class _Poller:
    def __init__(
        self, worker: Worker, trigger: BlobTrigger, container: ContainerClient, stopping: asyncio.Event
    ) -> None:
        self._worker = worker
        self._trigger = trigger
        self._container = container
        self._stopping = stopping
        self._receipts: dict[str, _Receipt] = {}

    async def poll(self) -> None:
        try:
            async for blob in self._container.list_blobs(self._trigger.prefix, include=["metadata"]):
                if self._stopping.is_set():
                    return
                if self._trigger.blob_pattern.fullmatch(blob.name):
                    await self._visit(blob)
        except ResourceNotFoundError:
            # The container is not there yet, or the blob went while we looked.
            logger.debug("blob_trigger.nothing_there", extra={"function": self._trigger.function})

    async def _visit(self, blob: BlobProperties) -> None:
        receipt = self._receipts.get(blob.name)
        if receipt is None or receipt.etag != blob.etag:
            receipt = self._receipts[blob.name] = _Receipt(blob.etag)
        if not receipt.done:
            receipt.tries += 1
            receipt.done = await self._run(blob) or self._is_poison(blob, receipt)

    async def _run(self, blob: BlobProperties) -> bool:
        content = await (await self._container.download_blob(blob.name)).readall()
        trigger_blob = TriggerBlob(
            name=f"{self._trigger.container}/{blob.name}",
            uri=self._container.get_blob_client(blob.name).url,
            content=content,
            properties={"ETag": blob.etag, "Length": len(content)},
            metadata=blob.metadata or {},
        )
        try:
            await self._worker.run_blob(self._trigger.function, self._trigger.parameter, trigger_blob)
        except Exception:  # whatever a function raises, the blob comes again
            logger.exception("function.failed", extra={"function": self._trigger.function})
            return False
        return True

    def _is_poison(self, blob: BlobProperties, receipt: _Receipt) -> bool:
        if receipt.tries < _TRIES:
            return False
        logger.error("blob.poisoned", extra={"function": self._trigger.function, "blob": blob.name})
        return True
