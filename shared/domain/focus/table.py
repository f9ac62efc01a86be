"""A day of FOCUS rows: one for each principal, deployment and price of a kind of tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from shared.domain.deployment import Deployment, region_name
from shared.domain.exports import begin_of
from shared.domain.focus.charges import TokenCharge, is_unpriced, token_charges
from shared.domain.focus.columns import FOCUS_COLUMNS
from shared.domain.pricing import PriceTable, TokenClass, add_usd, decimal_text, millions
from shared.domain.table_columns import Cell, Row, Rows
from shared.domain.usage_record import UsageRecord

_NOTHING = Decimal(0)
# Who is paid for it, and in whose bill it stands too.
_SELLER = "Microsoft"
_SERVICE = "Azure OpenAI"
# What Azure's price list says "1M" to.
_PRICING_UNIT = "1000000 Tokens"

_METERS = {
    TokenClass.PROMPT: "Prompt Tokens",
    TokenClass.CACHED: "Cached Prompt Tokens",
    TokenClass.CACHE_WRITE: "Cache Write Tokens",
    TokenClass.AUDIO_PROMPT: "Audio Prompt Tokens",
    TokenClass.COMPLETION: "Completion Tokens",
    TokenClass.AUDIO_COMPLETION: "Audio Completion Tokens",
    None: "Tokens",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FocusTerms:
    """What a ledger knows of costs beside its records. `describe` returns what is known of a deployment's name."""

    billing_account_id: str
    describe: Callable[[str | None], Deployment]
    prices: Sequence[PriceTable]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    """What makes two charges one row. Order of the fields is order of the rows."""

    tenant_id: str
    object_id: str
    kind: str
    resource: str
    deployment: str
    model: str
    operation: str
    region: str
    service_tier: str
    is_provisioned: bool
    price_source: str
    meter: str
    token_class: str
    usd_per_million: Decimal | None


@dataclass(slots=True)
class _Sums:
    tokens: int = 0
    cost_usd: Decimal | None = None
    # The newest name of the principal: names change, ids do not.
    named_at: tuple[datetime, str] | None = None

    def add(self, charge: TokenCharge, record: UsageRecord) -> None:
        self.tokens += charge.tokens
        self.cost_usd = add_usd(self.cost_usd, charge.cost_usd)
        if name := record.call.principal.name:
            dated = (record.call.begun_at, name)
            self.named_at = max(dated, self.named_at or dated)


class FocusTable:
    """Makes the rows of a day. It holds one for each key, however many calls there are."""

    columns = FOCUS_COLUMNS

    def __init__(self, day: date, terms: FocusTerms) -> None:
        self.unpriced_calls = 0
        self._day = day
        self._terms = terms
        self._rows: dict[_Key, _Sums] = {}

    def add(self, records: Sequence[UsageRecord]) -> Rows:
        """Take records. No row is ready before the day is."""
        for record in records:
            self._add(record)
        return []

    def finish(self) -> Rows:
        """Return the rows, in the order of their keys."""
        keys = sorted(self._rows, key=lambda key: tuple(map(str, astuple(key))))
        return [self._row(key, self._rows[key]) for key in keys]

    def _add(self, record: UsageRecord) -> None:
        self.unpriced_calls += is_unpriced(record)
        deployment = self._terms.describe(record.call.deployment)
        for charge in token_charges(record, deployment, self._terms.prices):
            self._rows.setdefault(_key(record, charge), _Sums()).add(charge, record)

    def _row(self, key: _Key, sums: _Sums) -> Row:
        cells = {**self._of_period(), **_of_service(key), **_of_price(key, sums), **_ours(key, sums)}
        # What is left has no value: that the column is there says that there is none.
        return tuple(cells.get(column.name) for column in FOCUS_COLUMNS)

    def _of_period(self) -> dict[str, Cell]:
        month = self._day.replace(day=1)
        return {
            "BillingAccountId": self._terms.billing_account_id,
            "BillingAccountName": self._terms.billing_account_id,
            "BillingCurrency": "USD",
            "BillingPeriodStart": begin_of(month),
            "BillingPeriodEnd": begin_of((month + timedelta(days=31)).replace(day=1)),
            "ChargePeriodStart": begin_of(self._day),
            "ChargePeriodEnd": begin_of(self._day + timedelta(days=1)),
        }


def _key(record: UsageRecord, charge: TokenCharge) -> _Key:
    call, principal = record.call, record.call.principal
    return _Key(
        tenant_id=principal.tenant_id,
        object_id=principal.object_id,
        kind=principal.kind.value,
        resource=call.resource,
        deployment=call.deployment or "",
        model=record.model or "",
        operation=call.operation,
        region=record.region or "",
        service_tier=record.service_tier or "",
        is_provisioned=record.charge.provisioned,
        price_source=record.charge.price_source or "",
        meter=_METERS[charge.token_class],
        token_class=charge.token_class or "",
        usd_per_million=charge.usd_per_million,
    )


def _of_service(key: _Key) -> dict[str, Cell]:
    name = key.resource.partition(".")[0]
    return {
        "ChargeCategory": "Usage",
        "ChargeDescription": f"{key.meter} of {key.deployment or key.model or key.operation}",
        "ChargeFrequency": "Usage-Based",
        "InvoiceIssuerName": _SELLER,
        "ProviderName": _SELLER,
        "PublisherName": _SELLER,
        "RegionId": region_name(key.region or None),
        "RegionName": key.region or None,
        "ResourceId": key.resource,
        "ResourceName": name if name != key.resource else None,
        "ResourceType": _SERVICE,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": _SERVICE,
        "ServiceSubcategory": "Generative AI",
    }


def _of_price(key: _Key, sums: _Sums) -> dict[str, Cell]:
    sku = f"{key.model or key.deployment or 'unknown'}/{key.token_class or 'tokens'}"
    price = "" if key.usd_per_million is None else f"@{decimal_text(key.usd_per_million)}"
    cost = sums.cost_usd or _NOTHING
    return {
        # Microsoft is paid, and says so in its own file: this one must not be a second bill.
        "BilledCost": _NOTHING,
        "EffectiveCost": cost,
        "ContractedCost": cost,
        "ListCost": cost,
        "ContractedUnitPrice": key.usd_per_million,
        "ListUnitPrice": key.usd_per_million,
        "ConsumedQuantity": Decimal(sums.tokens),
        "ConsumedUnit": "Tokens",
        # Hours that are paid whether they are used or not are none of the other categories of FOCUS.
        "PricingCategory": "Other" if key.is_provisioned else "Standard",
        "PricingCurrency": "USD",
        "PricingCurrencyContractedUnitPrice": key.usd_per_million,
        "PricingCurrencyEffectiveCost": cost,
        "PricingCurrencyListUnitPrice": key.usd_per_million,
        "PricingQuantity": millions(sums.tokens),
        "PricingUnit": _PRICING_UNIT,
        "SkuId": sku,
        "SkuMeter": key.meter,
        "SkuPriceId": sku + price,
    }


def _ours(key: _Key, sums: _Sums) -> dict[str, Cell]:
    return {
        "x_Deployment": key.deployment or None,
        "x_Model": key.model or None,
        "x_Operation": key.operation,
        "x_PriceSource": key.price_source or None,
        "x_PrincipalId": key.object_id,
        "x_PrincipalKind": key.kind,
        "x_PrincipalName": sums.named_at[1] if sums.named_at else None,
        "x_PrincipalTenantId": key.tenant_id,
        "x_Provisioned": key.is_provisioned,
        "x_ServiceTier": key.service_tier or None,
        "x_TokenClass": key.token_class or None,
    }
