"""
Exported files in blobs. A file is sent in blocks, and is there when their list is committed: whole or not at all.

A block is named by the hash of its bytes, so that two who send the same file do not spoil each other's.
https://learn.microsoft.com/rest/api/storageservices/put-block-list
"""

from __future__ import annotations

import base64
import hashlib
import io

from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobBlock, ContentSettings, StorageErrorCode
from azure.storage.blob.aio import BlobClient, BlobServiceClient

from shared.adapters.table_service import storage_errors
from shared.domain.exports import FileFacts

# Of another who has committed: our blocks are gone with it.
_BLOCKS_GONE = frozenset({StorageErrorCode.INVALID_BLOCK_LIST, StorageErrorCode.INVALID_BLOCK_ID})


class BlobExportFiles:
    """Fulfils ExportFiles. The client is the bootstrap's, to open and to close."""

    def __init__(self, service: BlobServiceClient, container: str) -> None:
        self._service = service
        self._container = container

    async def begin(self, name: str, media_type: str) -> NewBlob:
        """
        See ExportFiles.

        Raises:
            StorageUnavailable, StorageRejected
        """
        client = self._service.get_blob_client(self._container, name)
        with storage_errors("beginning an export"):
            try:
                there = await client.get_blob_properties()
            except ResourceNotFoundError:
                await self._create_container()
                return NewBlob(client, media_type, etag=None, sha256=None)
        return NewBlob(client, media_type, etag=there.etag, sha256=(there.metadata or {}).get("sha256"))

    async def _create_container(self) -> None:
        try:
            await self._service.create_container(self._container)
        except ResourceExistsError:
            return


class NewBlob:
    """Fulfils NewFile. Blocks that are never committed the service drops after a week."""

    def __init__(self, client: BlobClient, media_type: str, *, etag: str | None, sha256: str | None) -> None:
        self.replaced_sha256 = sha256
        self._client = client
        self._media_type = media_type
        self._etag = etag
        self._blocks: list[BlobBlock] = []

    async def write(self, data: bytes) -> None:
        """
        See NewFile.

        Raises:
            StorageUnavailable, StorageRejected
        """
        block_id = _block_id(len(self._blocks), data)
        with storage_errors("writing an export"):
            # A stream: aiohttp warns of bytes this many, for they are sent at one go.
            await self._client.stage_block(block_id, io.BytesIO(data), length=len(data))
        self._blocks.append(BlobBlock(block_id))

    async def commit(self, facts: FileFacts) -> bool:
        """
        See NewFile.

        Raises:
            StorageUnavailable, StorageRejected
        """
        unchanged = (
            {"etag": self._etag, "match_condition": MatchConditions.IfNotModified}
            if self._etag
            else {"match_condition": MatchConditions.IfMissing}
        )
        with storage_errors("committing an export"):
            try:
                await self._client.commit_block_list(
                    self._blocks,
                    content_settings=ContentSettings(content_type=self._media_type),
                    metadata=dict(facts.texts()),
                    **unchanged,
                )
            except (ResourceModifiedError, ResourceExistsError, ResourceNotFoundError):
                return False
            except HttpResponseError as error:
                if getattr(error, "error_code", None) not in _BLOCKS_GONE:
                    raise
                return False
        return True

    async def abandon(self) -> None:
        """See NewFile. What was sent is no blob."""


def _block_id(number: int, data: bytes) -> str:
    """Return an id as the service takes it: of one length in a blob. The number keeps two like blocks apart."""
    return base64.b64encode(f"{number:05d}{hashlib.sha256(data).hexdigest()[:32]}".encode()).decode()
