"""Every category of Azure's exports becomes a value; a line that is none does no more than say so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.domain.errors import LineUnreadable
from shared.domain.logs.entries import AuditEvent, CallUsage, LogEntry, MetricPoint, OtherEntry, ServiceCall
from shared.domain.logs.keys import entry_key
from shared.domain.logs.line_reading import parse_line, records_of
from shared.domain.logs.wire import MAX_KEPT_UNITS, MAX_LINE_BYTES
from shared.domain.table_entity import check_key
from tests.data.logs import log_lines

CATEGORIES: dict[str, type] = {
    "requestresponse.jsonl": ServiceCall,
    "requestresponse_pair.jsonl": ServiceCall,
    "azureopenairequestusage.jsonl": CallUsage,
    "audit.jsonl": AuditEvent,
    "activity_log.jsonl": AuditEvent,
    "activity_log_rest.jsonl": AuditEvent,
    "metrics.jsonl": MetricPoint,
    "other.jsonl": OtherEntry,
}
LINES = [line for name in CATEGORIES for line in log_lines(name)]
CALL = log_lines("requestresponse.jsonl")[0]
TIME = b'"time":"2026-11-20T08:30:00Z"'

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=8,
)


def say_the_same(line: bytes, **changes: Any) -> bytes:
    """Return a line as another writer might have it, with members changed or, where they are `...`, left out."""
    members = json.loads(line) | changes
    return json.dumps({name: value for name, value in reversed(members.items()) if value is not ...}).encode()


@pytest.mark.parametrize("name", CATEGORIES)
def test_every_category_becomes_its_value(name: str) -> None:
    """A category taken for another is a call that is missing, or a listed key nobody hears of."""
    assert {type(parse_line(line)) for line in log_lines(name)} == {CATEGORIES[name]}


@pytest.mark.parametrize("line", LINES)
def test_the_order_of_members_and_blanks_say_nothing(line: bytes) -> None:
    """The same record comes by blob and by Event Hub, by writers of their own: it must be one row."""
    entry, same = parse_line(line), parse_line(say_the_same(line) + b"\r")

    assert entry_key(same) == entry_key(entry) or isinstance(entry, OtherEntry)


def test_a_category_we_do_not_read_is_kept_whole() -> None:
    """What Azure adds next, or an operator admits by a name pattern, is there when somebody wants to know."""
    line = log_lines("other.jsonl")[1]
    entry = parse_line(b"  " + line + b"\r")

    assert isinstance(entry, OtherEntry)
    assert (entry.category, entry.operation) == ("GatewayLogs", "Microsoft.ApiManagement/GatewayLogs")
    assert entry.record == line.decode()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b'{"category":"Trace"}',
        b"{" + TIME + b"}",
        b'{"category":"Trace","time":"yesterday"}',
        b'{"category":"Trace","time":"0001-01-01T00:00:00Z"}',
        b'{"category":"Trace","time":"9999-12-31T23:59:59Z"}',
        b'{"category":"RequestResponse",' + TIME + b"}",
        b'{"category":"Audit",' + TIME + b"}",
        b'{"category":"Trace",' + TIME + b',"text":"\xff"}',
        b'{"metricName":"Tokens",' + TIME + b"}",
        b"[" * 500_000,
        b'{"category":"Trace",' + TIME + b',"deep":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"category":"RequestResponse","resourceId":"/' + b"x" * 2000 + b'","correlationId":"c",' + TIME + b"}",
    ],
)
def test_a_line_that_cannot_be_placed_says_so(line: bytes) -> None:
    """It goes to the dead letters, with the reason; any other error would stop all lines behind it."""
    with pytest.raises(LineUnreadable, match=r"^the line"):
        parse_line(line)


def test_a_line_that_is_too_long_is_not_even_read() -> None:
    """A line of 10 MB costs no more than to look at its length."""
    too_long = b"{" + b" " * MAX_LINE_BYTES + b"}"

    with pytest.raises(LineUnreadable, match="longer than"):
        parse_line(too_long)


@pytest.mark.parametrize("line", [CALL, log_lines("other.jsonl")[0]])
def test_more_than_a_row_can_keep_is_a_dead_letter(line: bytes) -> None:
    """Half of a record kept would be worse than none: the dead letter has it whole."""
    with pytest.raises(LineUnreadable, match="to be kept"):
        parse_line(say_the_same(line, unheard_of="x" * MAX_KEPT_UNITS))


def test_the_reason_quotes_nothing_of_the_line() -> None:
    """Logs may hold prompts, and reasons are logged."""
    with pytest.raises(LineUnreadable) as raised:
        parse_line(b'{"category":"Trace","time":"a secret","text":"a secret"}')

    assert "secret" not in str(raised.value)


def read(line: bytes) -> LogEntry | None:
    try:
        return parse_line(line)
    except LineUnreadable:
        return None


def assert_storable(entry: LogEntry) -> None:
    key = entry_key(entry)
    check_key("PartitionKey", key.partition_key)
    check_key("RowKey", key.row_key)


@given(st.sampled_from(LINES), st.data())
def test_no_change_to_a_line_raises_anything_else(line: bytes, data: st.DataObject) -> None:
    """A line is written by whoever calls the model, in part; what it says must never stop the reader."""
    members = json.loads(line)
    name = data.draw(st.sampled_from(sorted(members)) | st.text())
    entry = read(json.dumps(members | {name: data.draw(json_values)}).encode())

    if entry:
        assert_storable(entry)


@given(st.sampled_from(LINES), st.data())
def test_no_change_to_its_properties_does_either(line: bytes, data: st.DataObject) -> None:
    """They hold what matters most, as a string that holds JSON or as an object."""
    members = json.loads(line)
    properties = members.get("properties", {})
    properties = json.loads(properties) if isinstance(properties, str) else properties
    name = data.draw(st.sampled_from(["requestbody", *sorted(properties)]) | st.text())
    properties = properties | {name: data.draw(json_values)}
    members["properties"] = data.draw(st.sampled_from([properties, json.dumps(properties)]))
    entry = read(json.dumps(members).encode())

    if entry:
        assert_storable(entry)


@given(st.sampled_from(LINES), st.data())
@example(CALL, None)
def test_no_damage_to_its_bytes_does_either(line: bytes, data: st.DataObject | None) -> None:
    """Blobs are cut where nobody expects it."""
    cut = data.draw(st.integers(0, len(line))) if data else 1
    noise = data.draw(st.binary(max_size=8)) if data else b"\x00"

    read(line[:cut])
    read(line[:cut] + noise + line[cut:])
    read(line[:cut] + noise + line[cut + len(noise) :])


@pytest.mark.parametrize(
    "wrapped", [b'{"records":[%s,%s]}', b"[%s,%s]", b" [\r\n%s , %s]", b'\xef\xbb\xbf{"records": [%s,%s]}']
)
def test_an_event_hub_message_is_its_records(wrapped: bytes) -> None:
    """The documented envelope, and what other writers send."""
    one, two = log_lines("requestresponse.jsonl")[:2]

    assert [parse_line(record) for record in records_of(wrapped % (one, two))] == [parse_line(one), parse_line(two)]


def test_a_message_without_envelope_is_one_record() -> None:
    """Some writers send one record a message."""
    assert records_of(CALL) == [CALL]


def test_the_records_of_a_real_envelope_are_read() -> None:
    """As the elastic integration has them: `properties` a string in one, an object in the other."""
    entries = [parse_line(record) for record in records_of(log_lines("requestresponse_eventhub.json")[0])]

    assert [type(entry) for entry in entries] == [ServiceCall, ServiceCall]


@pytest.mark.parametrize("message", [b"", b"null", b"7", b"[", b'{"records":7}', b'{"records":{}}', b"[" * 500_000])
def test_a_message_without_records_says_so(message: bytes) -> None:
    """It is kept as a dead letter, and the hub does not send it again and again."""
    with pytest.raises(LineUnreadable):
        records_of(message)
