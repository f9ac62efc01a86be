"""The members of a line under the names that most of Azure gives them, for a line that has others.

Services write them in other cases, and the time under other names and as .NET prints it in the United States
(Event Hubs: `"EventTimeString": "11/3/2020 9:06:42 AM +00:00"`). Log Analytics has names of its own, which it adds
the type to (`properties_s`): https://learn.microsoft.com/azure/azure-monitor/reference/tables/azurediagnostics
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
from msgspec import Raw

from shared.domain.logs.wire import UNREADABLE, Members

# Not those of metrics: a row of Log Analytics would be another point of its minute, and counted beside the export's.
_USUAL = {
    name.lower(): name
    for name in (
        "category operationName resourceId correlationId resultType resultSignature durationMs callerIpAddress "
        "identity claims authorization httpRequest properties location Tenant event EnqueueTime type"
    ).split()
} | {
    # https://learn.microsoft.com/azure/azure-monitor/reference/tables/azureactivity
    "categoryvalue": "category",
    "operationnamevalue": "operationName",
    "activitystatusvalue": "resultType",
    "activitysubstatusvalue": "resultSignature",
    "_resourceid": "resourceId",
}
_TIMES = ("time", "timestamp", "eventtimestamp", "eventtimestring", "timegenerated", "createddatetime")
_TYPE_SUFFIX = re.compile(r"_[bdgst]$")

_TIME = msgspec.json.Decoder(datetime, strict=False)
_TEXT = msgspec.json.Decoder(str)
_MAX_TIME_LENGTH = 40
_TIME_FORMATS = [
    f"%m/%d/%Y {time}{zone}" for time in ("%I:%M:%S %p", "%H:%M:%S", "%H:%M:%S.%f") for zone in ("", " %z")
]


def usually_named(line_members: Members) -> Members:
    """Return the members of a line by their usual names; those we do not know keep theirs."""
    named: Members = {}
    for name, value in line_members.items():
        named.setdefault(_USUAL.get(_bare(name), name), value)
    for name, time in _times(line_members):
        named.pop(name, None)
        named["time"] = Raw(msgspec.json.encode(time))
        break
    return named


def _bare(name: str) -> str:
    return _TYPE_SUFFIX.sub("", name).lower()


def _times(line_members: Members) -> Iterator[tuple[str, datetime]]:
    """Yield the times a line has that can be read, each with its name, the best first."""
    names = {_bare(name): name for name in line_members}
    for bare in _TIMES:
        if (name := names.get(bare)) is not None and (time := _time(line_members[name])) is not None:
            yield name, time


def _time(value: Raw) -> datetime | None:
    try:
        return _TIME.decode(value)
    except UNREADABLE:
        return _printed_time(value)


def _printed_time(value: Raw) -> datetime | None:
    try:
        text = _TEXT.decode(value)
    except UNREADABLE:
        return None
    # What is longer is none, and is not worth a look at every format.
    for time_format in _TIME_FORMATS if len(text) <= _MAX_TIME_LENGTH else ():
        try:
            time = datetime.strptime(text, time_format)  # noqa: DTZ007 - one without a zone is UTC, as in `utc`
        except ValueError:
            continue
        return time if time.tzinfo else time.replace(tzinfo=UTC)
    return None
