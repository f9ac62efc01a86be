"""What Azure says of one call."""

from __future__ import annotations

from typing import Protocol

from shared.domain.call_story import LoggedCall
from shared.domain.usage_record import UsageRecord


class CallLog(Protocol):
    """Finds what Azure logged of a call."""

    async def of_record(self, record: UsageRecord) -> LoggedCall | None:
        """Return it; None where Azure has logged none, so far. Raises StorageError."""
        ...
