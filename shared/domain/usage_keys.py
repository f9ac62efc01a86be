"""Keys of usage records: a principal's day is a partition, which reads in the order in which calls began."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import NamedTuple


def usage_partition(day: date, tenant_id: str, object_id: str) -> str:
    """Return the partition of a principal's day: all days sort by time, and in a day by principal."""
    return f"{day_prefix(day)}{tenant_id}_{object_id}"


def day_prefix(day: date) -> str:
    """Return what the partitions of a day begin with, and nothing else does."""
    return f"{day.isoformat()}_"


def usage_row(begun_at: datetime, call_id: str) -> str:
    """Return the row key of a call: rows sort by when calls began, and every write of a call has one key."""
    return f"{row_time(begun_at)}_{call_id}"


def row_time(begun_at: datetime) -> str:
    """Return what the row keys of calls begun at this time begin with, as 20261123T090102.123456Z."""
    return begun_at.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")


def row_hour(row_key: str) -> int:
    """Return the hour of the day in which a call of this row key began."""
    return int(row_key[9:11])


class Owner(NamedTuple):
    """Whose usage it is: a principal by its ids."""

    tenant_id: str
    object_id: str


class PrincipalDay(NamedTuple):
    """A principal's day, in UTC: the partition of its usage records."""

    day: date
    owner: Owner

    @property
    def partition(self) -> str:
        """The key of its partition in `usage`."""
        return usage_partition(self.day, *self.owner)

    @classmethod
    def of_partition(cls, key: str) -> PrincipalDay:
        """Return whose day a partition holds. Raises ValueError for a key that is none of ours."""
        # No id holds an underscore: Principal sees to it.
        day, tenant_id, object_id = key.split("_")
        return cls(date.fromisoformat(day), Owner(tenant_id, object_id))
