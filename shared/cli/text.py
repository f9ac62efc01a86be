"""Text for a terminal. Whatever somebody called themselves, it is shown and does nothing."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from shared.domain.usage_record import TokenUsage, UsageRecord, UsageSource

UNKNOWN = "-"
_ID_SHOWN = 8
# Ids of calls that went past the gate begin alike.
_BYPASS = "bypass-"
_LEAST_SHOWN = Decimal("0.0001")
# What Azure did not report: counted by us, or what had arrived when the answer was cut.
_MARKS = {UsageSource.ESTIMATED: "~", UsageSource.PARTIAL: ">"}


def harmless(text: str | None) -> str:
    """
    Return text in which every character is one that shows.

    An escape could move the cursor, set the window's title or hide what stands before it; a mark of
    direction, turn what is around it.
    """
    if not text:
        return UNKNOWN
    return text if text.isprintable() else "".join(each if each.isprintable() else "\ufffd" for each in text)


def principal_of(name: str | None, object_id: str) -> str:
    """Return a principal's name, and as much of its id as tells it from another of that name."""
    if name in {None, "", object_id}:
        return harmless(object_id)
    return f"{harmless(name)} ({harmless(object_id[:_ID_SHOWN])})"


def short_id(call_id: str) -> str:
    """Return the beginning of a call id: enough for `call` to find it."""
    length = _ID_SHOWN + len(_BYPASS) if call_id.startswith(_BYPASS) else _ID_SHOWN
    return harmless(call_id[:length])


def tokens(usage: TokenUsage, count: int | None) -> str:
    """Return a count: `~` says that it is an estimate, `>` that it is a lower bound."""
    return UNKNOWN if count is None else f"{_MARKS.get(usage.source, '')}{count:,}"


def dollars(amount: Decimal | None) -> str:
    """Return an amount to a hundredth of a cent; what is less is told to be, and is not shown as nothing."""
    if amount is None:
        return UNKNOWN
    return f"<{_LEAST_SHOWN}" if 0 < amount < _LEAST_SHOWN else f"{amount:,.4f}"


def seconds(duration_ms: int | None) -> str:
    """Return how long something took."""
    return UNKNOWN if duration_ms is None else f"{duration_ms / 1000:,.2f}"


def second(at: datetime) -> str:
    """Return a time of this year to the second, in UTC."""
    return at.strftime("%m-%d %H:%M:%S")


def outcome(record: UsageRecord) -> str:
    """Return how a call ended, with Azure's status where that says more."""
    is_telling = record.status is not None and record.status >= 400
    return f"{record.outcome} {record.status}" if is_telling else str(record.outcome)
