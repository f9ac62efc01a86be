"""What Azure says of a call, in every form it has been seen in."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.logs.entries import ServiceCall
from shared.domain.logs.line_reading import parse_line, records_of
from shared.domain.logs.service_call import read_call, read_known_call
from shared.domain.logs.wire import members
from tests.data.logs import log_lines

WITH_KEY, WITH_TOKEN, REFUSED, EMBEDDINGS = log_lines("requestresponse.jsonl")
ACCOUNT = (
    "/subscriptions/0a000000-0000-4000-8000-000000000001/resourcegroups/rg-models"
    "/providers/microsoft.cognitiveservices/accounts/models-east"
)
PRINCIPAL = "0b000000-0000-4000-8000-00000000000a"


def call(line: bytes) -> ServiceCall:
    entry = parse_line(line)
    assert isinstance(entry, ServiceCall)
    return entry


def changed(line: bytes, in_properties: dict[str, Any] | None = None, **changes: Any) -> bytes:
    line_members = json.loads(line) | changes
    line_members["properties"] = json.dumps(json.loads(line_members["properties"]) | (in_properties or {}))
    return json.dumps(line_members).encode()


def test_a_call_with_a_key_has_no_caller() -> None:
    """Everything a line says has its field; of a key Azure logs nothing, which is not the same as an empty id."""
    assert call(WITH_KEY) == ServiceCall(
        resource_id=ACCOUNT,
        correlation_id="c1000000-0000-4000-8000-000000000001",
        logged_at=datetime(2026, 11, 20, 8, 15, 14, 512000, UTC),
        requested_at=datetime(2026, 11, 20, 8, 15, 2, 100200, UTC),
        duration_ms=11830,
        status=200,
        log_operation="ChatCompletions_Create",
        api_name="Azure OpenAI API version 2024-10-21",
        streamed=False,
        deployment="chat",
        model="gpt-4o",
        model_version="2024-11-20",
        caller_address="203.0.113.***",
        region="eastus",
        request_bytes=2048,
        response_bytes=512,
    )


def test_a_call_with_a_token_has_its_principal() -> None:
    """Who went round the gate is a name in a finding only because of this."""
    assert call(WITH_TOKEN).object_id == PRINCIPAL
    assert call(WITH_TOKEN).streamed is True
    assert call(WITH_TOKEN).caller_address == "203.0.113.**"


def test_a_refused_call_has_its_status() -> None:
    """The status is text on the wire."""
    assert call(REFUSED).status == 400


def test_ticks_are_times_of_this_age() -> None:
    """100 ns since the year 1: above 2^53, where a reader with doubles is off by up to 12 µs."""
    ticks = 638_978_186_277_847_539

    assert call(changed(WITH_KEY, {"requestTime": ticks})).requested_at == datetime(2025, 11, 4, 2, 3, 47, 784753, UTC)


@given(st.timedeltas(timedelta(days=365 * 2000), timedelta(days=365 * 2190)), st.integers(0, 9))
def test_no_time_is_off_by_a_microsecond(since_the_year_1: timedelta, rest: int) -> None:
    """Times are divided as floats: that must not move a call into another hour."""
    ticks = since_the_year_1 // timedelta.resolution * 10 + rest

    assert (
        call(changed(WITH_KEY, {"requestTime": ticks})).requested_at
        == datetime.min.replace(tzinfo=UTC) + since_the_year_1
    )


def test_properties_are_read_from_a_string_and_from_an_object() -> None:
    """Storage has them as a string that holds JSON; others send the object."""
    line_members = json.loads(WITH_TOKEN)
    as_object = json.dumps(line_members | {"properties": json.loads(line_members["properties"])}).encode()

    assert call(as_object) == call(WITH_TOKEN)


def test_an_assistants_call_has_no_model() -> None:
    """Azure logs no deployment for a thread: not known is None, and not the empty name."""
    thread = call(records_of(log_lines("requestresponse_eventhub.json")[0])[0])

    assert (thread.log_operation, thread.deployment, thread.model, thread.streamed) == (
        "Create_Thread",
        None,
        None,
        None,
    )


def test_tokens_are_read_where_azure_logs_them() -> None:
    """Since 2026, on one of the two lines of a call."""
    poor, rich = (call(line) for line in log_lines("requestresponse_pair.jsonl"))

    assert (poor.prompt_tokens, poor.completion_tokens, poor.object_id) == (None, None, None)
    assert (rich.prompt_tokens, rich.completion_tokens, rich.object_id) == (1200, 87, PRINCIPAL)


def test_the_callers_object_id_is_found_under_either_name() -> None:
    """It is not documented that both are always there."""
    only_new = changed(WITH_KEY, {"objectId": "", "callerObjectId": PRINCIPAL})

    assert call(only_new).object_id == PRINCIPAL


def test_what_we_do_not_know_is_kept() -> None:
    """Azure adds members without notice: what they hold may be what an auditor asks for next year."""
    line = changed(WITH_KEY, {"serviceTier": "flex"}, tier={"b": [1, "é"]})
    entry = call(line)

    assert json.loads(entry.extra or "") == {"properties": {"serviceTier": "flex"}, "tier": {"b": [1, "é"]}}
    assert msgspec.structs.replace(entry, extra=None) == call(WITH_KEY)


@pytest.mark.parametrize(
    ("name", "value"),
    [("durationMs", -1021), ("resultSignature", "OK"), ("callerIpAddress", 7), ("operationName", ["x"]), ("event", {})],
)
def test_what_is_odd_is_kept_as_it_is(name: str, value: object) -> None:
    """A negative duration has been seen. It is no duration, but it is what Azure logged."""
    line = changed(WITH_KEY, None, **{name: value})

    assert json.loads(call(line).extra or "") == {name: value}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("requestTime", -1),
        ("requestTime", 10**30),
        ("responseTime", 3_155_378_975_999_999_999),
        ("requestLength", -5),
        ("responseLength", 2**63),
        ("promptTokens", "many"),
        ("streamType", "Both"),
    ],
)
def test_odd_properties_are_kept_as_they_are(name: str, value: object) -> None:
    """Nor does a number that no table takes cost us the call."""
    entry = call(changed(WITH_KEY, {name: value}))

    assert json.loads(entry.extra or "") == {"properties": {name: value}}
    assert entry.correlation_id == call(WITH_KEY).correlation_id


def test_the_duration_is_that_of_the_request_times() -> None:
    """Azure's own has been seen negative; where times are missing or go backwards, it is all there is."""
    ticks = json.loads(json.loads(WITH_KEY)["properties"])["requestTime"]

    assert call(changed(WITH_KEY, durationMs=-1021)).duration_ms == 11830
    assert call(changed(WITH_KEY, {"responseTime": ticks - 1}, durationMs=5)).duration_ms == 5
    assert call(changed(WITH_KEY, {"requestTime": None}, durationMs=5)).duration_ms == 5


def test_numbers_may_stand_as_text() -> None:
    """The Activity Log has been seen to write durations as text; nothing says this one never will."""
    assert call(changed(WITH_KEY, {"requestLength": "2048"}, durationMs="11830")) == call(WITH_KEY)


def test_ids_are_spelt_in_one_way() -> None:
    """Azure spells resource ids in capitals here and in mixed case there; they mean the same."""
    line_members = json.loads(WITH_KEY)
    shouted = changed(WITH_KEY, correlationId=line_members["correlationId"].upper(), resourceId=ACCOUNT + "/")

    assert call(shouted) == call(WITH_KEY)


@pytest.mark.parametrize("time", ["2026-11-20T09:15:14.512+01:00", "2026-11-20T08:15:14.5120000"])
def test_times_are_utc(time: str) -> None:
    """`EnqueueTime` has no zone and means UTC; `time` may go the same way."""
    logged_at = call(changed(WITH_KEY, time=time)).logged_at

    assert logged_at == datetime(2026, 11, 20, 8, 15, 14, 512000, UTC)
    assert logged_at.tzinfo is UTC


@pytest.mark.parametrize("line", [*log_lines("requestresponse.jsonl"), *log_lines("requestresponse_pair.jsonl")])
def test_the_short_way_and_the_long_way_read_the_same(line: bytes) -> None:
    """Nearly all lines go the short way. Would the long one differ, a member more would change a call."""
    assert read_known_call(line) == read_call(members(line))
