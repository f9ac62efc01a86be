"""What rollups need of a usage record, under the names of its columns."""

from __future__ import annotations

from typing import Annotated

import msgspec

from shared.domain.principal import PrincipalKind
from shared.domain.usage_keys import PrincipalDay
from shared.domain.usage_record import Outcome, UsageSource

# What `usd_amount` takes. As text: most records of a page are of few prices, and not all are summed.
_Usd = Annotated[str, msgspec.Meta(pattern=r"^\d{1,40}(\.\d{1,40})?$")]


class UsageEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """
    A usage record, as far as rollups go: read from a page of the table a million at a time, so a struct
    (docs/decisions/0012-log-entries-are-structs.md).
    """

    partition: str = msgspec.field(name="PartitionKey")
    row_key: str = msgspec.field(name="RowKey")
    principal_kind: PrincipalKind
    operation: str
    outcome: Outcome
    usage_source: UsageSource
    duration_ms: int
    principal_name: str | None = None
    deployment: str | None = None
    model: str | None = None
    user_label: str | None = None
    first_chunk_ms: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    total_tokens: int | None = None
    cost_usd: _Usd | None = None
    provisioned: bool = False

    @property
    def principal_day(self) -> PrincipalDay:
        """Whose it is, and of which day. Raises ValueError where its partition is none of ours."""
        return PrincipalDay.of_partition(self.partition)
