"""How Azure writes what stands in every log: times, addresses, ids and the line itself."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

Json = dict[str, Any]

# .NET ticks: 100 ns each, since 0001-01-01.
_UNIX_EPOCH_TICKS = 621_355_968_000_000_000


class Line(NamedTuple):
    """A line with its newline, and the time that it says."""

    time: datetime
    data: bytes


def line(time: datetime, record: Mapping[str, Any]) -> Line:
    """Return a record as exports to storage have it, with blanks between its members."""
    return Line(time, json.dumps(record).encode() + b"\n")


def compact(record: Mapping[str, Any]) -> str:
    """Return JSON as it stands inside a string of another."""
    return json.dumps(record, separators=(",", ":"))


def log_time(time: datetime) -> str:
    """Return a time as logs have it: seven digits, of which Azure writes the milliseconds."""
    return f"{enqueue_time(time)}Z"


def enqueue_time(time: datetime) -> str:
    """Return the same without the Z, as `EnqueueTime` is."""
    utc = time.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03}0000"


def ticks(time: datetime) -> int:
    return _UNIX_EPOCH_TICKS + (time - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1) * 10


def masked(address: str) -> str:
    """Return an address as Azure logs it: a star for each digit of its last part. Of IPv6 nobody has seen one."""
    kept, separator, last = address.rpartition("." if "." in address else ":")
    return kept + separator + "*" * len(last)


def new_guid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))
