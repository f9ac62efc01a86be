"""What has the logs read that Azure exports."""

from __future__ import annotations

from collections.abc import Awaitable

from shared.bootstrap.parts import Parts
from shared.domain.logs.reading import LogBlob
from shared.settings.logs import LogsSettings
from shared.usecases.ingest_recent_logs import IngestRecentLogs


def ingest_recent_logs(logs: LogsSettings, parts: Parts) -> IngestRecentLogs:
    """Return what the timer runs."""
    return IngestRecentLogs(
        blobs=parts.log_blobs,
        containers=parts.log_blobs,
        checkpoints=parts.logs.checkpoints,
        ingest=parts.logs.of_blobs(parts.log_blobs),
        clock=parts.clock,
        patterns=logs.containers,
    )


def ingest_log_blob(parts: Parts, path: str) -> Awaitable[object]:
    """Read a blob, named as its trigger names it: container and name."""
    container, _, name = path.partition("/")
    blob = LogBlob(account=parts.log_blobs.account, container=container, name=name)
    return parts.logs.of_blobs(parts.log_blobs)(blob)
