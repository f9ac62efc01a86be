"""What is exported: a file a day of each table, whose name says what it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

_CONTAINER = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)


class ExportFormat(StrEnum):
    """What can be asked for."""

    CSV = "csv"  # usage records, as CSV
    PARQUET = "parquet"  # the same, as Parquet
    FOCUS = "focus"  # costs in the form of the FinOps Foundation, as CSV and as Parquet


def is_container_name(text: str) -> bool:
    """
    Return whether a container of blobs may be called so.

    https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
    """
    return _CONTAINER.fullmatch(text) is not None


def file_name(folder: str, day: date, suffix: str) -> str:
    """
    Return the name of a day's file: the same whenever it is exported, so that it replaces the one before.

    The folder of a day is named as readers of partitioned data look for it:
    https://duckdb.org/docs/data/partitioning/hive_partitioning
    """
    return f"{folder}/day={day.isoformat()}/part-00000{suffix}"


def whole_days(first: date, end: date) -> Iterator[date]:
    """Yield the days from `first` on, `end` left out."""
    return (first + timedelta(days=number) for number in range((end - first).days))


def begin_of(day: date) -> datetime:
    """Return when a day begins, in UTC."""
    return datetime.combine(day, time(), UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """What is kept beside a file. `unpriced_calls` are left out of it, for nobody knows what they cost."""

    rows: int
    sha256: str
    unpriced_calls: int = 0

    def texts(self) -> Mapping[str, str]:
        """Return them as the names and texts that a blob's metadata takes."""
        return {"rows": str(self.rows), "sha256": self.sha256, "unpriced_calls": str(self.unpriced_calls)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFile:
    """A file that was looked after. `is_new` says that it was written, for there was none or it has changed."""

    name: str
    facts: FileFacts
    is_new: bool
