"""What counting goes by: a family, the dialect of the API at hand, and who counts text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from shared.domain.counting.count import TextCounter
from shared.domain.model_family import Dialect, ModelFamily
from shared.domain.operation import Metered


@dataclass(frozen=True, slots=True)
class Rules:
    """
    How a call of one API to a model of one family is counted.

    What the service did for a time only counts for a call that it answered then: `answered_on`,
    None for a call of today.
    """

    metered: Metered
    family: ModelFamily
    count: TextCounter
    answered_on: date | None = None

    @property
    def dialect(self) -> Dialect:
        """What the family adds in this API."""
        return self.family.responses if self.metered is Metered.RESPONSES else self.family.chat
