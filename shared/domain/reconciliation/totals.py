"""What an hour of a resource comes to on either side."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HourTotals:
    """
    An hour of a resource: `resource` is its id, or the host name of calls to one that no log has told of.

    Calls of the hour are counted once: as matched (`matched_by_likeness` of them without an id), as ours alone, as
    Azure's alone, or as late where the other side may still come. Ours alone is only what Azure has answered:
    whether it logs what was cut before, nobody knows. Tokens are None where no count is known.
    """

    resource: str
    hour: datetime
    matched: int = 0
    matched_by_likeness: int = 0
    ours_only: int = 0
    azure_only: int = 0
    late: int = 0
    our_prompt_tokens: int | None = None
    our_completion_tokens: int | None = None
    azure_prompt_tokens: int | None = None
    azure_completion_tokens: int | None = None
    settled: bool = False
    reconciled_at: datetime | None = None
