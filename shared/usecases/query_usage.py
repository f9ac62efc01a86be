"""Query usage: who used what between two times, as far as the asker may know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.domain.errors import PrincipalNotAllowed
from shared.domain.principal import Principal
from shared.domain.usage_report import Dimension, Key, UsageFold, UsageReport
from shared.ports.usage_records import UsageRecords

# The app role whose holders see everybody's usage.
READ_ALL_ROLE = "Usage.Read.All"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuery:
    """
    What is asked. `begun_from` is included, `begun_before` is not; both are aware UTC.

    `of_tenant_id` and `of_object_id` narrow it to one principal; neither means all that the asker may see.
    """

    begun_from: datetime
    begun_before: datetime
    by: tuple[Dimension, ...]
    limit: int
    after: Key | None = None
    of_tenant_id: str | None = None
    of_object_id: str | None = None


class QueryUsage:
    """Answers a query from the usage records themselves, so it is exact to the second."""

    def __init__(self, records: UsageRecords) -> None:
        self._records = records

    async def __call__(self, query: UsageQuery, asker: Principal) -> UsageReport:
        """
        Return the report.

        Raises:
            PrincipalNotAllowed: the asker may not see another's usage.
            StorageError: the ledger cannot be read.
        """
        tenant_id, object_id = _scope(query, asker)
        fold = UsageFold(query.by)
        pages = self._records.between(query.begun_from, query.begun_before, tenant_id=tenant_id, object_id=object_id)
        async for records in pages:
            fold.add(records)
        return fold.report(
            begun_from=query.begun_from,
            begun_before=query.begun_before,
            limit=query.limit,
            after=query.after,
            of_all_principals=object_id is None,
        )


def _scope(query: UsageQuery, asker: Principal) -> tuple[str | None, str | None]:
    if query.of_object_id is None:
        if READ_ALL_ROLE in asker.roles:
            return None, None
        return asker.tenant_id, asker.object_id
    of = (query.of_tenant_id or asker.tenant_id, query.of_object_id)
    if of != (asker.tenant_id, asker.object_id) and READ_ALL_ROLE not in asker.roles:
        raise PrincipalNotAllowed(f"to see another's usage takes the app role {READ_ALL_ROLE}")
    return of
