"""What others say of one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from shared.domain.call_story import LoggedCall
from shared.domain.usage_record import UsageRecord


class CallLog(Protocol):
    """Finds what Azure logged of a call."""

    async def of_record(self, record: UsageRecord) -> LoggedCall | None:
        """Return it; None where Azure has logged none, so far. Raises StorageError."""
        ...


class CallFindings(Protocol):
    """Finds what does not add up about a call."""

    async def about(self, record: UsageRecord) -> Sequence[Mapping[str, Any]]:
        """Return the findings that name it, as their columns have them. Raises StorageError."""
        ...


class NoFindings:
    """Where nothing looks for any."""

    async def about(self, record: UsageRecord) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002 - the port's
        """Return none."""
        return ()
