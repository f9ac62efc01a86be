"""How late Azure writes a line."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Lateness:
    """
    The time from an event to its line in the blob: usually little, for a share of lines long. Seconds.

    Each line has its own, so that they come out of order. Azure's is minutes; nobody wants to wait for that here.
    """

    usual: tuple[float, float] = (0.5, 5.0)
    late: tuple[float, float] = (8.0, 20.0)
    late_share: float = 0.15

    @classmethod
    def up_to(cls, seconds: float) -> Lateness:
        """Return one in the same proportions, of which the latest line comes so late."""
        share = seconds / cls().late[1]
        usual, late = cls().usual, cls().late
        return cls(usual=(usual[0] * share, usual[1] * share), late=(late[0] * share, seconds))

    def draw(self, chance: random.Random) -> timedelta:
        least, most = self.late if chance.random() < self.late_share else self.usual
        return timedelta(seconds=chance.uniform(least, most))


AT_ONCE = Lateness(usual=(0, 0), late_share=0)
