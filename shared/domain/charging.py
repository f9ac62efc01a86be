"""What one call cost: which price holds for it, and what that comes to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC

from shared.domain.deployment import Deployment, DeploymentType, Tier, region_name, tier_served
from shared.domain.pricing import Price, PricedCall, PriceTable, cost_usd
from shared.domain.usage_record import NOT_CHARGED, Charge, UsageRecord, UsageSource

# What most deployments are of: the type that Azure's portal offers first.
_ASSUMED_TYPE = DeploymentType.GLOBAL


def charge_of(record: UsageRecord, deployment: Deployment, tables: Sequence[PriceTable]) -> Charge:
    """
    Return what a call cost, at the prices of the day it began. `tables` are asked in their order.

    What Azure says of the call goes before what the operator says of its deployment.
    """
    if record.usage.source is UsageSource.NOT_APPLICABLE:
        return NOT_CHARGED
    if deployment.provisioned and not record.spilled_over:
        return Charge(provisioned=True)
    price = price_of(record, deployment, tables)
    cost = cost_usd(record.usage, price) if price else None
    if price is None or cost is None:
        return NOT_CHARGED
    return Charge(cost_usd=cost, price_source=_source(price, record, deployment))


def price_of(record: UsageRecord, deployment: Deployment, tables: Sequence[PriceTable]) -> Price | None:
    """Return the price that holds for a call, None where none is known. `tables` are asked in their order."""
    call = _priced_call(record, deployment)
    return _find(tables, call) if call else None


def _priced_call(record: UsageRecord, deployment: Deployment) -> PricedCall | None:
    tier = _tier(record, deployment)
    if tier is None or record.usage.prompt_tokens is None:
        return None
    return PricedCall(
        deployment=record.call.deployment,
        models=tuple(_models(record, deployment)),
        type=deployment.type or _ASSUMED_TYPE,
        tier=tier,
        region=deployment.region or region_name(record.region),
        prompt_tokens=record.usage.prompt_tokens,
        day=record.call.begun_at.astimezone(UTC).date(),
    )


def _tier(record: UsageRecord, deployment: Deployment) -> Tier | None:
    """Return the tier, None where Azure names one we know nothing of."""
    if record.service_tier is not None:
        return tier_served(record.service_tier)
    return deployment.tier or Tier.STANDARD


def _models(record: UsageRecord, deployment: Deployment) -> Iterator[str]:
    """Yield the names the model may go by, the surest first."""
    if record.model and not _is_named_like_deployment(record):
        yield record.model
    if deployment.model:
        yield deployment.model
    elif record.model:
        yield record.model


def _is_named_like_deployment(record: UsageRecord) -> bool:
    """Return whether what Azure gives as the model is perhaps the deployment's name, as the Responses API's is."""
    return record.model == record.call.deployment


def _find(tables: Sequence[PriceTable], call: PricedCall) -> Price | None:
    return next((price for table in tables if (price := table.find(call))), None)


def _source(price: Price, record: UsageRecord, deployment: Deployment) -> str:
    """Return whose price it is, and what had to be assumed."""
    assumed = []
    if deployment.type is None and price.type is not None:
        assumed.append(f"{_ASSUMED_TYPE} deployment")
    if deployment.model is None and price.models and _is_named_like_deployment(record):
        assumed.append("model of the deployment's name")
    return f"{price.source} (assumed: {', '.join(assumed)})" if assumed else price.source
