"""Prices and deployments as JSON: read without rounding, refused with the place of the mistake."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.json_prices import SHIPPED_PRICES, read_deployments, read_prices, shipped_prices
from shared.domain.deployment import Deployment, DeploymentType, Tier
from shared.domain.errors import OurError
from shared.domain.pricing import PRICE_DECIMALS, PRICE_LIMIT, Price, PricedCall, PriceTable, TokenClass

OWN = {"model": "own", "prompt": "1"}


def shipped(model: str, kind: DeploymentType = DeploymentType.GLOBAL, **facts: Any) -> Price | None:
    """Return the shipped price of a model."""
    known: dict[str, Any] = {
        "deployment": None,
        "models": (model,),
        "type": kind,
        "tier": Tier.STANDARD,
        "region": "swedencentral",
        "prompt_tokens": 100,
        "day": date(2026, 11, 23),
    }
    return PriceTable(shipped_prices()).find(PricedCall(**known | facts))


def rates(price: Price | None) -> dict[str, str]:
    assert price is not None
    return {token_class.value: str(rate) for token_class, rate in price.usd_per_million.items()}


def test_a_price_is_read_with_all_it_says() -> None:
    """As docs/settings.md describes it."""
    (price,) = read_prices(
        '[{"model":"gpt-5","type":"datazone","tier":"batch","from":"2026-12-01","above_prompt_tokens":272000,'
        '"prompt":1.375,"cached":"0.1375","completion":11}]'
    )

    assert price == Price(
        models=frozenset({"gpt-5"}),
        type=DeploymentType.DATA_ZONE,
        tier=Tier.BATCH,
        begins=date(2026, 12, 1),
        above_prompt_tokens=272_000,
        usd_per_million={
            TokenClass.PROMPT: Decimal("1.375"),
            TokenClass.CACHED: Decimal("0.1375"),
            TokenClass.COMPLETION: Decimal(11),
        },
        source="settings",
    )


@given(st.decimals(0, PRICE_LIMIT, places=PRICE_DECIMALS))
def test_no_digit_of_a_price_is_lost(rate: Decimal) -> None:
    """A JSON number is read from its text; a float would have 17 digits of it."""
    number, text = f'[{{"model":"m","prompt":{rate:f}}}]', f'[{{"model":"m","prompt":"{rate:f}"}}]'

    assert [price.usd_per_million[TokenClass.PROMPT] for price in (*read_prices(number), *read_prices(text))] == [
        rate,
        rate,
    ]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "truncated"),
        ("{}", "Expected `array`"),
        (json.dumps([OWN, {"model": "m"}]), r"`prompt` - at `\$\[1\]`"),
        (json.dumps([OWN | {"prompt": "cheap"}]), r"\$\[0\].prompt"),
        (json.dumps([OWN | {"prompt": -1}]), r"prompt is a number from 0 .* - at `\$\[0\].prompt`"),
        (json.dumps([OWN | {"completion": "NaN"}]), r"\$\[0\].completion"),
        (json.dumps([OWN | {"completion": "1e7"}]), r"\$\[0\].completion"),
        (json.dumps([OWN | {"completion": "1e-13"}]), r"\$\[0\].completion"),
        (json.dumps([OWN | {"promt": 1}]), "promt"),
        (json.dumps([OWN | {"type": "zone"}]), r"'zone' - at `\$\[0\].type`"),
        (json.dumps([OWN | {"from": "tomorrow"}]), r"\$\[0\].from"),
        (json.dumps([OWN | {"above_prompt_tokens": -1}]), r"\$\[0\].above_prompt_tokens"),
        (json.dumps([{"prompt": 1}]), r"either 'model' or 'deployment' is needed - at `\$\[0\]`"),
        (json.dumps([OWN | {"deployment": "d"}]), r"either 'model' or 'deployment'"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, where: str) -> None:
    """The list may be long, and a price that is passed over bills nothing."""
    with pytest.raises(ValueError, match=where):
        read_prices(text)


def test_deployments_are_read_by_name_in_lower_case() -> None:
    """Azure's names know no case; regions are spelt in two ways."""
    text = '{"Chat":{"model":"gpt-5","type":"regional","tier":"priority","region":"East US 2"},"ptu":{"ptu":true}}'

    assert read_deployments(text) == {
        "chat": Deployment(
            model="gpt-5", type=DeploymentType.REGIONAL, tier=Tier.PRIORITY, region="eastus2", provisioned=False
        ),
        "ptu": Deployment(provisioned=True),
    }


@pytest.mark.parametrize("text", ["[]", '{"chat":{"type":"standard"}}', '{"chat":{"sku":"GlobalStandard"}}', "x"])
def test_a_description_that_is_not_understood_is_refused(text: str) -> None:
    """Passed over, its calls would be charged at another price."""
    with pytest.raises(ValueError):
        read_deployments(text)


# Published prices per million tokens: https://azure.microsoft.com/pricing/details/cognitive-services/openai-service/
@pytest.mark.parametrize(
    ("model", "kind", "published"),
    [
        ("gpt-4o-2024-11-20", DeploymentType.GLOBAL, {"prompt": "2.5", "cached": "1.25", "completion": "10"}),
        ("gpt-4o-2024-05-13", DeploymentType.GLOBAL, {"prompt": "5", "completion": "15"}),
        ("gpt-4.1-2025-04-14", DeploymentType.GLOBAL, {"prompt": "2", "cached": "0.5", "completion": "8"}),
        ("gpt-4.1-2025-04-14", DeploymentType.DATA_ZONE, {"prompt": "2.2", "cached": "0.55", "completion": "8.8"}),
        ("gpt-5-2025-08-07", DeploymentType.GLOBAL, {"prompt": "1.25", "cached": "0.125", "completion": "10"}),
        ("gpt-5-2025-08-07", DeploymentType.DATA_ZONE, {"prompt": "1.375", "cached": "0.1375", "completion": "11"}),
        ("o3-2025-04-16", DeploymentType.GLOBAL, {"prompt": "2", "cached": "0.5", "completion": "8"}),
        ("gpt-4o-2024-11-20", DeploymentType.REGIONAL, {"prompt": "3.025", "cached": "1.513", "completion": "12.1"}),
        ("gpt-35-turbo", DeploymentType.GLOBAL, {"prompt": "0.5", "completion": "1.5"}),
        ("text-embedding-3-small", DeploymentType.GLOBAL, {"prompt": "0.02"}),
        (
            "gpt-4o-audio-preview-2024-12-17",
            DeploymentType.GLOBAL,
            {"prompt": "2.5", "audio_prompt": "40", "completion": "10", "audio_completion": "80"},
        ),
    ],
)
def test_shipped_prices_are_those_published(model: str, kind: DeploymentType, published: dict[str, str]) -> None:
    """By the names that Azure's answers give the models."""
    assert rates(shipped(model, kind)) == published


def test_tiers_and_long_prompts_have_shipped_prices_of_their_own() -> None:
    """Batch is half of standard, priority twice it; beyond 272,000 tokens all of a call is dearer."""
    assert rates(shipped("gpt-5", tier=Tier.BATCH)) == {"prompt": "0.625", "cached": "0.0625", "completion": "5"}
    assert rates(shipped("gpt-5", tier=Tier.PRIORITY)) == {"prompt": "2.5", "cached": "0.25", "completion": "20"}
    assert rates(shipped("gpt-5.4", prompt_tokens=272_001)) == {"prompt": "5", "cached": "0.5", "completion": "22.5"}
    assert shipped("gpt-5", tier=Tier.FLEX) is None


def test_every_shipped_price_says_whose_it_is() -> None:
    """A figure on a bill is traced to where it came from."""
    assert {price.source.rsplit(" ", 1)[0] for price in shipped_prices()} == {"Azure retail prices", "genai-prices"}


@pytest.mark.parametrize("content", [None, b"", b"[{}]", b"\xff", SHIPPED_PRICES.read_bytes()[:-3]])
def test_a_damaged_price_list_is_said_to_be_one(tmp_path: Path, content: bytes | None) -> None:
    """And not taken for one of fewer prices."""
    path = tmp_path / "prices.json"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(OurError, match=r"prices\.json"):
        shipped_prices(path)
