"""Knows what rollups do not hold yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Protocol

from shared.domain.unfolded import Unfolded
from shared.domain.usage_keys import PrincipalDay


class UnfoldedUsage(Protocol):
    """Knows what rollups do not hold yet."""

    async def read(self) -> Unfolded:
        """
        Return all of it. What has landed before this is asked is in it, or in the rollups read after it.

        Raises:
            StorageError: it cannot be read.
        """
        ...

    async def forget(self, unfolded: Unfolded, folded_before: Mapping[PrincipalDay, str]) -> None:
        """
        Take away the notes, of those that were read, of records before these row keys: rollups hold them.

        Raises:
            StorageError: some may be left. To find them again costs time, and no exactness.
        """
        ...

    async def unsettle(self, day: date) -> None:
        """
        Mark a day before its rollups change: those of its month may not hold the change.

        Raises:
            StorageError: it is not marked.
        """
        ...

    async def settle(self, day: date, version: str) -> bool:
        """
        Take a day's mark away, and return True; False where it was marked again since that version.

        Raises:
            StorageError: it may still be marked.
        """
        ...

    async def mark_changed(self, days: Iterable[PrincipalDay]) -> None:
        """
        Have these days folded anew from their first record.

        Raises:
            StorageError: some may not be marked.
        """
        ...
