"""Where an entry stands in the tables: the same line has the same key, whenever and wherever it is read."""

from __future__ import annotations

import functools
import hashlib
import re
from datetime import UTC, datetime
from typing import NamedTuple

from shared.domain.logs.entries import AuditEvent, CallUsage, LogEntry, MetricPoint, OtherEntry, ServiceCall

SERVICE_CALLS_TABLE = "servicecalls"
AUDIT_EVENTS_TABLE = "auditevents"
METRICS_TABLE = "metrics"
OTHER_LOGS_TABLE = "otherlogs"

# What no key may have, and `|`, which stands for `/` in ours.
_ODD = re.compile(r"[|\\#?\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# With a day before it and a hash behind, still far below the 512 units a key may have.
_MAX_PART_LENGTH = 200
_HASH_LENGTH = 32  # hexadecimal digits: 128 bits
_ACCOUNT = re.compile(
    r"/subscriptions/[^/]+/resourcegroups/[^/]+/providers/microsoft\.cognitiveservices/accounts/[^/]+"
)
_SUBSCRIPTION = re.compile(r"/subscriptions/[^/]+")


class EntryKey(NamedTuple):
    """A row's place."""

    table: str
    partition_key: str
    row_key: str


def entry_key(entry: LogEntry) -> EntryKey:
    """Return the place of an entry's row. Entries of one key are one row: see `merging.richer_of`."""
    match entry:
        case ServiceCall():
            # Both lines of a call have its request time. One without it stands where it was logged.
            hour = entry.requested_at or entry.logged_at
            partition = service_calls_partition(entry.resource_id, hour)
            return EntryKey(SERVICE_CALLS_TABLE, partition, key_part(entry.correlation_id))
        case CallUsage():
            # Azure does not say here when the call began, only when its end was logged, which may be another hour.
            partition = service_calls_partition(entry.resource_id, entry.logged_at)
            return EntryKey(SERVICE_CALLS_TABLE, partition, usage_row(entry.correlation_id))
        case AuditEvent():
            partition = day_partition(entry.occurred_at, audited_resource(entry.resource_id))
            return EntryKey(AUDIT_EVENTS_TABLE, partition, _time_and_hash(entry.occurred_at, _identity(entry)))
        case MetricPoint():
            row = f"{key_part(entry.metric)}_{_row_time(entry.occurred_at)}"
            row = f"{row}_{_hash(entry.extra)}" if entry.extra else row
            return EntryKey(METRICS_TABLE, day_partition(entry.occurred_at, entry.resource_id), row)
        case OtherEntry():
            partition = day_partition(entry.occurred_at, entry.resource_id or "")
            return EntryKey(OTHER_LOGS_TABLE, partition, _time_and_hash(entry.occurred_at, entry.record))


def service_calls_partition(resource_id: str, hour: datetime) -> str:
    """Return the partition of a resource's calls that began in an hour: hours sort by time, and then by resource."""
    return f"{hour.astimezone(UTC):%Y%m%dT%H}_{key_part(resource_id)}"


def day_partition(day: datetime, resource_id: str) -> str:
    """Return the partition of a resource's day: days sort by time, and then by resource."""
    return f"{day.astimezone(UTC):%Y%m%d}_{key_part(resource_id)}"


def usage_row(correlation_id: str) -> str:
    """Return the row key of the tokens of a call, beside which the call itself has its own."""
    return f"{key_part(correlation_id)}~usage"


def audited_resource(resource_id: str) -> str:
    """
    Return whose an event is: of the Azure OpenAI account it was done to or inside of, else of the subscription.

    A role given by a resource group, or by the subscription, reaches into its accounts.
    """
    found = _ACCOUNT.match(resource_id) or _SUBSCRIPTION.match(resource_id)
    return found.group() if found else resource_id


@functools.lru_cache(maxsize=4096)
def key_part(text: str) -> str:
    """Return a text as a part of a key: `/` is `|`; what is long or odd ends in its hash."""
    plain = text.strip("/")
    if len(plain) > _MAX_PART_LENGTH or _ODD.search(plain):
        plain = f"{_ODD.sub('-', plain[:_MAX_PART_LENGTH])}-{_hash(text)}"
    return plain.replace("/", "|")


def _identity(event: AuditEvent) -> str:
    # Not all it says: a line has a member more when it comes by storage than by Event Hub.
    said = (event.source, event.operation, event.resource_id, event.correlation_id, event.result, event.object_id)
    return "\n".join(part or "" for part in said)


def _time_and_hash(time: datetime, text: str) -> str:
    return f"{_row_time(time)}_{_hash(text)}"


def _row_time(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]
