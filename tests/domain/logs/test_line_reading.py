"""Every category of Azure's exports becomes a value; a line that is none does no more than say so."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.domain.errors import LineUnreadable
from shared.domain.logs.entries import AuditEvent, CallUsage, LogEntry, MetricPoint, OtherEntry, ServiceCall
from shared.domain.logs.keys import entry_key
from shared.domain.logs.line_reading import is_of_a_category_we_read, parse_line, records_in, records_of
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
    "activity_log_categories.jsonl": AuditEvent,
    "metrics.jsonl": MetricPoint,
    "other.jsonl": OtherEntry,
    "other_names.jsonl": OtherEntry,
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
        b'{"category":"Trace","time":"12/31/9999 11:59:59 PM -14:00"}',
        b'{"category":"Trace","time":"' + b"1" * 500_000 + b'"}',
        b'{"category":"Trace",' + TIME + b',"number":NaN}',
        b'{"category":"Trace",' + TIME + b',"text":"\xff"}',
        b'{"metricName":"Tokens",' + TIME + b"}",
        b"[" * 500_000,
        b'{"category":"Trace",' + TIME + b',"deep":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    ],
)
def test_a_line_that_cannot_be_placed_says_so(line: bytes) -> None:
    """It goes to the dead letters, with the reason; any other error would stop all lines behind it."""
    with pytest.raises(LineUnreadable, match=r"^the line"):
        parse_line(line)


@pytest.mark.parametrize(
    "line",
    [
        b'{"category":"RequestResponse",' + TIME + b"}",
        b'{"category":"RequestResponse","resourceId":"/' + b"x" * 2000 + b'","correlationId":"c",' + TIME + b"}",
        b'{"category":"AzureOpenAIRequestUsage","resourceId":"/r","correlationId":"",' + TIME + b"}",
        b'{"category":"Audit","resourceId":"/r","operationName":null,' + TIME + b"}",
        b'{"category":"ServiceHealth","resourceId":"","operationName":"x",' + TIME + b"}",
    ],
)
def test_a_line_without_what_its_category_must_have_is_kept_whole(line: bytes) -> None:
    """Other services have logs of the same names. It is not lost, and that it is no call or event is noticed."""
    entry = parse_line(line)

    assert isinstance(entry, OtherEntry)
    assert entry.record == line.decode()
    assert is_of_a_category_we_read(entry)


def test_what_is_not_of_a_category_we_read_is_no_news() -> None:
    """A warning at every line of another log would be read by nobody."""
    assert not any(is_of_a_category_we_read(parse_line(line)) for line in LINES)


@pytest.mark.parametrize("escape", [rb"\ud83d", rb"\ude00", rb"\ude00\ud83d", rb"\uD83Dx"])
def test_half_a_surrogate_pair_hides_nothing(escape: bytes) -> None:
    """A text that was cut in an emoji, or one who calls and would not be seen to."""
    line = CALL.replace(b'"ChatCompletions_Create"', b'"' + escape + b'"')
    hidden = say_the_same(CALL, properties={**json.loads(json.loads(CALL)["properties"]), "new": "@"})
    call, odd, inner = map(parse_line, (CALL, line, hidden.replace(b'"@"', b'"' + escape + b'"')))

    assert isinstance(call, ServiceCall)
    assert isinstance(odd, ServiceCall)
    assert isinstance(inner, ServiceCall)
    assert odd == msgspec.structs.replace(call, log_operation=odd.log_operation)
    assert "\ufffd" in (odd.log_operation or "")
    assert msgspec.structs.replace(inner, extra=None) == call
    assert parse_line(records_of(b'{"records":[%b]}' % line)[0]) == odd


def test_a_whole_pair_and_what_only_looks_like_half_of_one_stay() -> None:
    """A backslash that is itself escaped begins nothing."""
    texts = (rb"\ud83d\ude00", rb"\\ud83d", rb"\ud83d")
    lines = [b'{"category":"Trace",' + TIME + b',"operationName":"' + text + rb'\ud83d"}' for text in texts]
    found = [parse_line(line) for line in lines]

    assert [entry.operation for entry in found if isinstance(entry, OtherEntry)] == [
        "\U0001f600\ufffd",
        "\\ud83d\ufffd",
        "\ufffd\ufffd",
    ]


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


@pytest.mark.parametrize(
    ("line", "records"),
    [
        (b'{"records":[%s,%s]}' % (CALL, CALL), [CALL, CALL]),
        (b"\xef\xbb\xbf [%s]" % CALL, [CALL]),
        (CALL, []),
        (b'{"records":[]}', []),
        (b'{"records":7}', []),
        (b"?", []),
        (b"[" + CALL + b" " * MAX_LINE_BYTES + b"]", []),
        (b"[" + b",".join([b"{}"] * 100_000) + b"]", []),
    ],
)
def test_a_line_may_be_a_message(line: bytes, records: list[bytes]) -> None:
    """Somebody saved what came by Event Hub. Of a list of nothing each would become a dead letter: it is one."""
    assert records_in(line) == records


@pytest.mark.parametrize("message", [b"", b"null", b"7", b"[", b'{"records":7}', b'{"records":{}}', b"[" * 500_000])
def test_a_message_without_records_says_so(message: bytes) -> None:
    """It is kept as a dead letter, and the hub does not send it again and again."""
    with pytest.raises(LineUnreadable):
        records_of(message)
