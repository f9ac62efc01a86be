"""A part of what a report is made of."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.rollup import Rollup
from shared.domain.usage_keys import Owner


@dataclass(frozen=True, slots=True)
class UsagePart:
    """What one principal used in (some of) a day, as 2026-11-05, or a month, as 2026-11."""

    owner: Owner
    period: str
    rollup: Rollup
