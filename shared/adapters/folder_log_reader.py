"""Reads files of log lines on this machine as if they were blobs: what somebody downloaded, or was sent."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from shared.domain.errors import StorageRejected
from shared.domain.logs.reading import BlobRange, ListedBlob, LogBlob

# No storage account has such a name, so no blob has such a checkpoint.
_ACCOUNT = "this-machine"
_CONTAINER = "files"
# In a folder. A file that is named is read whatever it is called.
_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson", ".log"})


class FolderLogReader:
    """Fulfils LogBlobs. A blob's name is the file's whole path."""

    async def under(self, container: str, prefix: str) -> AsyncIterator[ListedBlob]:  # noqa: ARG002 - there is one
        """
        Yield the file of this path, or the files below it, by path.

        Raises:
            StorageRejected: there is no such path, or it may not be read.
        """
        for listed in await asyncio.to_thread(_listed, Path(prefix)):
            yield listed

    async def read(self, blob: LogBlob, offset: int, length: int) -> BlobRange | None:
        """
        Return at most so many bytes from an offset on; None where there is no such file.

        Raises:
            StorageRejected: it may not be read.
        """
        return await asyncio.to_thread(_read, Path(blob.name), offset, length)


def _listed(root: Path) -> list[ListedBlob]:
    try:
        return [_describe(path) for path in _files(root.resolve(strict=True))]
    except OSError as error:
        raise StorageRejected(f"{root} cannot be read: {error.strerror}") from error


def _files(root: Path) -> Iterator[Path]:
    if not root.is_dir():
        yield root
        return
    yield from sorted(path for path in root.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())


def _describe(path: Path) -> ListedBlob:
    status = path.stat()
    blob = LogBlob(account=_ACCOUNT, container=_CONTAINER, name=path.as_posix())
    return ListedBlob(blob=blob, size=status.st_size, etag=_version(status))


def _read(path: Path, offset: int, length: int) -> BlobRange | None:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            file.seek(offset)
            return BlobRange(data=file.read(length), size=status.st_size, etag=_version(status))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageRejected(f"{path} cannot be read: {error.strerror}") from error


def _version(status: os.stat_result) -> str:
    return f"{status.st_mtime_ns:x}-{status.st_size:x}"
