"""Records of every kind that FOCUS tells apart, and the prices they were charged at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from shared.domain.charging import charge_of
from shared.domain.deployment import UNDESCRIBED, Deployment
from shared.domain.focus.columns import FOCUS_COLUMNS
from shared.domain.focus.table import FocusTable, FocusTerms
from shared.domain.pricing import Price, PriceTable, TokenClass
from shared.domain.usage_record import NO_TOKENS, Charge, UsageRecord
from tests.adapters.records import record

DAY = date(2026, 11, 23)
PRICES = [
    PriceTable(
        [
            Price(
                models=frozenset({"gpt-4o"}),
                usd_per_million={
                    TokenClass.PROMPT: Decimal("2.5"),
                    TokenClass.CACHED: Decimal("1.25"),
                    TokenClass.COMPLETION: Decimal("10"),
                },
                source="test prices",
            )
        ]
    )
]


def priced(call_id: str = "c1", *, object_id: str = "alice", prompt: int = 1000, cached: int = 0) -> UsageRecord:
    """Return a record as the ledger keeps it, with what it cost."""
    made = record(call_id, object_id=object_id, prompt_tokens=prompt)
    made = replace(made, usage=replace(made.usage, cached_tokens=cached))
    return replace(made, charge=charge_of(made, UNDESCRIBED, PRICES))


def unpriced() -> UsageRecord:
    return record("unpriced")


def free() -> UsageRecord:
    return replace(record("free"), usage=NO_TOKENS)


def provisioned() -> UsageRecord:
    return replace(record("ptu", prompt_tokens=500), charge=Charge(provisioned=True))


def charged_otherwise(cost: str = "0.123456789012345678") -> UsageRecord:
    """Return one whose price has changed since, so that its cost cannot be told apart."""
    return replace(priced("old"), charge=Charge(cost_usd=Decimal(cost), price_source="old prices"))


def table(describe: Callable[[str | None], Deployment] = lambda name: UNDESCRIBED) -> FocusTable:
    return FocusTable(DAY, FocusTerms(billing_account_id="aoai-ledger", describe=describe, prices=PRICES))


def rows_of(*records: UsageRecord) -> list[dict[str, Any]]:
    made = table()
    made.add(records)
    names = [column.name for column in FOCUS_COLUMNS]
    return [dict(zip(names, row, strict=True)) for row in made.finish()]
