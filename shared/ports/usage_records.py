"""Reads the ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol

from shared.domain.usage_record import UsageRecord


class UsageRecords(Protocol):
    """Reads the ledger."""

    def between(
        self,
        begun_from: datetime,
        begun_before: datetime,
        *,
        tenant_id: str | None = None,
        object_id: str | None = None,
    ) -> AsyncIterator[Sequence[UsageRecord]]:
        """
        Yield the records begun in [begun_from, begun_before), a page at a time, by day and principal.

        With a tenant and object id, only those of that principal.

        Raises:
            StorageError: the ledger cannot be read.
        """
        ...
