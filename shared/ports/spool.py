"""Keeps on this machine what storage does not take."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.domain.usage_record import OpenCall, UsageRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledCall:
    """A call that is due: how it ended, or how it began where its process is gone. `place` is the spool's own."""

    entry: OpenCall | UsageRecord
    place: str


class Spool(Protocol):
    """
    Keeps on this machine what storage does not take, until it does.

    What a process leaves behind, however it ended, is the next one's to record. Every write may be
    repeated without harm.
    """

    async def keep(self, entry: OpenCall | UsageRecord) -> None:
        """
        Make a call durable, in place of what is kept of the same call.

        Raises:
            StorageUnavailable: it is not, for the disk fails or there is no room.
        """
        ...

    async def drop(self, call_id: str) -> None:
        """Let go of a call that this process keeps, if it does. Raises StorageUnavailable: the disk fails."""
        ...

    def due(self) -> AsyncGenerator[Sequence[SpooledCall], None]:
        """
        Yield, some at a time, the calls of this process that have ended, and all of processes that are gone.

        Close it when you stop early: what it yields is held against other processes meanwhile.

        Raises:
            StorageUnavailable: the disk fails.
        """
        ...

    async def remove(self, spooled: SpooledCall) -> None:
        """Let go of a call that is recorded. Raises StorageUnavailable: the disk fails."""
        ...

    async def set_aside(self, record: UsageRecord) -> None:
        """
        Keep a record that storage will never take where people find it and nobody tries it again.

        The oldest make room for the newest.

        Raises:
            StorageUnavailable: the disk fails.
        """
        ...
