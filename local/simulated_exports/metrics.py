"""Lines of the metrics export: a minute of each metric of the resource, over all its deployments."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from local.simulated_azure_openai.served_call import ServedCall
from local.simulated_exports.resource import Resource
from local.simulated_exports.wire import Line, line, log_time

_MINUTE = timedelta(minutes=1)

_Point = tuple[datetime, str]


class MinuteMetrics:
    """
    Counts calls and tokens by the minute that they were answered in.

    A minute without a call has no line.
    """

    def __init__(self, resource: Resource) -> None:
        self._resource = resource
        self._values: dict[_Point, list[int]] = {}
        self._told: dict[_Point, int] = {}

    def add(self, call: ServedCall) -> None:
        minute = call.responded_at.astimezone(UTC).replace(second=0, microsecond=0)
        for metric, value in _metrics(call):
            self._values.setdefault((minute, metric), []).append(value)

    def untold(self, until: datetime | None = None) -> Iterator[Line]:
        """
        Yield the minutes that were over then, or all; and again those that calls were added to since.

        The later line of a minute says all of it: in each number it is the larger.
        """
        for point, values in sorted(self._values.items()):
            is_over = until is None or point[0] + _MINUTE <= until
            if is_over and len(values) > self._told.get(point, 0):
                self._told[point] = len(values)
                yield self._line(*point, values)

    def _line(self, minute: datetime, metric: str, values: list[int]) -> Line:
        return line(
            minute + _MINUTE,
            {
                "count": len(values),
                "total": sum(values),
                "minimum": min(values),
                "maximum": max(values),
                "average": sum(values) / len(values),
                "resourceId": self._resource.id.upper(),
                "time": log_time(minute),
                "metricName": metric,
                "timeGrain": "PT1M",
            },
        )


def _metrics(call: ServedCall) -> Iterator[tuple[str, int]]:
    yield "AzureOpenAIRequests", 1
    if call.tokens is not None:
        yield "ProcessedPromptTokens", call.tokens.prompt
        yield "GeneratedTokens", call.tokens.completion
        yield "TokenTransaction", call.tokens.prompt + call.tokens.completion
