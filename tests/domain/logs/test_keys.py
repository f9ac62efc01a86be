"""Where entries stand: the same place for the same line, and one that people and range queries can use."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.domain.logs.entries import AuditEvent, CallUsage, OtherEntry
from shared.domain.logs.keys import audited_resource, entry_key, key_part, service_calls_partition
from shared.domain.logs.line_reading import parse_line
from shared.domain.table_entity import check_key
from tests.data.logs import log_lines
from tests.domain.logs.test_audit import ASSIGNED, DEPLOYED, LISTED, LISTED_BEGIN
from tests.domain.logs.test_merging import POOR, RICH
from tests.domain.logs.test_service_call import ACCOUNT

ACCOUNT_PART = (
    "subscriptions|0a000000-0000-4000-8000-000000000001|resourcegroups|rg-models"
    "|providers|microsoft.cognitiveservices|accounts|models-east"
)


def test_a_call_stands_in_the_hour_it_began_in() -> None:
    """Reconciliation asks by resource and hour, and then by the id that our record has."""
    assert entry_key(RICH) == (
        "servicecalls",
        f"20261120T08_{ACCOUNT_PART}",
        "c1000000-0000-4000-8000-000000000007",
    )


def test_both_lines_of_a_call_have_one_place() -> None:
    """Else a call would be counted twice."""
    assert entry_key(POOR) == entry_key(RICH)


def test_a_call_without_its_time_stands_where_it_was_logged() -> None:
    """It must stand somewhere."""
    timeless = msgspec.structs.replace(RICH, requested_at=None)

    assert entry_key(timeless).partition_key == service_calls_partition(ACCOUNT, RICH.logged_at)


def test_the_tokens_of_a_call_stand_beside_it() -> None:
    """A row of their own: Azure logs them apart, and does not say there when the call began."""
    usage = parse_line(log_lines("azureopenairequestusage.jsonl")[0])

    assert isinstance(usage, CallUsage)
    assert entry_key(usage)._replace(row_key="") == entry_key(RICH)._replace(row_key="")
    assert entry_key(usage).row_key == f"{entry_key(RICH).row_key}~usage"


def test_events_stand_in_time_order_with_their_account() -> None:
    """A role given for an account is a child of that account, and belongs into the account's day."""
    places = [entry_key(event) for event in (LISTED_BEGIN, LISTED, DEPLOYED, ASSIGNED)]

    assert {(place.table, place.partition_key) for place in places} == {("auditevents", f"20261120_{ACCOUNT_PART}")}
    assert [place.row_key for place in places] == sorted(place.row_key for place in places)
    assert places[0].row_key.startswith("20261120T082000.100000Z_")


def test_the_same_event_from_blob_and_hub_has_one_place() -> None:
    """The hub leaves members out that storage adds."""
    assert entry_key(msgspec.structs.replace(LISTED, extra='{"EnqueueTime":1}')) == entry_key(LISTED)


@pytest.mark.parametrize("field", ["operation", "correlation_id", "result", "object_id"])
def test_two_events_of_one_instant_have_two_places(field: str) -> None:
    """Azure has clocks of 100 ns, and scripts list all keys at once."""
    event: AuditEvent = msgspec.structs.replace(LISTED, **{field: "another"})

    assert entry_key(event) != entry_key(LISTED)


@pytest.mark.parametrize(
    ("resource_id", "whose"),
    [
        (ACCOUNT, ACCOUNT),
        (f"{ACCOUNT}/deployments/chat", ACCOUNT),
        ("/subscriptions/s/resourcegroups/g", "/subscriptions/s"),
        ("/subscriptions/s/resourcegroups/g/providers/microsoft.storage/storageaccounts/a", "/subscriptions/s"),
        ("/providers/microsoft.management/x", "/providers/microsoft.management/x"),
    ],
)
def test_an_event_belongs_to_its_account_or_subscription(resource_id: str, whose: str) -> None:
    """Who asks what happened to an account reads two partitions a day, not one for each thing inside it."""
    assert audited_resource(resource_id) == whose


def test_a_metric_has_a_row_for_each_minute() -> None:
    """In the order of metric and time, so that one metric's day is one range."""
    assert entry_key(parse_line(log_lines("metrics.jsonl")[0])) == (
        "metrics",
        f"20261120_{ACCOUNT_PART}",
        "ProcessedPromptTokens_20261120T081500.000000Z",
    )


def test_what_we_do_not_read_stands_by_time() -> None:
    """Two records of one instant are two rows; one that is read twice is one."""
    one, two = (parse_line(line) for line in log_lines("other.jsonl"))
    assert isinstance(one, OtherEntry)
    again = msgspec.structs.replace(one, record=one.record)

    assert entry_key(one).table == "otherlogs"
    assert entry_key(one) == entry_key(again) != entry_key(two)
    assert entry_key(msgspec.structs.replace(one, resource_id=None)).partition_key == "20261120_"


@given(st.text(max_size=600) | st.text("/\\#?\x85é\ud800\U0001f600", max_size=600))
def test_any_text_makes_a_part_of_a_key(text: str) -> None:
    """Ids in logs are whatever a writer put there."""
    units = check_key("RowKey", f"20261120T081500.000000Z_{key_part(text)}~usage")

    assert units < 512


@given(
    st.lists(st.text("a/|\\#-", min_size=1, max_size=4), unique_by=lambda text: text.strip("/"), min_size=2, max_size=9)
)
@example(["a/b", "a|b"])
def test_two_texts_never_make_the_same(texts: list[str]) -> None:
    """A row that stands for two calls hides one of them."""
    assert len({key_part(text) for text in texts}) == len(texts)


def test_hours_are_those_of_utc() -> None:
    """Whatever zone a caller's time is in."""
    assert service_calls_partition("/a", datetime.fromisoformat("2026-11-20T01:30:00+02:00")) == "20261119T23_a"
    assert service_calls_partition("/a", datetime(2026, 11, 19, 23, 59, tzinfo=UTC)) == "20261119T23_a"
