"""Charges: the tokens of a call, by what each kind of them cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from shared.domain.charging import price_of
from shared.domain.deployment import Deployment
from shared.domain.pricing import PriceTable, TokenClass, cost_usd, tokens_by_class, usd_of
from shared.domain.usage_record import UsageRecord, UsageSource

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCharge:
    """
    Tokens of one class, what a million of them costs, and what they cost: US dollars.

    Of a call whose cost cannot be told apart by class both `token_class` and `usd_per_million` are None, and it is
    the only one of that call.
    """

    token_class: TokenClass | None
    usd_per_million: Decimal | None
    tokens: int
    cost_usd: Decimal


def is_unpriced(record: UsageRecord) -> bool:
    """Return whether a call costs something and nobody knows how much."""
    charge = record.charge
    is_free = record.usage.source is UsageSource.NOT_APPLICABLE
    return charge.cost_usd is None and not charge.provisioned and not is_free


def token_charges(record: UsageRecord, deployment: Deployment, tables: Sequence[PriceTable]) -> Iterator[TokenCharge]:
    """
    Yield the charges of a call, whose costs sum to what the ledger says it cost; none where it says nothing.

    The ledger keeps the sum and not the price. It is told apart by the price that holds now, where that comes to
    the same sum: prices may have been changed since.
    """
    if record.charge.provisioned:
        yield from _provisioned(record)
    elif (cost := record.charge.cost_usd) is not None:
        parts = list(_by_class(record, deployment, tables))
        yield from parts or [_whole(record, cost)]


def _provisioned(record: UsageRecord) -> Iterator[TokenCharge]:
    """Tokens of a provisioned deployment cost nothing of their own: its hours are paid, in Azure's own bill."""
    counts = tokens_by_class(record.usage)
    if counts is None:
        yield _whole(record, _NOTHING)
        return
    for token_class, count in counts.items():
        if count:
            yield TokenCharge(token_class=token_class, usd_per_million=_NOTHING, tokens=count, cost_usd=_NOTHING)


def _by_class(record: UsageRecord, deployment: Deployment, tables: Sequence[PriceTable]) -> Iterator[TokenCharge]:
    price = price_of(record, deployment, tables)
    counts = tokens_by_class(record.usage)
    if price is None or counts is None or cost_usd(record.usage, price) != record.charge.cost_usd:
        return
    for token_class, count in counts.items():
        if count and (rate := price.rate(token_class)) is not None:
            yield TokenCharge(token_class=token_class, usd_per_million=rate, tokens=count, cost_usd=usd_of(count, rate))


def _whole(record: UsageRecord, cost: Decimal) -> TokenCharge:
    tokens = (record.usage.prompt_tokens or 0) + (record.usage.completion_tokens or 0)
    return TokenCharge(token_class=None, usd_per_million=None, tokens=tokens, cost_usd=cost)
