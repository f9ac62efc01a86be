"""Counting tokens where Azure reported none: what there is to count, and by which rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.operation import Metered


@dataclass(frozen=True, slots=True, kw_only=True)
class CountableCall:
    """
    What is known of a call whose usage Azure did not report.

    `request_body` is None where it was too large to keep. `completion_texts` are the visible
    pieces of the answer (content, refusals, tool names and arguments), in order, a list a
    choice. `cut` is True where the answer broke off, so that its count is a lower bound.
    """

    metered: Metered
    model: str | None
    request_body: bytes | bytearray | None
    completion_texts: Sequence[Sequence[str]] = ()
    cut: bool = False
