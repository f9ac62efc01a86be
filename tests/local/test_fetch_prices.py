"""The shipped price list against the packages it is made from."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from azure_genai_prices import Meter, PriceKind, store
from azure_genai_prices.types import DeploymentType as MeterType
from azure_genai_prices.types import MeterKey
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import TieredPrices

from local.fetch_prices import price_rows
from shared.adapters.json_prices import SHIPPED_PRICES

AZURE_AS_OF = "2026-08-11"
# OpenAI cut these on 2026-07-30 and 2026-08-21. Azure's list, read in between, had not followed the first cut.
CUT_BY_OPENAI = {"gpt-5.6-luna", "gpt-5.6-sol", "gpt-5.6-terra"}
# Models of others: genai-prices has what somebody else asks for them.
NOT_OPENAIS = re.compile("gpt-oss|deepseek|grok|kimi|llama|mistral|mai-ds")


def rows() -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = json.loads(json.dumps(price_rows(store.get_table(), AZURE_AS_OF)))
    return made


def meter(region_prices: dict[str, str], kind: PriceKind = PriceKind.INPUT) -> tuple[tuple[str, ...], Meter]:
    key = MeterKey(model="gpt-5", kind=kind, deployment=MeterType.DATA_ZONE)
    return key.as_tuple(), Meter(key, {region: Decimal(price) for region, price in region_prices.items()})


def test_the_shipped_list_is_what_the_packages_say() -> None:
    """Who updates a package sees here that prices have moved, and runs `python -m local.fetch_prices`."""
    assert json.loads(SHIPPED_PRICES.read_text()) == rows()


def test_azures_global_prices_are_openais() -> None:
    """Two lists, made by strangers to each other, agree: neither has a meter or a digit wrong."""
    compared = [
        (model, name, Decimal(row[name]), theirs)
        for row in rows()
        if row["source"].startswith("Azure") and (row["type"], row["tier"]) == ("global", "standard")
        for model in row["models"]
        if model not in CUT_BY_OPENAI and not NOT_OPENAIS.match(model)
        for name, theirs in openai_rates(model, row.get("above_prompt_tokens", 0)).items()
        if name in row
    ]

    assert len(compared) > 100
    assert [each for each in compared if each[2] != each[3]] == []


def openai_rates(model: str, above: int) -> dict[str, Decimal]:
    """Return what genai-prices has for a model on Azure, per million tokens."""
    providers = get_snapshot().providers
    azure = next(provider for provider in providers if provider.id == "azure")
    found = azure.find_model(model, all_providers=providers)
    if found is None:
        return {}
    prices = found.get_prices(datetime(2026, 11, 23, tzinfo=UTC))
    rates = {"prompt": prices.input_mtok, "cached": prices.cache_read_mtok, "completion": prices.output_mtok}
    return {name: rate_at(price, above) for name, price in rates.items() if price is not None}


def rate_at(price: Decimal | TieredPrices, above: int) -> Decimal:
    if isinstance(price, Decimal):
        return price
    return price.tiers[0].price if above else price.base


def test_regions_are_named_only_where_they_differ() -> None:
    """A call whose region is not known has a price as long as there is but one."""
    alike = price_rows(dict([meter({"eastus": "0.000001", "westus": "0.000001"})]), AZURE_AS_OF)[0]
    differing = price_rows(dict([meter({"eastus": "0.000001", "japaneast": "0.000002"})]), AZURE_AS_OF)[:2]

    assert (alike["prompt"], "regions" in alike) == ("1", False)
    assert [(row["prompt"], row["regions"]) for row in differing] == [("1", ["eastus"]), ("2", ["japaneast"])]


def test_a_region_that_one_meter_leaves_out_has_the_price_of_all_others() -> None:
    """Azure lists a region's meters one after another; nothing else is cheaper or dearer there."""
    meters = [meter({"eastus": "0.000001", "westus": "0.000001"}), meter({"eastus": "0.000004"}, PriceKind.OUTPUT)]
    (row,) = [row for row in price_rows(dict(meters), AZURE_AS_OF) if row["source"].startswith("Azure")]

    assert (row["prompt"], row["completion"], "regions" in row) == ("1", "4", False)


@pytest.mark.parametrize("name", ["gpt-5-4", "whisper-1", "gpt-image-1", "ft:gpt-4o", "gpt-oss-20b"])
def test_what_we_do_not_count_has_no_price(name: str) -> None:
    """A price for text alone would be a wrong one."""
    assert not [row for row in rows() if name in row["models"]]
