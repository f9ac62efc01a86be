"""FOCUS rows: their costs are the ledger's, to the last digit, and what is not known is not 0."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.focus.columns import FOCUS_COLUMNS
from shared.domain.focus.table import FocusTable
from shared.domain.pricing import add_usd
from shared.domain.table_columns import ColumnType
from shared.domain.usage_record import Charge, UsageRecord
from tests.adapters.records import records as any_record
from tests.domain.focus.focus_records import (
    charged_otherwise,
    free,
    priced,
    provisioned,
    rows_of,
    table,
    unpriced,
)

_counts = st.integers(0, 10_000_000)


def cost_of(records: list[UsageRecord]) -> Decimal:
    total = None
    for each in records:
        total = add_usd(total, each.charge.cost_usd)
    return total or Decimal(0)


@given(st.lists(st.builds(priced, prompt=_counts, cached=_counts, object_id=st.sampled_from("ab")), max_size=8))
def test_costs_sum_to_the_ledgers(records: list[UsageRecord]) -> None:
    """A bill that is a digit off is not believed in all the others."""
    all_kinds = [*records, charged_otherwise(), provisioned(), free(), unpriced()]
    rows = rows_of(*all_kinds)

    for column in ("EffectiveCost", "ListCost", "ContractedCost", "PricingCurrencyEffectiveCost"):
        assert sum(row[column] for row in rows) == cost_of(all_kinds)


@given(any_record())
def test_no_record_is_too_odd_for_a_row(one: UsageRecord) -> None:
    """A row that cannot be made keeps a whole day from being exported."""
    for row in rows_of(one):
        for column in FOCUS_COLUMNS:
            assert not column.required or row[column.name] is not None, column.name


def test_each_kind_of_token_is_a_charge_with_its_price() -> None:
    """Cached tokens cost less: whoever sees one price cannot see what caching saves."""
    rows = rows_of(priced(prompt=1000, cached=400))

    assert {row["SkuMeter"]: (row["ConsumedQuantity"], row["ListUnitPrice"]) for row in rows} == {
        "Cached Prompt Tokens": (400, Decimal("1.25")),
        "Completion Tokens": (30, 10),
        "Prompt Tokens": (600, Decimal("2.5")),
    }
    for row in rows:
        assert row["PricingQuantity"] * row["ListUnitPrice"] == row["ListCost"]
        assert row["PricingQuantity"] * 1_000_000 == row["ConsumedQuantity"]


def test_calls_of_the_same_principal_and_price_are_one_row() -> None:
    """A row a call is what the usage export is for; a cloud bill has a row a meter and day."""
    rows = rows_of(priced("c1"), priced("c2"), priced("c3", object_id="bob"))

    assert [(row["x_PrincipalId"], row["SkuMeter"], row["ConsumedQuantity"]) for row in rows] == [
        ("alice", "Completion Tokens", 60),
        ("alice", "Prompt Tokens", 2000),
        ("bob", "Completion Tokens", 30),
        ("bob", "Prompt Tokens", 1000),
    ]


def test_nothing_is_billed_twice() -> None:
    """Microsoft is paid, by its own file: beside it the sum of BilledCost stays what the invoices say."""
    assert {row["BilledCost"] for row in rows_of(priced(), provisioned(), charged_otherwise())} == {0}


def test_a_cost_whose_price_has_changed_stays_and_has_no_unit_price() -> None:
    """What the ledger says is what was charged; a unit price that does not come to it would be a lie."""
    (row,) = rows_of(charged_otherwise())

    assert row["EffectiveCost"] == Decimal("0.123456789012345678")
    assert (row["ListUnitPrice"], row["ContractedUnitPrice"], row["SkuMeter"]) == (None, None, "Tokens")
    assert row["ConsumedQuantity"] == 1030


def test_a_call_without_a_price_has_no_row_and_is_counted() -> None:
    """FOCUS knows no unknown cost: 0 would say that it was free."""
    made = table()
    made.add([unpriced(), unpriced(), priced(), free()])

    assert made.unpriced_calls == 2
    assert len(made.finish()) == 2


def test_a_provisioned_call_costs_nothing_of_its_own() -> None:
    """Its hours stand in Azure's bill; its tokens are here, to share them out by."""
    rows = rows_of(provisioned())

    assert {(row["EffectiveCost"], row["ListUnitPrice"], row["PricingCategory"]) for row in rows} == {(0, 0, "Other")}
    assert sum(row["ConsumedQuantity"] for row in rows) == 530
    assert all(row["x_Provisioned"] for row in rows)


def test_provisioned_tokens_that_cannot_be_told_apart_are_not_lost() -> None:
    """More cached tokens than prompt tokens is Azure's riddle; the hours must be shared out all the same."""
    odd = provisioned()
    (row,) = rows_of(replace(odd, usage=replace(odd.usage, cached_tokens=9999)))

    assert (row["SkuMeter"], row["ConsumedQuantity"], row["EffectiveCost"]) == ("Tokens", 530, 0)


def test_periods_are_the_day_and_its_month() -> None:
    """A charge at the end of the year belongs to that year's invoice."""
    (row, *_) = rows_of(priced())
    last = FocusTable(date(2026, 12, 31), table()._terms)
    last.add([priced()])
    cells = dict(zip((column.name for column in FOCUS_COLUMNS), last.finish()[0], strict=True))

    assert (row["ChargePeriodStart"], row["ChargePeriodEnd"]) == (
        datetime(2026, 11, 23, tzinfo=UTC),
        datetime(2026, 11, 24, tzinfo=UTC),
    )
    assert (row["BillingPeriodStart"], row["BillingPeriodEnd"]) == (
        datetime(2026, 11, 1, tzinfo=UTC),
        datetime(2026, 12, 1, tzinfo=UTC),
    )
    assert cells["BillingPeriodEnd"] == datetime(2027, 1, 1, tzinfo=UTC)


def test_the_newest_name_names_a_principal() -> None:
    """People marry; a second row for the same person would break sums by name."""
    old = priced("old")
    call = replace(old.call, begun_at=old.call.begun_at + timedelta(hours=1))
    new = replace(old, call=replace(call, principal=replace(call.principal, name="Alice Newname")))

    for order in itertools.permutations([old, new]):
        assert {row["x_PrincipalName"] for row in rows_of(*order)} == {"Alice Newname"}


def test_rows_are_in_one_order_whatever_order_records_came_in() -> None:
    """A file that changes by itself is taken in again by whoever watches it."""
    some = [priced("c1"), priced("c2", object_id="bob"), provisioned(), charged_otherwise()]
    made = {str(rows_of(*order)) for order in itertools.permutations(some)}

    assert len(made) == 1


def test_an_unknown_model_and_deployment_still_make_a_sku() -> None:
    """A failed call may have neither, and a row needs both ids."""
    bare = charged_otherwise()
    nameless = replace(bare, model=None, region=None, call=replace(bare.call, deployment=None, resource="local"))
    (row,) = rows_of(replace(nameless, charge=Charge(cost_usd=Decimal(1))))

    assert (row["SkuId"], row["SkuPriceId"]) == ("unknown/tokens", "unknown/tokens")
    assert (row["RegionId"], row["RegionName"], row["ResourceName"]) == (None, None, None)


def test_columns_of_the_specification_come_first_and_ours_are_marked() -> None:
    """So FOCUS asks: 'custom columns SHOULD be listed after all FOCUS columns', with an x_ before them."""
    names = [column.name for column in FOCUS_COLUMNS]
    ours = [name for name in names if name.startswith("x_")]

    assert names[-len(ours) :] == ours
    assert len(set(names)) == len(names)
    assert {column.type for column in FOCUS_COLUMNS if column.name.endswith(("Start", "End"))} == {ColumnType.SECOND}
