"""Reads metrics as they are exported: a minute of one metric of a resource, over all its deployments."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from shared.domain.logs.entries import MetricPoint
from shared.domain.logs.wire import Members, Name, left_over, resource_id, take, utc


class _Line(Struct, kw_only=True, gc=False, rename="camel"):
    time: datetime
    resource_id: Name
    metric_name: Name
    time_grain: str | None = None
    count: float | None = None
    total: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    average: float | None = None


def read_metric(line_members: Members) -> MetricPoint:
    """Return a point of a metric. Raises LineUnreadable."""
    line = take(_Line, line_members)
    return MetricPoint(
        resource_id=resource_id(line.resource_id),
        occurred_at=utc(line.time),
        metric=line.metric_name,
        grain=line.time_grain or None,
        count=line.count,
        total=line.total,
        minimum=line.minimum,
        maximum=line.maximum,
        average=line.average,
        extra=left_over(line_members),
    )
