"""Price records: write beside what a call used what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from shared.domain.charging import charge_of
from shared.domain.deployment import UNDESCRIBED, Deployment
from shared.domain.pricing import PriceTable
from shared.domain.usage_record import OpenCall, UsageRecord
from shared.ports.usage_ledger import UsageLedger

# The name that describes every deployment which is not described by its own.
ANY_DEPLOYMENT = "*"


class PriceRecords:
    """
    Fulfils UsageLedger in front of another that does, which gets every record with what it cost.

    `deployments` are described by their names in lower case. `tables` are asked in their order.
    """

    def __init__(
        self, ledger: UsageLedger, deployments: Mapping[str, Deployment], tables: Sequence[PriceTable]
    ) -> None:
        self._ledger = ledger
        self._deployments = deployments
        self._tables = tables

    async def begin(self, call: OpenCall) -> None:
        """See UsageLedger."""
        await self._ledger.begin(call)

    async def end(self, record: UsageRecord) -> None:
        """See UsageLedger."""
        await self._ledger.end(self._priced(record))

    async def abandon(self, record: UsageRecord) -> None:
        """See UsageLedger."""
        await self._ledger.abandon(self._priced(record))

    async def withdraw(self, record: UsageRecord) -> None:
        """See UsageLedger."""
        await self._ledger.withdraw(record)

    def _priced(self, record: UsageRecord) -> UsageRecord:
        deployment = describe_deployment(self._deployments, record.call.deployment)
        return replace(record, charge=charge_of(record, deployment, self._tables))


def describe_deployment(deployments: Mapping[str, Deployment], name: str | None) -> Deployment:
    """Return what is said of a deployment by its name, or of every one that nothing is said of."""
    return deployments.get((name or "").lower()) or deployments.get(ANY_DEPLOYMENT, UNDESCRIBED)
