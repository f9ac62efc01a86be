"""Appends to blobs as Azure does: the container and the blob are there once there is something to write."""

from __future__ import annotations

from contextlib import suppress

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob.aio import BlobClient, BlobServiceClient

from local.simulated_exports.resource import ExportedBlob


class AppendBlobs:
    """The append blobs of an account that only we write to."""

    def __init__(self, service: BlobServiceClient) -> None:
        self._service = service
        self._opened: dict[ExportedBlob, None] = {}

    @property
    def opened(self) -> list[ExportedBlob]:
        """The blobs that were appended to, in the order of their first block."""
        return list(self._opened)

    async def append(self, blob: ExportedBlob, block: bytes) -> None:
        """Append a block. Raises AzureError."""
        client = self._service.get_blob_client(blob.container, blob.name)
        if blob not in self._opened:
            await self._open(client, blob.container)
            self._opened[blob] = None
        await client.append_block(block)

    async def _open(self, client: BlobClient, container: str) -> None:
        try:
            size = (await client.get_blob_properties()).size
        except ResourceNotFoundError:
            await self._create(client, container)
            return
        # Of one that was killed half a line may be left; ours must not become its other half.
        if size and await (await client.download_blob(size - 1, 1)).readall() != b"\n":
            await client.append_block(b"\n")

    async def _create(self, client: BlobClient, container: str) -> None:
        with suppress(ResourceExistsError):
            await self._service.create_container(container)
        await client.create_append_blob()
