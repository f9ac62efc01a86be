"""Reads the records of a principal's day, for rollups."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Protocol

from shared.domain.usage_entry import UsageEntry
from shared.domain.usage_keys import PrincipalDay


class UsageEntries(Protocol):
    """Reads the records of a principal's day, for rollups."""

    def entries(
        self, whose: PrincipalDay, *, row_from: str = "", row_after: str = "", row_before: str = ""
    ) -> AsyncIterator[Sequence[UsageEntry]]:
        """
        Yield records in the order of their row keys, a page at a time: in [row_from, row_before), after `row_after`.

        One that cannot be understood is logged and left out, as UsageRecords does.

        Raises:
            StorageError: they cannot be read.
        """
        ...

    async def principal_days(self, first: date, last: date) -> set[PrincipalDay]:
        """
        Return who has records on these days. It reads the keys of all of them.

        Raises:
            StorageError: they cannot be read.
        """
        ...
