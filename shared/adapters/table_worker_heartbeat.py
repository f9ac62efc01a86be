"""A worker's sign of life: a row in the partition of its open calls, written anew for as long as it lives."""

from __future__ import annotations

import asyncio
import logging

from shared.adapters.group_commit import GroupCommit
from shared.adapters.table_wire import delete, upsert
from shared.adapters.usage_columns import HEARTBEAT_ROW, heartbeat_entity
from shared.domain.errors import StorageError

logger = logging.getLogger(__name__)

# Two beats may fail before the worker is taken for gone.
_BEATS_PER_LEASE = 3


class TableWorkerHeartbeat:
    """
    Beats from the worker's first call on, three times a lease, until it is closed.

    It shares the commits of the calls that begin, so that a beat costs no request where there are any.
    """

    def __init__(self, commits: GroupCommit, *, worker_id: str, lease_seconds: float) -> None:
        """Worker and commits are those of the ledger; a worker silent for longer than the lease is gone."""
        self._commits = commits
        self._worker_id = worker_id
        self._lease_seconds = lease_seconds
        self._beat = upsert(heartbeat_entity(worker_id, lease_seconds))
        self._first: asyncio.Future[None] | None = None
        self._beating: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def start(self) -> asyncio.Future[None] | None:
        """
        Return None once a heartbeat is durable, and before that what to wait for; it raises StorageError.

        What is submitted to the same commits after this is durable with the first heartbeat or after
        it. Many may wait for the one future: shield it.
        """
        if self._first is None or _has_failed(self._first):
            self._first = self._commits.submit(self._beat)
            # Where nobody waits for it any more, that it failed is nobody's error.
            self._first.add_done_callback(_has_failed)
        if self._beating is None:
            self._beating = asyncio.create_task(self._beat_on())
        return None if self._first.done() else self._first

    async def close(self, *, is_idle: bool) -> None:
        """Beat no more. Where nothing of the worker is open (`is_idle`), leave no row behind. Never raises."""
        self._closing.set()
        if self._beating is None:
            return
        await self._beating
        if is_idle:
            await self._remove()

    async def _beat_on(self) -> None:
        while not await self._is_closed_within(self._lease_seconds / _BEATS_PER_LEASE):
            try:
                await self._commits.submit(self._beat)
            except StorageError as error:
                logger.warning("worker.heartbeat_failed", extra={"worker_id": self._worker_id, "reason": str(error)})

    async def _is_closed_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._closing.wait()
        except TimeoutError:
            return False

    async def _remove(self) -> None:
        try:
            await self._commits.submit(delete(self._worker_id, HEARTBEAT_ROW))
        except StorageError as error:
            # The sweeper takes it away.
            logger.warning("worker.heartbeat_left", extra={"worker_id": self._worker_id, "reason": str(error)})


def _has_failed(beat: asyncio.Future[None]) -> bool:
    return beat.done() and (beat.cancelled() or beat.exception() is not None)
