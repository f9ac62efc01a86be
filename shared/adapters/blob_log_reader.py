"""Reads the blobs that Azure exports its logs to: lists few, and reads them by ranges."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from fnmatch import fnmatchcase

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob.aio import BlobPrefix, BlobServiceClient, ContainerClient

from shared.adapters.table_service import storage_errors
from shared.domain.logs.reading import BlobRange, ListedBlob, LogBlob

_WILDCARD = "*"
# What follows a resource's id in a blob's name: resourceId=/…/y=2026/m=11/d=23/h=09/m=00/PT1H.json
_YEAR = "y="
_RANGE_NOT_SATISFIABLE = 416


class BlobLogReader:
    """Fulfils LogBlobs and LogContainers. The client is the bootstrap's, to open and to close."""

    def __init__(self, service: BlobServiceClient) -> None:
        self._service = service
        self.account: str = service.account_name or ""

    async def containers(self, patterns: Sequence[str]) -> AsyncIterator[str]:
        """
        Yield the containers that are meant: each name, and those that are there for each pattern with a `*`.

        Only patterns cost a listing, which not every identity may do.

        Raises:
            StorageUnavailable, StorageRejected
        """
        wildcards = [pattern for pattern in patterns if _WILDCARD in pattern]
        names = set(patterns).difference(wildcards)
        for name in sorted(names):
            yield name
        if not wildcards:
            return
        with storage_errors("listing the containers of logs"):
            async for found in self._service.list_containers():
                if found.name not in names and any(fnmatchcase(found.name, pattern) for pattern in wildcards):
                    yield found.name

    async def resources(self, container: str) -> AsyncIterator[str]:
        """
        Yield what the blob names of each resource begin with, up to their year.

        The hour stands at the end of a name, so this walks the folders above it and no further: what has
        gathered below them in the years costs nothing.

        Raises:
            StorageUnavailable, StorageRejected
        """
        client = self._service.get_container_client(container)
        above = [""]
        with storage_errors(f"listing the resources in container {container!r}"):
            while above:
                folder = above.pop()
                below = await _folders(client, folder)
                above += [path for path in below if not path.startswith(_YEAR, len(folder))]
                if any(path.startswith(_YEAR, len(folder)) for path in below):
                    yield folder

    async def under(self, container: str, prefix: str) -> AsyncIterator[ListedBlob]:
        """
        Yield the blobs whose names begin so, by name; none where there is no container.

        Raises:
            StorageUnavailable, StorageRejected
        """
        client = self._service.get_container_client(container)
        with storage_errors(f"listing container {container!r}"):
            try:
                async for found in client.list_blobs(prefix):
                    blob = LogBlob(account=self.account, container=container, name=found.name)
                    yield ListedBlob(blob=blob, size=found.size or 0, etag=_bare(found.etag))
            except ResourceNotFoundError:
                return

    async def read(self, blob: LogBlob, offset: int, length: int) -> BlobRange | None:
        """
        Return at most so many bytes from an offset on, all of one version; None where there is no such blob.

        Raises:
            StorageUnavailable, StorageRejected
        """
        client = self._service.get_blob_client(blob.container, blob.name)
        with storage_errors(f"reading a blob of container {blob.container!r}"):
            try:
                download = await client.download_blob(offset, length)
                data = await download.readall()
            except ResourceNotFoundError:
                return None
            except HttpResponseError as error:
                if error.status_code != _RANGE_NOT_SATISFIABLE:
                    raise
                # There is nothing behind this offset.
                properties = await client.get_blob_properties()
                return BlobRange(data=b"", size=properties.size, etag=_bare(properties.etag))
        properties = download.properties
        return BlobRange(data=data, size=_whole_size(properties.content_range), etag=_bare(properties.etag))


async def _folders(client: ContainerClient, folder: str) -> list[str]:
    try:
        return [item.name async for item in client.walk_blobs(folder) if isinstance(item, BlobPrefix)]
    except ResourceNotFoundError:
        return []


def _whole_size(content_range: str | None) -> int:
    """Return the length that a `Content-Range` names, as `bytes 0-99/1234`."""
    return int((content_range or "").rpartition("/")[2] or 0)


def _bare(etag: str | None) -> str:
    # A listing has it without quotes, an answer about one blob with them.
    return (etag or "").strip('"')
