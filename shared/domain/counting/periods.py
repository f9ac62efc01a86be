"""
What the service did for a time. A call of today is counted by none of these.

Recorded calls are, so that accuracy can be measured on those of three years. A period begins and ends
with a recorded call that was billed so; nothing was recorded of the days next to it.
"""

from __future__ import annotations

from datetime import date

from shared.domain.period import Period

# OpenAI, too, billed the token that ends a chat answer: 67 recorded calls of six repositories.
ENDS_BILLED = Period(first=date(2024, 12, 20), last=date(2025, 5, 14))

# The results of calls made at once were an array in ASCII, where a degree sign is six characters.
# The first day is that on which calls at once came out.
RESULTS_IN_ASCII = Period(first=date(2023, 11, 6), last=date(2026, 2, 11))
