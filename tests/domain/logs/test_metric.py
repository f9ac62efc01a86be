"""A minute of a metric."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from shared.domain.logs.entries import MetricPoint
from shared.domain.logs.keys import entry_key
from shared.domain.logs.line_reading import parse_line
from tests.data.logs import log_lines
from tests.domain.logs.test_service_call import ACCOUNT

LINE = log_lines("metrics.jsonl")[0]


def test_a_point_has_its_minute_and_its_numbers() -> None:
    """Tokens by the hour are held against them where calls have no counts of their own."""
    assert parse_line(LINE) == MetricPoint(
        resource_id=ACCOUNT,
        occurred_at=datetime(2026, 11, 20, 8, 15, tzinfo=UTC),
        metric="ProcessedPromptTokens",
        grain="PT1M",
        count=3,
        total=1287,
        minimum=75,
        maximum=900.5,
        average=429,
    )


def test_dimensions_make_another_row() -> None:
    """The export has none. Should it ever, points of one minute must not overwrite each other."""
    points = [
        parse_line(json.dumps(json.loads(LINE) | {"ModelDeploymentName": name}).encode())
        for name in ("chat", "vectors")
    ]

    assert len({entry_key(point) for point in [parse_line(LINE), *points]}) == 3


def test_the_export_by_data_collection_rules_says_the_same_in_capitals() -> None:
    """Numbers read as none would be a minute in which nothing happened; and it has dimensions."""
    said = json.loads(LINE)
    numbers = ("count", "total", "minimum", "maximum", "average")
    other = {name.capitalize(): said.pop(name) for name in numbers} | {"unit": "Count", "dimension": {"Region": "x"}}
    exported, ruled = parse_line(LINE), parse_line(json.dumps(said | other).encode())

    assert isinstance(exported, MetricPoint)
    assert isinstance(ruled, MetricPoint)
    assert [getattr(ruled, name) for name in numbers] == [getattr(exported, name) for name in numbers]
    assert json.loads(ruled.extra or "") == {"unit": "Count", "dimension": {"Region": "x"}}


def test_what_is_no_number_is_not_known() -> None:
    """Of no measurements .NET writes an average that storage refuses: the row would be lost for it."""
    line = json.dumps(json.loads(LINE) | {"average": "NaN", "maximum": "Infinity", "minimum": "-inf"}).encode()
    point = parse_line(line)

    assert isinstance(point, MetricPoint)
    assert (point.total, point.average, point.maximum, point.minimum) == (1287, None, None, None)
