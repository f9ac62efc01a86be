"""Reads metrics as they are exported: a minute of one metric of a resource, over all its deployments."""

from __future__ import annotations

import math
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


# As the newer export by data collection rules has them, which has dimensions, too:
# https://learn.microsoft.com/azure/azure-monitor/essentials/data-collection-metrics
_NUMBERS = ("Count", "Total", "Minimum", "Maximum", "Average")


def read_metric(line_members: Members) -> MetricPoint:
    """Return a point of a metric. Raises LineUnreadable."""
    for name in _NUMBERS:
        if name in line_members:
            line_members.setdefault(name.lower(), line_members.pop(name))
    line = take(_Line, line_members)
    return MetricPoint(
        resource_id=resource_id(line.resource_id),
        occurred_at=utc(line.time),
        metric=line.metric_name,
        grain=line.time_grain or None,
        count=_finite(line.count),
        total=_finite(line.total),
        minimum=_finite(line.minimum),
        maximum=_finite(line.maximum),
        average=_finite(line.average),
        extra=left_over(line_members),
    )


def _finite(number: float | None) -> float | None:
    """Return a number that says something: of no measurements .NET writes the average as "NaN"."""
    return number if number is not None and math.isfinite(number) else None
