"""What one call cost: what Azure and the operator say of it, and what has to be assumed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from shared.domain.charging import charge_of
from shared.domain.deployment import UNDESCRIBED, Deployment, DeploymentType, Tier
from shared.domain.pricing import PriceTable
from shared.domain.usage_record import NO_TOKENS, NOT_CHARGED, UNKNOWN_TOKENS, TokenUsage, UsageRecord, UsageSource
from tests.adapters.records import record
from tests.domain.test_pricing import price

GLOBAL = Deployment(type=DeploymentType.GLOBAL)
MILLION = TokenUsage(prompt_tokens=1_000_000, completion_tokens=0, source=UsageSource.REPORTED)


def called(*, deployment: str = "chat", model: str | None = "gpt-4o-2024-08-06", **facts: Any) -> UsageRecord:
    each = record()
    return replace(each, call=replace(each.call, deployment=deployment), model=model, usage=MILLION, **facts)


def table(**sources: Any) -> PriceTable:
    """Return a table of a price for each name, which is its source too."""
    return PriceTable([price(source=source, **terms) for source, terms in sources.items()])


TABLE = table(
    standard={"type": DeploymentType.GLOBAL},
    datazone={"type": DeploymentType.DATA_ZONE},
    priority={"type": DeploymentType.GLOBAL, "tier": Tier.PRIORITY},
    batch={"type": DeploymentType.GLOBAL, "tier": Tier.BATCH},
)


def source_of(each: UsageRecord, deployment: Deployment = GLOBAL, *tables: PriceTable) -> str | None:
    return charge_of(each, deployment, tables or [TABLE]).price_source


def test_a_call_has_a_cost_and_says_whose_price_it_is() -> None:
    """Both go into its row."""
    charge = charge_of(called(), GLOBAL, [TABLE])

    assert (charge.cost_usd, charge.price_source, charge.provisioned) == (Decimal("2.5"), "standard", False)


@pytest.mark.parametrize(
    ("answered", "described", "source"),
    [
        (None, None, "standard"),
        (None, Tier.BATCH, "batch"),
        ("default", None, "standard"),
        ("priority", None, "priority"),
        # Azure may serve a call of a priority deployment as standard, and then bills it so.
        ("default", Tier.PRIORITY, "standard"),
        ("flex", None, None),
        ("a tier of tomorrow", None, None),
    ],
)
def test_the_tier_is_the_one_that_served_the_call(
    answered: str | None, described: Tier | None, source: str | None
) -> None:
    """What was asked for and what was had are two prices."""
    deployment = replace(GLOBAL, tier=described)

    assert source_of(called(service_tier=answered), deployment) == source


def test_the_type_is_the_operators_word() -> None:
    """No answer names it."""
    assert source_of(called(), Deployment(type=DeploymentType.DATA_ZONE)) == "datazone"


def test_a_type_nobody_named_is_assumed_and_the_row_says_so() -> None:
    """Most deployments are global; who looks at the row sees that this one need not be."""
    assert source_of(called(), UNDESCRIBED) == "standard (assumed: global deployment)"
    assert source_of(called(), UNDESCRIBED, table(settings={"type": None})) == "settings"


def test_the_model_is_the_one_that_answered() -> None:
    """The operator's word is for where no answer says it: a deployment is upgraded and the setting is not."""
    described = replace(GLOBAL, model="gpt-4o")

    assert source_of(called(model="gpt-5-2025-08-07"), described) == "standard"
    assert source_of(called(model=None), described) == "standard"
    assert source_of(called(model="gpt-4o-mini"), GLOBAL, table(mini={"models": frozenset({"gpt-4o-mini"})})) == "mini"


def test_a_model_that_may_be_the_deployments_name_gives_way_and_is_else_assumed() -> None:
    """The Responses API names the deployment as the model."""
    mini = table(mini={"models": frozenset({"gpt-4o-mini"})}, full={})
    each = called(deployment="gpt-4o", model="gpt-4o")

    assert source_of(each, replace(GLOBAL, model="gpt-4o-mini"), mini) == "mini"
    assert source_of(each, GLOBAL, mini) == "full (assumed: model of the deployment's name)"
    assert source_of(called(deployment="chat", model="chat"), GLOBAL, mini) is None


@pytest.mark.parametrize(
    ("described", "answered"), [(None, "Sweden Central"), ("swedencentral", None), ("swedencentral", "East US")]
)
def test_the_region_is_the_resources(described: str | None, answered: str | None) -> None:
    """As the operator spells it, or Azure's header."""
    sweden = table(sweden={"regions": frozenset({"swedencentral"})})

    assert source_of(called(region=answered), replace(GLOBAL, region=described), sweden) == "sweden"


def test_the_first_table_that_knows_the_price_has_it() -> None:
    """What the operator set goes before what ships."""
    mini = table(mini={"models": frozenset({"gpt-4o-mini"})})

    assert source_of(called(), GLOBAL, mini, TABLE) == "standard"
    assert source_of(called(), GLOBAL, table(settings={}), TABLE) == "settings"


def test_the_price_is_that_of_the_day_the_call_began_in_utc() -> None:
    """Wherever the clock hangs, and however late the row is written."""
    tokyo = timezone(timedelta(hours=9))
    begun_at = datetime(2026, 7, 1, 8, 59, tzinfo=tokyo)
    prices = table(old={}, new={"begins": datetime(2026, 7, 1, tzinfo=UTC).date()})
    each = called()

    for minutes, source in ((0, "old"), (1, "new")):
        begun = replace(each.call, begun_at=begun_at + timedelta(minutes=minutes))

        assert source_of(replace(each, call=begun), GLOBAL, prices) == source


def test_a_provisioned_call_has_no_price_unless_it_spilled_over() -> None:
    """It was paid by the hour; what a standard deployment had to take, by the token."""
    ptu = replace(GLOBAL, provisioned=True)
    paid, spilled = charge_of(called(), ptu, [TABLE]), charge_of(called(spilled_over=True), ptu, [TABLE])

    assert (paid.provisioned, paid.cost_usd) == (True, None)
    assert (spilled.provisioned, spilled.cost_usd) == (False, Decimal("2.5"))


@pytest.mark.parametrize("deployment", [GLOBAL, replace(GLOBAL, provisioned=True)])
def test_a_call_that_used_no_tokens_is_not_charged(deployment: Deployment) -> None:
    """Refused by us, or of an operation that is not billed by tokens."""
    assert charge_of(replace(called(), usage=NO_TOKENS), deployment, [TABLE]) == NOT_CHARGED


@pytest.mark.parametrize(
    "each",
    [
        replace(called(), usage=UNKNOWN_TOKENS),
        replace(called(), usage=TokenUsage(prompt_tokens=5, source=UsageSource.ESTIMATED)),
        called(model="our-own"),
        called(model=None),
    ],
)
def test_what_is_not_known_is_not_charged(each: UsageRecord) -> None:
    """Nor does it name a source."""
    assert charge_of(each, GLOBAL, [TABLE]) == NOT_CHARGED
