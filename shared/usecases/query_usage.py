"""Query usage: who used what between two times, as far as the asker may know."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.errors import PrincipalNotAllowed
from shared.domain.principal import Principal
from shared.domain.report_dimensions import NO_FILTERS, Dimension
from shared.domain.usage_keys import Owner
from shared.domain.usage_report import Arrangement, ReportShape, UsageFold, UsageReport
from shared.domain.usage_span import UsageSpan
from shared.usecases.gather_usage import GatherUsage, Need

# The app role whose holders see everybody's usage.
READ_ALL_ROLE = "Usage.Read.All"
# What is asked of usage without looking at what it was for.
_OF_NO_CELL = {Dimension.PRINCIPAL, Dimension.DAY, Dimension.MONTH}


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuery:
    """
    What is asked.

    `of_tenant_id` and `of_object_id` narrow it to one principal; neither means all that the asker may see, or
    with `only_mine` the asker.
    """

    span: UsageSpan
    shape: ReportShape
    arrangement: Arrangement
    of_tenant_id: str | None = None
    of_object_id: str | None = None
    only_mine: bool = False


class QueryUsage:
    """Answers a query with what equals the sum of the usage records, at every moment."""

    def __init__(self, gather: GatherUsage) -> None:
        self._gather = gather

    async def __call__(self, query: UsageQuery, asker: Principal) -> UsageReport:
        """
        Return the report.

        Raises:
            PrincipalNotAllowed: the asker may not see another's usage.
            StorageError: the ledger cannot be read.
        """
        owner = _scope(query, asker)
        fold = await self._fold(query.shape, query.span, owner)
        previous = await self._fold(query.shape, query.span.previous(), owner) if query.shape.compared else None
        return fold.report(query.span, query.arrangement, previous=previous, of_all_principals=owner is None)

    async def _fold(self, shape: ReportShape, span: UsageSpan, owner: Owner | None) -> UsageFold:
        fold = UsageFold(shape)
        need = _need(shape)
        async for part in self._gather(span, owner, need):
            fold.add(part)
        return fold


def _scope(query: UsageQuery, asker: Principal) -> Owner | None:
    asking = Owner(asker.tenant_id, asker.object_id)
    if query.only_mine:
        return asking
    if query.of_object_id is None:
        return None if READ_ALL_ROLE in asker.roles else asking
    of = Owner(query.of_tenant_id or asker.tenant_id, query.of_object_id)
    if of != asking and READ_ALL_ROLE not in asker.roles:
        raise PrincipalNotAllowed(f"to see another's usage takes the app role {READ_ALL_ROLE}")
    return of


def _need(shape: ReportShape) -> Need:
    return Need(
        cells=shape.has_shares or shape.filters != NO_FILTERS or not set(shape.by) <= _OF_NO_CELL,
        days=Dimension.DAY in shape.by,
        hours=Dimension.HOUR in shape.by,
        percentiles=shape.percentiles,
    )
