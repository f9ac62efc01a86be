"""Where exported files are kept."""

from __future__ import annotations

from typing import Protocol

from shared.domain.exports import FileFacts


class NewFile(Protocol):
    """A file that is being written: nobody sees any of it before it is whole."""

    @property
    def replaced_sha256(self) -> str | None:
        """The hash of the file that it would replace; None where there is none, or nobody knows."""
        ...

    async def write(self, data: bytes) -> None:
        """
        Take the next bytes.

        Raises:
            StorageError: they are not kept.
        """
        ...

    async def commit(self, facts: FileFacts) -> bool:
        """
        Put the file in the place of the one that was there when this one was begun.

        Return False, and leave all as it is, where somebody else has written it since.

        Raises:
            StorageError: it is not durable.
        """
        ...

    async def abandon(self) -> None:
        """Leave what was there as it is."""
        ...


class ExportFiles(Protocol):
    """Keeps files."""

    async def begin(self, name: str, media_type: str) -> NewFile:
        """
        Begin a file, which may be there already.

        Raises:
            StorageError: it cannot be begun.
        """
        ...
