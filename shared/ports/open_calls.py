"""Finds what is left of workers that are gone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from shared.domain.liveness import Heartbeat, LeftOpen, Workers


class OpenCalls(Protocol):
    """Finds the calls that are open and whose worker is gone. Two may do so at once without harm."""

    async def workers(self) -> Workers:
        """Return the workers by the service's clock. Raises StorageError."""
        ...

    def pages(self) -> AsyncIterator[Sequence[LeftOpen]]:
        """
        Yield all open calls, a page at a time. One that cannot be understood is logged and left out.

        Raises:
            StorageError: they cannot be read.
        """
        ...

    async def take_away(self, row: LeftOpen) -> None:
        """Let go of a call that is recorded. Raises StorageError."""
        ...

    async def forget(self, heartbeat: Heartbeat) -> None:
        """Take a heartbeat away, unless the worker has beaten since. Raises StorageError."""
        ...
