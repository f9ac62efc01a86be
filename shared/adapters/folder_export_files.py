"""Exported files in a folder of this machine."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import BinaryIO

from shared.domain.errors import StorageRejected
from shared.domain.exports import FileFacts


class FolderExportFiles:
    """Fulfils ExportFiles. A file is written beside its place and moved there when it is whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def begin(self, name: str, media_type: str) -> NewFileOnDisk:  # noqa: ARG002 - a disk keeps none
        """
        See ExportFiles.

        Raises:
            StorageRejected: the folder cannot be written.
        """
        path = self._folder / name
        try:
            return await asyncio.to_thread(_begin, path)
        except OSError as error:
            raise StorageRejected(f"{path} cannot be written: {error.strerror}") from error


def _begin(path: Path) -> NewFileOnDisk:
    path.parent.mkdir(parents=True, exist_ok=True)
    # A dot before it: readers of a folder of partitions leave such files out.
    descriptor, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    return NewFileOnDisk(path, Path(beside), os.fdopen(descriptor, "wb"))


class NewFileOnDisk:
    """Fulfils NewFile. The file that was there before is always replaced."""

    replaced_sha256 = None

    def __init__(self, path: Path, beside: Path, file: BinaryIO) -> None:
        self._path = path
        self._beside = beside
        self._file = file

    async def write(self, data: bytes) -> None:
        """
        See NewFile.

        Raises:
            StorageRejected: the disk is full.
        """
        try:
            await asyncio.to_thread(self._file.write, data)
        except OSError as error:
            raise StorageRejected(f"{self._path} cannot be written: {error.strerror}") from error

    async def commit(self, facts: FileFacts) -> bool:  # noqa: ARG002 - a disk keeps none
        """See NewFile. Raises StorageRejected as `write` does."""
        try:
            await asyncio.to_thread(self._move)
        except OSError as error:
            raise StorageRejected(f"{self._path} cannot be written: {error.strerror}") from error
        return True

    async def abandon(self) -> None:
        """See NewFile."""
        await asyncio.to_thread(self._drop)

    def _move(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        # mkstemp lets nobody else read; a file that is asked for is for whoever may read the folder.
        self._beside.chmod(0o644)
        self._beside.replace(self._path)

    def _drop(self) -> None:
        self._file.close()
        self._beside.unlink(missing_ok=True)
