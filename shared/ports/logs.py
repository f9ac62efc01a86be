"""The blobs that Azure exports its logs to, and what is kept of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from shared.domain.logs.entries import LogEntry
from shared.domain.logs.reading import BlobRange, Checkpoint, DeadLetter, ListedBlob, LogBlob, PutResult


class LogBlobs(Protocol):
    """The blobs that Azure exports its logs to: append blobs, one per resource, category and hour."""

    def under(self, container: str, prefix: str) -> AsyncIterator[ListedBlob]:
        """Yield the blobs whose names begin so, by name; none where there is no container. Raises StorageError."""
        ...

    async def read(self, blob: LogBlob, offset: int, length: int) -> BlobRange | None:
        """
        Return at most so many bytes from an offset on, all of one version; None where there is no such blob.

        Raises:
            StorageError: it cannot be read.
        """
        ...


class LogContainers(Protocol):
    """Where those blobs lie: a container for each category, in it a folder for each resource."""

    @property
    def account(self) -> str:
        """The name of the storage account."""
        ...

    def containers(self, patterns: Sequence[str]) -> AsyncIterator[str]:
        """
        Yield the containers that are meant: each name, and those that are there for each pattern with a `*`.

        Raises:
            StorageError: they cannot be listed.
        """
        ...

    def resources(self, container: str) -> AsyncIterator[str]:
        """
        Yield what the blob names of each resource begin with, up to their year; none where there is no container.

        Raises:
            StorageError: they cannot be listed.
        """
        ...


class Checkpoints(Protocol):
    """Keeps how far each blob has been read. Of two readers that move one checkpoint, one is told."""

    async def get(self, blob: LogBlob) -> Checkpoint:
        """Return the checkpoint, one of nothing read where there is none. Raises StorageError."""
        ...

    async def of_container(self, account: str, container: str, since: datetime) -> Mapping[str, Checkpoint]:
        """Return, by name, those of blobs of hours from `since` on. Raises StorageError."""
        ...

    async def advance(self, blob: LogBlob, checkpoint: Checkpoint) -> Checkpoint | None:
        """
        Keep a checkpoint in place of the one it was made from, and return it with its new version.

        Returns None where another reader has been here meanwhile: nothing is kept.

        Raises:
            StorageError: it is not known whether it is kept.
        """
        ...


class LogStore(Protocol):
    """Keeps what logs say. Every write may be repeated without harm."""

    async def put(self, entries: Sequence[LogEntry]) -> Sequence[PutResult]:
        """
        Make entries durable, and say of each, in order, what came of it.

        Where there is one of the same key, what is kept is the richer of both.

        Raises:
            StorageUnavailable: it is not known of all of them.
        """
        ...


class DeadLetters(Protocol):
    """Keeps lines that cannot be read or stored, for people."""

    async def keep(self, blob: LogBlob, letters: Sequence[DeadLetter], length: int) -> int:
        """
        Make the dead letters of a blob durable, each once, and return how long they are now.

        `length` is how long they were when all that was then in them was known: behind it may be some of
        these, of a reader that did not come as far as to say so.

        Raises:
            StorageError: they are not durable.
        """
        ...
