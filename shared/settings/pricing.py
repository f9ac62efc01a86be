"""What the operator says of prices and deployments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.adapters.json_prices import read_deployments, read_prices
from shared.domain.deployment import Deployment
from shared.domain.pricing import Price
from shared.settings.reader import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class PricingSettings:
    """What the operator says of prices, before ours are asked, and of deployments, by name in lower case."""

    prices: Sequence[Price]
    deployments: Mapping[str, Deployment]


def read_pricing(read: Reader) -> PricingSettings:
    """Read them, and tell the reader what is wrong with them."""
    return PricingSettings(
        prices=read.parsed("PRICES", parse=read_prices, empty="[]"),
        deployments=read.parsed("DEPLOYMENTS", parse=read_deployments, empty="{}"),
    )
