"""Backfill logs: a whole container or folder, or a part of one, however old."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable

from shared.domain.logs.blob_name import is_sealed
from shared.domain.logs.reading import Ingested, LogBlob
from shared.ports.clock import Clock
from shared.ports.logs import LogBlobs
from shared.usecases.ingest_log_blob import IngestLogBlob

# Each holds a part of its blob in memory.
_CONCURRENT_BLOBS = 4

# Is told how many bytes of how many have been read.
OnProgress = Callable[[int, int], None]


class BackfillLogs:
    """Interrupted anywhere, it goes on from there when it is run again."""

    def __init__(self, *, blobs: LogBlobs, ingest: IngestLogBlob, clock: Clock, all_sealed: bool) -> None:
        """`all_sealed` says that nothing is appended to any of the blobs, whatever their names say."""
        self._blobs = blobs
        self._ingest = ingest
        self._clock = clock
        self._all_sealed = all_sealed

    async def __call__(self, container: str, prefix: str, *, on_progress: OnProgress) -> Ingested:
        """
        Ingest all blobs whose names begin so, and return what came of them.

        Raises:
            StorageError: the next run goes on from there.
        """
        listed = [each async for each in self._blobs.under(container, prefix)]
        progress = _Progress(on_progress, sum(each.size for each in listed))
        readers = asyncio.Semaphore(_CONCURRENT_BLOBS)

        async def ingest(blob: LogBlob) -> Ingested:
            async with readers:
                is_done = self._all_sealed or is_sealed(blob.name, self._clock.now())
                return await self._ingest(blob, is_sealed=is_done, on_read=progress.of_one_blob())

        return sum(await _all_or_first_error([ingest(each.blob) for each in listed]), Ingested())


class _Progress:
    """Adds up how far the blobs have been read."""

    def __init__(self, on_progress: OnProgress, bytes_in_all: int) -> None:
        self._on_progress = on_progress
        self._bytes_in_all = bytes_in_all
        self._bytes_read = 0

    def of_one_blob(self) -> Callable[[int], None]:
        """Return what takes up to where one blob is read."""
        before = 0

        def on_read(offset: int) -> None:
            nonlocal before
            self._bytes_read += offset - before
            before = offset
            self._on_progress(self._bytes_read, self._bytes_in_all)

        return on_read


async def _all_or_first_error(work: Iterable[Coroutine[None, None, Ingested]]) -> list[Ingested]:
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
    except ExceptionGroup as errors:
        # The others were cancelled for it, or say the same.
        raise errors.exceptions[0] from errors
    return [task.result() for task in tasks]
