"""Lines whose members have other names: of services with a way of their own, and of Log Analytics."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.logs.entries import AuditEvent, OtherEntry, ServiceCall
from shared.domain.logs.keys import entry_key
from shared.domain.logs.line_reading import parse_line
from shared.domain.logs.renaming import usually_named
from shared.domain.logs.wire import members
from tests.data.logs import log_lines

CALL = log_lines("requestresponse.jsonl")[0]
ROW_OF_CALL, ROW_OF_ACTIVITY, ROW_OF_METRIC = log_lines("log_analytics.jsonl")
NINE = datetime(2026, 11, 3, 9, 6, 42, tzinfo=UTC)

names = st.sampled_from(["time", "Time", "timeStamp", "EventTimeString", "category", "Type", "ResourceId", "x_s"])
values = st.none() | st.integers() | st.text() | st.just("11/3/2026 9:06:42 AM") | st.just("2026-11-03T09:06:42Z")


@pytest.mark.parametrize("line", log_lines("other_names.jsonl"))
def test_the_time_and_the_resource_are_found_under_any_name(line: bytes) -> None:
    """Else what Event Hubs, application gateways or Application Insights export would all be dead letters."""
    entry = parse_line(line)

    assert isinstance(entry, OtherEntry)
    assert entry.occurred_at == NINE
    assert (entry.resource_id or "").startswith("/subscriptions/0a000000-0000-4000-8000-000000000001/resourcegroups/")
    assert entry.record == line.decode()


def test_the_category_is_found_under_any_name() -> None:
    """Application Insights says `Type`; who says nothing is still kept."""
    assert [
        entry.category for entry in map(parse_line, log_lines("other_names.jsonl")) if isinstance(entry, OtherEntry)
    ] == [
        "OperationalLogs",
        "RuntimeAuditLogs",
        "ApplicationGatewayAccessLog",
        "AppRequests",
        "ACSCallClosedCaptionsSummary",
        "unknown",
    ]


@pytest.mark.parametrize(
    "time",
    [
        "11/03/2026 09:06:42",
        "11/3/2026 9:06:42 AM",
        "11/3/2026 10:06:42 AM +01:00",
        "2026-11-03T09:06:42",
        "2026-11-03T09:06:42.000000056Z",
        "2026-11-03T11:06:42+0200",
        1793696802,
    ],
)
@pytest.mark.parametrize("name", ["time", "Time", "timeStamp", "EventTimeString", "TimeGenerated"])
def test_a_time_is_read_however_it_is_written(name: str, time: str | int) -> None:
    """A call with its time in another form is a call."""
    line = json.loads(CALL)
    del line["time"]
    call = parse_line(json.dumps(line | {name: time}).encode())

    assert isinstance(call, ServiceCall)
    assert call.logged_at == NINE


def test_the_best_name_goes_first_where_it_can_be_read() -> None:
    """Application gateways write both of them."""
    said = {"category": "Trace", "timeStamp": "2026-11-03T09:06:42Z"}
    both = [parse_line(json.dumps(said | {"time": time}).encode()) for time in ("2026-11-04T00:00:00Z", "soon")]

    assert [entry.occurred_at for entry in both if isinstance(entry, OtherEntry)] == [
        datetime(2026, 11, 4, tzinfo=UTC),
        NINE,
    ]


def test_a_call_from_log_analytics_is_the_call_of_the_export() -> None:
    """Both may be read, and it is one row: whose logs go to a workspace can check them, too."""
    call, row = parse_line(CALL), parse_line(ROW_OF_CALL)

    assert isinstance(call, ServiceCall)
    assert isinstance(row, ServiceCall)
    assert entry_key(row) == entry_key(call)
    assert msgspec.structs.replace(row, extra=None) == call


def test_an_activity_from_log_analytics_is_an_event() -> None:
    """Its claims are a text of JSON there, and its words end in `Value`."""
    event = parse_line(ROW_OF_ACTIVITY)

    assert isinstance(event, AuditEvent)
    assert event.operation == "microsoft.advisor/recommendations/available/action"
    assert (event.category, event.result, event.principal_name) == ("Recommendation", "Active", "Microsoft.Advisor")
    assert event.resource_id.endswith("/accounts/models-east")


def test_a_metric_from_log_analytics_is_kept_whole() -> None:
    """It says more than the exported one, and as a point of its own the minute would count twice."""
    row = parse_line(ROW_OF_METRIC)

    assert isinstance(row, OtherEntry)
    assert row.category == "AzureMetrics"


@given(st.dictionaries(names | st.text(), values))
def test_no_line_loses_what_it_says_under_another_name(line: dict[str, object]) -> None:
    """Whatever stands there, and however often."""
    named = usually_named(members(json.dumps(line).encode()))

    assert named.keys() - {"time"} <= set(line) | {"category", "type", "resourceId"}
    assert len(named) <= len(line) + 1
