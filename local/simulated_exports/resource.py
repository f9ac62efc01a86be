"""Which resource it is that logs, and the names of its blobs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

ACTIVITY_LOG = "insights-activity-logs"
AUDIT = "insights-logs-audit"
METRICS = "insights-metrics-pt1m"
REQUEST_RESPONSE = "insights-logs-requestresponse"
REQUEST_USAGE = "insights-logs-azureopenairequestusage"
TRACE = "insights-logs-trace"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedBlob:
    """A blob by its container and name."""

    container: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """An Azure OpenAI account. `id` is /subscriptions/…/accounts/NAME, in any case; `region` as `swedencentral`."""

    id: str
    region: str = "swedencentral"

    @property
    def subscription(self) -> str:
        """The id of its subscription, as /subscriptions/…"""
        return "/".join(self.id.split("/")[:3])

    def blob(self, container: str, received_at: datetime) -> ExportedBlob:
        """Return where Azure writes what it received then. The Activity Log is of the whole subscription."""
        whose = self.subscription if container == ACTIVITY_LOG else self.id
        hour = f"{received_at.astimezone(UTC):y=%Y/m=%m/d=%d/h=%H}/m=00/PT1H.json"
        return ExportedBlob(container=container, name=f"resourceId={whose.upper()}/{hour}")
