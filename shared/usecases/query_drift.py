"""Query drift: where our counts and Azure's part, among the calls that were counted twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from shared.domain.drift_report import DriftFold, DriftRow
from shared.domain.errors import PrincipalNotAllowed
from shared.domain.principal import Principal
from shared.ports.usage_records import UsageRecords
from shared.usecases.query_usage import READ_ALL_ROLE


class QueryDrift:
    """Answers from the usage records themselves."""

    def __init__(self, records: UsageRecords) -> None:
        self._records = records

    async def __call__(self, begun_from: datetime, begun_before: datetime, asker: Principal) -> Sequence[DriftRow]:
        """
        Return a row for each model and shape of request.

        Raises:
            PrincipalNotAllowed: it is about everybody's calls, and the asker may not see them.
            StorageError: the ledger cannot be read.
        """
        if READ_ALL_ROLE not in asker.roles:
            raise PrincipalNotAllowed(f"to see how counts drift takes the app role {READ_ALL_ROLE}")
        fold = DriftFold()
        async for records in self._records.between(begun_from, begun_before):
            fold.add(records)
        return fold.rows()
