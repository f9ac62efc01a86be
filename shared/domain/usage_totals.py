"""Sums over usage records, exact to the last token and digit."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal

from shared.domain.pricing import add_usd
from shared.domain.usage_entry import UsageEntry
from shared.domain.usage_record import Outcome, UsageSource

_ESTIMATES = frozenset({UsageSource.ESTIMATED, UsageSource.PARTIAL})


@dataclass(slots=True, kw_only=True)
class UsageTotals:
    """
    Sums over records. Tokens count what is known; `calls_uncounted` says of how many calls it is not.

    Cached and reasoning tokens are parts of prompt and completion tokens. `cost_usd` sums, exactly, what is
    known, and is None where nothing is; `calls_unpriced` says of how many calls that use tokens it is not.
    Tokens of provisioned deployments, which have no price, are summed for themselves too.
    """

    calls: int = 0
    calls_failed: int = 0
    calls_estimated: int = 0
    calls_uncounted: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    total_tokens: int = 0
    cost_usd: Decimal | None = None
    calls_unpriced: int = 0
    provisioned_tokens: int = 0

    def add(self, entry: UsageEntry) -> None:
        """Add one record."""
        source = entry.usage_source
        self.calls += 1
        self.calls_failed += entry.outcome is not Outcome.COMPLETED
        self.calls_estimated += source in _ESTIMATES
        self.calls_uncounted += source is UsageSource.UNAVAILABLE
        self.prompt_tokens += entry.prompt_tokens or 0
        self.completion_tokens += entry.completion_tokens or 0
        self.cached_tokens += entry.cached_tokens or 0
        self.reasoning_tokens += entry.reasoning_tokens or 0
        self.total_tokens += entry.total_tokens or 0
        if entry.cost_usd is not None:
            self.cost_usd = add_usd(self.cost_usd, Decimal(entry.cost_usd))
        elif not entry.provisioned:
            # It costs something, unless it used nothing, and nobody knows how much.
            self.calls_unpriced += source is not UsageSource.NOT_APPLICABLE
        if entry.provisioned:
            self.provisioned_tokens += entry.total_tokens or 0

    def merge(self, other: UsageTotals) -> None:
        """Add what others have summed."""
        self.calls += other.calls
        self.calls_failed += other.calls_failed
        self.calls_estimated += other.calls_estimated
        self.calls_uncounted += other.calls_uncounted
        self.prompt_tokens += other.prompt_tokens
        self.completion_tokens += other.completion_tokens
        self.cached_tokens += other.cached_tokens
        self.reasoning_tokens += other.reasoning_tokens
        self.total_tokens += other.total_tokens
        self.cost_usd = add_usd(self.cost_usd, other.cost_usd)
        self.calls_unpriced += other.calls_unpriced
        self.provisioned_tokens += other.provisioned_tokens


TOTAL_COLUMNS = tuple(field.name for field in fields(UsageTotals))
