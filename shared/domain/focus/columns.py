"""Columns of a FOCUS file: those of the specification by the alphabet, then ours."""

from __future__ import annotations

from shared.domain.table_columns import Column, ColumnType

_TEXTS = frozenset(
    "BillingAccountId BillingAccountName BillingCurrency ChargeCategory ChargeDescription ChargeFrequency ConsumedUnit "
    "InvoiceIssuerName PricingCategory PricingCurrency PricingUnit ProviderName PublisherName ResourceId "
    "ResourceType ServiceCategory ServiceName ServiceSubcategory SkuId SkuMeter SkuPriceId "
    "x_Operation x_PrincipalId x_PrincipalKind x_PrincipalTenantId".split()
)
_TEXTS_OR_NULL = frozenset(
    "ChargeClass CommitmentDiscountStatus InvoiceId RegionId RegionName ResourceName SkuPriceDetails "
    "x_Deployment x_Model x_PriceSource x_PrincipalName x_ServiceTier x_TokenClass".split()
)
_DECIMALS = frozenset(
    "BilledCost ConsumedQuantity ContractedCost EffectiveCost ListCost PricingCurrencyEffectiveCost "
    "PricingQuantity".split()
)
# Of charges that cannot be told apart by price.
_DECIMALS_OR_NULL = frozenset(
    "ContractedUnitPrice ListUnitPrice PricingCurrencyContractedUnitPrice PricingCurrencyListUnitPrice".split()
)
_TIMES = frozenset({"BillingPeriodEnd", "BillingPeriodStart", "ChargePeriodEnd", "ChargePeriodStart"})
_TRUTHS = frozenset({"x_Provisioned"})


def _columns() -> tuple[Column, ...]:
    kinds = [
        (_TEXTS, ColumnType.TEXT, True),
        (_TEXTS_OR_NULL, ColumnType.TEXT, False),
        (_DECIMALS, ColumnType.DECIMAL, True),
        (_DECIMALS_OR_NULL, ColumnType.DECIMAL, False),
        (_TIMES, ColumnType.SECOND, True),
        (_TRUTHS, ColumnType.TRUTH, True),
    ]
    columns = [Column(name=name, type=kind, required=must) for names, kind, must in kinds for name in names]
    return tuple(sorted(columns, key=lambda column: (column.name.startswith("x_"), column.name)))


FOCUS_COLUMNS = _columns()
