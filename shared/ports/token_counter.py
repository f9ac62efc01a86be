"""Counts tokens."""

from __future__ import annotations

from typing import Protocol

from shared.domain.token_counting import CountableCall
from shared.domain.usage_record import CountAudit, TokenUsage


class TokenCounter(Protocol):
    """Counts tokens where Azure reported none."""

    async def estimate(self, call: CountableCall) -> TokenUsage:
        """Return an estimate that carries its source and method. Never raises for odd input."""
        ...

    async def recount(self, call: CountableCall) -> CountAudit | None:
        """Return our count of a call that Azure has counted, None where no part of it can be counted whole."""
        ...
