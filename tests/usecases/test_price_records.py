"""Every record that is written has its cost, by whichever way it came."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.domain.deployment import Deployment
from shared.domain.pricing import PriceTable
from shared.usecases.price_records import PriceRecords
from tests.adapters.records import open_call, record
from tests.domain.test_pricing import price
from tests.fakes import FakeUsageLedger

# 12 tokens in and 30 out, as `record` has them.
COST = Decimal("0.00033")
TABLES = [PriceTable([price()])]


@pytest.fixture
def stored() -> FakeUsageLedger:
    return FakeUsageLedger()


async def test_a_record_is_priced_when_it_is_written(stored: FakeUsageLedger) -> None:
    """A call that ended, and one whose worker died: both have a row, and its cost."""
    ledger = PriceRecords(stored, {}, TABLES)
    await ledger.begin(open_call("c1"))
    await ledger.end(replace(record("c1"), model="gpt-4o"))
    await ledger.abandon(replace(record("c2"), model="gpt-4o"))

    assert [each.charge.cost_usd for each in stored.records.values()] == [COST, COST]


@pytest.mark.parametrize(
    ("deployments", "provisioned"),
    [
        ({}, False),
        ({"gpt-4o": Deployment(provisioned=True)}, True),
        ({"*": Deployment(provisioned=True)}, True),
        ({"*": Deployment(provisioned=True), "gpt-4o": Deployment()}, False),
        ({"other": Deployment(provisioned=True)}, False),
    ],
)
async def test_a_deployment_is_described_by_its_name_or_as_any(
    stored: FakeUsageLedger, deployments: dict[str, Deployment], provisioned: bool
) -> None:
    """Azure's names know no case."""
    each = record("c1")
    await PriceRecords(stored, deployments, TABLES).end(replace(each, call=replace(each.call, deployment="GPT-4o")))

    assert [each.charge.provisioned for each in stored.records.values()] == [provisioned]


async def test_a_withdrawal_has_no_price(stored: FakeUsageLedger) -> None:
    """The row goes as it is."""
    await stored.end(record("c1"))
    await PriceRecords(stored, {}, TABLES).withdraw(record("c1"))

    assert stored.records == {}
