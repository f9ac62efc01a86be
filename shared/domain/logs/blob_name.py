"""The names of exported log blobs, as `{folder}y=2026/m=11/d=23/h=09/m=00/PT1H.json`, and when they can change.

A blob has what Azure *received* in its hour, whenever it happened; shortly after the hour some is still written to it.

https://learn.microsoft.com/azure/azure-monitor/platform/resource-logs
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

# How old the events can be that Azure still exports. Far longer than any blob has been seen to grow.
LATENESS = timedelta(hours=48)

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_NAME = re.compile(r"(?:.*/)?(y=\d{4}/m=\d{2}/d=\d{2}/h=\d{2})/m=\d{2}/[^/]+", re.ASCII | re.IGNORECASE)


def hour_of(name: str) -> datetime | None:
    """Return the beginning of the hour that a blob is of, None if its name is not that of an exported log."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    try:
        return datetime.strptime(found[1].lower(), "y=%Y/m=%m/d=%d/h=%H").replace(tzinfo=UTC)
    except ValueError:
        return None


def is_sealed(name: str, now: datetime) -> bool:
    """Return whether a blob is so old that nothing will be appended to it. One without an hour never is."""
    hour = hour_of(name)
    return hour is not None and now - hour >= _HOUR + LATENESS


def recent_prefixes(folder: str, now: datetime) -> list[str]:
    """Return what the names of the blobs begin with that are not sealed yet, newest first: one prefix for each day."""
    oldest = (now - _HOUR - LATENESS).astimezone(UTC).date()
    newest = now.astimezone(UTC).date()
    days = (newest - _DAY * ago for ago in range((newest - oldest).days + 1))
    return [f"{folder}y={day:%Y}/m={day:%m}/d={day:%d}/" for day in days]
