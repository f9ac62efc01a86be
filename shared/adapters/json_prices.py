"""Prices and descriptions of deployments as JSON: those an operator sets, and the prices that ship with us."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from shared.domain.deployment import Deployment, DeploymentType, Tier, region_name
from shared.domain.errors import OurError
from shared.domain.pricing import PRICE_DECIMALS, PRICE_LIMIT, Price, TokenClass

SHIPPED_PRICES = Path(__file__).parent / "prices" / "prices.json"

# Where a price comes from that an operator set.
_SETTINGS = "settings"

_Form = TypeVar("_Form")


def shipped_prices(path: Path = SHIPPED_PRICES) -> Sequence[Price]:
    """Return the prices that ship with the package. Raises OurError: the file is missing or damaged."""
    try:
        rows = _decode(path.read_bytes(), list[_ShippedPrice])
        return [_shipped_price(row, f"$[{index}]") for index, row in enumerate(rows)]
    except (OSError, ValueError) as error:
        raise OurError(f"the price list {path.name} cannot be read") from error


def read_prices(text: str) -> Sequence[Price]:
    """
    Return the prices of a JSON list as docs/settings.md describes it. No number passes through a float.

    Raises:
        ValueError: saying what is wrong, and where.
    """
    rows = _decode(text, list[_SetPrice])
    return [_set_price(row, f"$[{index}]") for index, row in enumerate(rows)]


def read_deployments(text: str) -> Mapping[str, Deployment]:
    """Return descriptions of deployments, by name in lower case. Raises ValueError as read_prices."""
    return {
        name.lower(): Deployment(
            model=row.model,
            type=row.type,
            tier=row.tier,
            region=region_name(row.region),
            provisioned=row.ptu,
        )
        for name, row in _decode(text, dict[str, _Deployment]).items()
    }


class _Price(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What all prices say. Rates are US dollars per million tokens."""

    type: DeploymentType | None = None
    tier: Tier = Tier.STANDARD
    above_prompt_tokens: Annotated[int, msgspec.Meta(ge=0)] = 0
    begins: date | None = msgspec.field(default=None, name="from")
    prompt: Decimal
    cached: Decimal | None = None
    cache_write: Decimal | None = None
    audio_prompt: Decimal | None = None
    completion: Decimal | None = None
    audio_completion: Decimal | None = None


class _SetPrice(_Price, kw_only=True):
    """One that an operator sets: of a model, or of a deployment."""

    model: str | None = None
    deployment: str | None = None


class _ShippedPrice(_Price, kw_only=True):
    """One that ships with us: of models of one price, and whose it is."""

    models: frozenset[str]
    regions: frozenset[str] | None = None
    source: str


class _Deployment(msgspec.Struct, forbid_unknown_fields=True):
    model: str | None = None
    type: DeploymentType | None = None
    tier: Tier | None = None
    region: str | None = None
    ptu: bool = False


def _decode(content: str | bytes, form: type[_Form]) -> _Form:
    try:
        return msgspec.json.decode(content, type=form)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error


def _set_price(row: _SetPrice, place: str) -> Price:
    if (row.model is None) == (row.deployment is None):
        raise ValueError(f"either 'model' or 'deployment' is needed - at `{place}`")
    models = frozenset() if row.model is None else frozenset({row.model})
    return _price(row, place, models=models, deployment=row.deployment, source=_SETTINGS)


def _shipped_price(row: _ShippedPrice, place: str) -> Price:
    return _price(row, place, models=row.models, regions=row.regions, source=row.source)


def _price(
    row: _Price,
    place: str,
    *,
    models: frozenset[str],
    source: str,
    deployment: str | None = None,
    regions: frozenset[str] | None = None,
) -> Price:
    return Price(
        models=models,
        deployment=deployment,
        type=row.type,
        tier=row.tier,
        above_prompt_tokens=row.above_prompt_tokens,
        regions=regions,
        begins=row.begins,
        usd_per_million=_rates(row, place),
        source=source,
    )


def _rates(row: _Price, place: str) -> dict[TokenClass, Decimal]:
    rates = {token_class: getattr(row, token_class) for token_class in TokenClass}
    for token_class, rate in rates.items():
        if rate is not None and not _is_price(rate):
            raise ValueError(
                f"{token_class} is a number from 0 to {PRICE_LIMIT:,} with at most {PRICE_DECIMALS} decimals"
                f" - at `{place}.{token_class}`"
            )
    return {token_class: rate for token_class, rate in rates.items() if rate is not None}


def _is_price(rate: Decimal) -> bool:
    exponent = rate.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -PRICE_DECIMALS and 0 <= rate <= PRICE_LIMIT
