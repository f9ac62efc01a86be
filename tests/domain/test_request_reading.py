"""A request is read without building it, and changed without touching what the caller wrote."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.request_reading import ReadRequest, read_request, with_usage_asked

NOT_UNDERSTOOD = ReadRequest(understood=False)


def asked(body: bytes) -> bytes:
    return b"".join(with_usage_asked(body))


def test_a_request_says_what_it_is() -> None:
    """Model, stream and user are what the ledger wants of it."""
    request = read_request(b'{ "model" : "gpt-4o", "stream":\ttrue , "user":"alice", "messages":[]}')

    assert request == ReadRequest(
        understood=True, model="gpt-4o", streamed=True, lacks_usage=True, user_label="alice", text_only=True
    )


@pytest.mark.parametrize(
    ("body", "label"),
    [
        (b'{"user":"a","safety_identifier":"b"}', "a"),
        (b'{"safety_identifier":"b"}', "b"),
        (b'{"user":"","safety_identifier":"b"}', "b"),
        (b'{"user":null,"safety_identifier":"b"}', "b"),
        (b'{"user":7}', None),
        (b'{"user":"\\u00fc"}', "ü"),
        (b'{"user":"' + b"x" * 1000 + b'"}', "x" * 256),
    ],
)
def test_the_label_is_the_one_the_caller_gave(body: bytes, label: str | None) -> None:
    """A label is kept beside the principal; it is the caller's word and bounded as such."""
    assert read_request(body).user_label == label


@pytest.mark.parametrize("odd", [b"1", b"null", b"[]", b'{"a":1}', b"1e999", b"true"])
@pytest.mark.parametrize("field", ["model", "user"])
def test_an_odd_field_hides_no_other(field: str, odd: bytes) -> None:
    """Azure refuses it; the row of the refusal still says what could be read."""
    request = read_request(b'{"%s":%s,"stream":true,"safety_identifier":"b"}' % (field.encode(), odd))

    assert request == ReadRequest(understood=True, streamed=True, lacks_usage=True, user_label="b", text_only=True)


@pytest.mark.parametrize("stream", [b"false", b"null", b"1", b'"true"', b"[true]", b"{}"])
def test_only_true_is_a_stream(stream: bytes) -> None:
    """To ask for usage where Azure streams nothing would be refused with 400, for an option that is ours."""
    request = read_request(b'{"stream":%s}' % stream)

    assert (request.streamed, request.lacks_usage) == (False, False)


@pytest.mark.parametrize(
    ("options", "lacks_usage"),
    [
        (b"null", True),
        (b"{}", True),
        (b'{"include_usage":false}', True),
        (b'{"include_usage":null}', True),
        (b'{"include_obfuscation":false}', True),
        (b'{"include_usage": true }', False),
        (b'{"include_usage":false,"include_usage":true}', False),
        (b'{"include_usage":"yes"}', False),
        (b'{"include_usage":1}', False),
        (b"[]", False),
        (b'"x"', False),
        (b"0", False),
        (b"false", False),
        (b'{"\xff":1}', False),
    ],
)
def test_odd_stream_options_are_left_alone(options: bytes, lacks_usage: bool) -> None:
    """What Azure would refuse it must get to refuse; what it understands we complete."""
    body = b'{"stream":true,"stream_options":%s}' % options

    assert read_request(body).lacks_usage is lacks_usage


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}',
        b'{"messages":[{"role":"user","content":"what does \\"image_url\\" mean?"}],"tools":[{"type":"function"}]}',
        b'{"prompt":"once upon a time"}',
        b'{"input":[[1,2,3]]}',
        b'{"input":"hi","previous_response_id":null,"conversation":"","prompt":null}',
    ],
)
def test_a_prompt_of_text_is_known_as_that(body: bytes) -> None:
    """Of such a prompt the size tells the tokens."""
    assert read_request(body).text_only


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages":[{"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBOR"}}]}]}',
        b'{"messages":[{"content":[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}]}',
        b'{"messages":[{"content":[{"type":"input_audio","input_audio":{"data":"UklGR","format":"wav"}}]}]}',
        b'{"messages":[{"content":[{"type":"file","file":{"file_id":"file-1"}}]}]}',
        b'{"messages":[{"content":[{"type" : "file","file":{"file_data":"JVBERi0x"}}]}]}',
        b'{"input":[{"content":[{"type":"input_image","file_id":"file-1"}]}]}',
        b'{"input":[{"content":[{"type":"input_file","file_url":"https://example.com/a.pdf"}]}]}',
        b'{"input":[{"type":"item_reference","id":"msg_1"}]}',
        b'{"input":[{"type":"reasoning","encrypted_content":"gAAAA"}]}',
        b'{"input":"hi","previous_response_id":"resp_1"}',
        b'{"input":"hi","conversation":{"id":"conv_1"}}',
        b'{"input":"hi","conversation":"conv_1"}',
        b'{"prompt":{"id":"pmpt_1"}}',
        b'{"input":"hi","tools":[{"type":"web_search_preview"}]}',
        b'{"input":"hi","tools":[{"type": "mcp","server_url":"https://example.com"}]}',
        b'{"messages":[],"web_search_options":{}}',
        b"no JSON",
    ],
)
def test_a_prompt_that_is_more_than_its_text_is_not_taken_for_text(body: bytes) -> None:
    """A byte of base64 is no quarter of a token, and what Azure keeps or adds has no bytes here."""
    assert not read_request(bytearray(body)).text_only


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"1",
        b'"stream"',
        b"{",
        b'{"stream":true',
        b'{"stream":true}}',
        b'{"stream":true,}',
        b'{"stream":true,"x":01}',
        b'{"stream":true,"x":NaN}',
        b'{"stream":true,"\xff":1}',
        b'{"stream":true,"\\ud800":1}',
        b'{"stream":true,"messages":"\\ud800"}',
        b'\xef\xbb\xbf{"stream":true}',
        b'{"stream":true,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"--boundary\r\nContent-Disposition: form-data",
    ],
)
def test_what_is_no_json_object_is_not_understood(body: bytes) -> None:
    """It goes on as it came: Azure says what is wrong with it better than we can."""
    assert read_request(body) == NOT_UNDERSTOOD


@given(st.binary() | st.binary().map(lambda tail: b'{"stream":true,' + tail + b"}"))
def test_no_bytes_make_reading_raise(body: bytes) -> None:
    """Whatever it is, it is relayed; and what is said to lack usage can be given it."""
    if read_request(bytearray(body)).lacks_usage:
        assert read_request(asked(body)) != NOT_UNDERSTOOD


@pytest.mark.parametrize(
    "value",
    [
        b"1.0",
        b"1e400",
        b"-0",
        b"0.10000000000000000000000000000000000001",
        b"123456789012345678901234567890",
        b'"\\u00e9\\ud83d\\ude00\\/"',
        '"é😀"'.encode(),
        b'{ "b" : 1, "a":[ 1 , 2 ] , "b" : 2 }',
        b"[ ]",
    ],
)
def test_every_other_value_goes_on_byte_for_byte(value: bytes) -> None:
    """A number read and written again is another number, and a prompt another prompt to the cache."""
    body = b'{"first":%s, "stream" : true,"messages":%s}' % (value, value)

    assert asked(body) == (
        b'{"first":%s,"stream":true,"messages":%s,"stream_options":{"include_usage":true}}' % (value, value)
    )


@pytest.mark.parametrize(
    ("options", "completed"),
    [
        (b"null", b'{"include_usage":true}'),
        (b"{}", b'{"include_usage":true}'),
        (b'{"include_usage":false}', b'{"include_usage":true}'),
        (b'{"include_obfuscation": false }', b'{"include_obfuscation":false,"include_usage":true}'),
        (b'{"x":1e400,"include_usage":null,"y":1.0}', b'{"x":1e400,"include_usage":true,"y":1.0}'),
    ],
)
def test_other_stream_options_are_kept(options: bytes, completed: bytes) -> None:
    """The caller's own options are as binding as the rest of the request."""
    body = b'{"stream_options":%s,"stream":true}' % options

    assert asked(body) == b'{"stream_options":%s,"stream":true}' % completed


def test_of_a_name_given_twice_the_last_value_goes_on() -> None:
    """It is the one that JSON readers take, and the one that we acted on."""
    body = b'{"stream":false,"a":1,"stream":true,"a":2}'

    assert read_request(body).lacks_usage
    assert asked(body) == b'{"stream":true,"a":2,"stream_options":{"include_usage":true}}'


def test_names_are_kept_whatever_they_hold() -> None:
    """A name is written anew: it must say the same."""
    names = {'"': 1, "\\": 2, "\n": 3, "é": 4, "": 5, "\u2028": 6, "stream": True}

    assert json.loads(asked(json.dumps(names).encode())) == {**names, "stream_options": {"include_usage": True}}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(st.text(), values), st.none() | st.dictionaries(st.text(), values), st.booleans())
def test_only_the_option_is_added(request: dict[str, Any], options: dict[str, Any] | None, ascii_only: bool) -> None:
    """For any request: it is JSON still, says what it said, and asks for usage."""
    request = {**request, "stream": True, "stream_options": options}
    (options or {}).pop("include_usage", None)
    body = json.dumps(request, ensure_ascii=ascii_only, indent=1).encode()

    assert read_request(body).lacks_usage
    assert json.loads(asked(body)) == {**request, "stream_options": {**(options or {}), "include_usage": True}}
    assert not read_request(asked(body)).lacks_usage


def test_large_values_are_not_copied() -> None:
    """A request of many megabytes of images is sent from where it was read."""
    body = bytearray(b'{"stream":true,"messages":"' + b"x" * 1000 + b'"}')
    buffers = with_usage_asked(body)
    body[500:501] = b"Y"

    assert b"Y" in b"".join(buffers)
