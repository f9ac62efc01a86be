"""Ingest recent logs: all that can have changed since the last look, in every container of logs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain.errors import StorageError
from shared.domain.logs.blob_name import LATENESS, is_sealed, recent_prefixes
from shared.domain.logs.reading import Checkpoint, Ingested, ListedBlob
from shared.ports.clock import Clock
from shared.ports.logs import Checkpoints, LogBlobs, LogContainers
from shared.usecases.ingest_log_blob import IngestLogBlob

logger = logging.getLogger(__name__)

# Each holds a part of its blob in memory.
_CONCURRENT_BLOBS = 4
# A resource is new once in a while, and to find it takes a listing for each folder above its logs.
_RESOURCES_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class _Resources:
    """What blob names in a container begin with, and when, by the monotonic clock, they were listed."""

    prefixes: Sequence[str]
    listed_at: float


class IngestRecentLogs:
    """
    Run it every minute, on as many instances as there are.

    A blob or container that fails is logged and stops no other; the next run tries again.
    """

    def __init__(
        self,
        *,
        blobs: LogBlobs,
        containers: LogContainers,
        checkpoints: Checkpoints,
        ingest: IngestLogBlob,
        clock: Clock,
        patterns: Sequence[str],
    ) -> None:
        """`patterns` are names of containers, with `*` for any text."""
        self._blobs = blobs
        self._containers = containers
        self._checkpoints = checkpoints
        self._ingest = ingest
        self._clock = clock
        self._patterns = patterns
        self._resources: dict[str, _Resources] = {}
        self._readers = asyncio.Semaphore(_CONCURRENT_BLOBS)

    async def __call__(self) -> Ingested:
        """
        Ingest what is new, and return what came of it.

        Raises:
            StorageError: the containers cannot be listed.
        """
        done = Ingested()
        async for container in self._containers.containers(self._patterns):
            try:
                done += await self._ingest_container(container)
            except StorageError as error:
                logger.warning("logs.not_listed", extra={"container": container, "reason": str(error)})
        return done

    async def _ingest_container(self, container: str) -> Ingested:
        now = self._clock.now()
        changed = await self._changed(container, now)
        return sum(await asyncio.gather(*(self._ingest_blob(listed, now) for listed in changed)), Ingested())

    async def _ingest_blob(self, listed: ListedBlob, now: datetime) -> Ingested:
        blob = listed.blob
        async with self._readers:
            try:
                return await self._ingest(blob, is_sealed=is_sealed(blob.name, now))
            except StorageError as error:
                extra = {"container": blob.container, "blob": blob.name, "reason": str(error)}
                logger.warning("logblob.not_ingested", extra=extra)
                return Ingested()

    async def _changed(self, container: str, now: datetime) -> list[ListedBlob]:
        """Return the blobs of recent hours that are not as their checkpoint has them."""
        prefixes = [p for resource in await self._resources_of(container) for p in recent_prefixes(resource, now)]
        recent = [listed for prefix in prefixes async for listed in self._blobs.under(container, prefix)]
        if not recent:
            return []
        known = await self._checkpoints.of_container(self._containers.account, container, now - LATENESS * 2)
        return [listed for listed in recent if not _is_read(known.get(listed.blob.name), listed, now)]

    async def _resources_of(self, container: str) -> Sequence[str]:
        known, now = self._resources.get(container), self._clock.monotonic()
        if known is None or not known.prefixes or now - known.listed_at >= _RESOURCES_SECONDS:
            prefixes = [prefix async for prefix in self._containers.resources(container)]
            known = self._resources[container] = _Resources(prefixes, now)
        return known.prefixes


def _is_read(checkpoint: Checkpoint | None, listed: ListedBlob, now: datetime) -> bool:
    return checkpoint is not None and checkpoint.has_read(listed, is_sealed=is_sealed(listed.blob.name, now))
