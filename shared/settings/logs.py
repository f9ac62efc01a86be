"""Where Azure exports its logs to, and what has them read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.adapters.table_service import StorageSettings
from shared.settings.reader import Reader
from shared.settings.schedules import EVERY_MINUTE

# As a diagnostic setting names them, and the export of the Activity Log.
# https://learn.microsoft.com/azure/azure-monitor/platform/resource-logs#send-to-azure-storage
_DEFAULT_LOGS_CONTAINERS = (
    "insights-logs-requestresponse,insights-logs-azureopenairequestusage,insights-logs-audit,insights-logs-trace,"
    "insights-metrics-pt1m,insights-activity-logs"
)


class BlobTrigger(StrEnum):
    """What, beside the timer, has a log blob read when it is new or has changed."""

    OFF = "off"
    POLLING = "polling"
    EVENT_GRID = "event_grid"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsSettings:
    """Where Azure exports its logs to. `containers` are names, or patterns with a `*`."""

    storage: StorageSettings
    containers: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogTriggers:
    """
    What has logs read, for the host to bind functions to: a timer, and beside it what is asked for.

    `containers` are those with a blob trigger; `connection` names the settings of their account. Where
    `event_hub` is empty there is none.
    """

    schedule: str
    blobs: BlobTrigger
    containers: Sequence[str]
    connection: str
    event_hub: str
    consumer_group: str | None


def read_logs(read: Reader, ledgers: StorageSettings) -> LogsSettings:
    """Read them; where logs have no account of their own, they are in the ledger\'s."""
    return LogsSettings(storage=_log_storage(read) or ledgers, containers=_log_containers(read))


def _log_storage(read: Reader) -> StorageSettings | None:
    """Return the account that logs are exported to, None where it is not another than the ledger's."""
    connection_string = read.text("LogsStorage")
    account = read.text("LogsStorage__accountName")
    endpoint = read.url("LogsStorage__blobServiceUri")
    if account and not endpoint:
        endpoint = f"https://{account}.blob.core.windows.net"
    if not connection_string and not endpoint:
        return None
    return StorageSettings(connection_string=connection_string, blob_endpoint=endpoint)


def _log_containers(read: Reader) -> list[str]:
    return sorted(read.words("LOGS_CONTAINERS", _DEFAULT_LOGS_CONTAINERS))


def read_log_triggers(read: Reader) -> LogTriggers:
    """Read them, and tell the reader what is wrong with them."""
    blobs = read.choice("INGEST_BLOB_TRIGGER", BlobTrigger.OFF)
    # A blob trigger takes no pattern for its container.
    containers = [name for name in _log_containers(read) if "*" not in name]
    return LogTriggers(
        schedule=read.text("INGEST_SCHEDULE") or EVERY_MINUTE,
        blobs=blobs,
        containers=[] if blobs is BlobTrigger.OFF else containers,
        connection="LogsStorage" if _log_storage(read) else "AzureWebJobsStorage",
        event_hub=read.text("LOGS_EVENT_HUB") or "",
        consumer_group=read.text("LOGS_CONSUMER_GROUP"),
    )
