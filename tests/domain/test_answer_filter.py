"""What upstream sends is what the caller gets, but for the one chunk that only we asked for."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.answer_filter import (
    ERROR_BODY_LIMIT,
    METERED_BODY_LIMIT,
    AnswerFilter,
    BodyFilter,
    CodedEventFilter,
    EventFilter,
    answer_filter,
    is_event_stream,
)
from shared.domain.completion_watcher import CompletionWatcher
from shared.domain.content_coding import IdentityDecoder, ZlibDecoder
from shared.domain.operation import Metered
from tests.data import recorded

BODY = recorded("chat_completion.json")
STREAMS = [
    (Metered.CHAT_COMPLETIONS, "chat_stream.sse"),
    (Metered.CHAT_COMPLETIONS, "chat_tools_stream.sse"),
    (Metered.COMPLETIONS, "completion_stream.sse"),
    (Metered.RESPONSES, "response_stream.sse"),
]


def passed_on(answer: AnswerFilter, chunks: Iterable[bytes]) -> bytes:
    return b"".join([*(answer.feed(chunk) for chunk in chunks), answer.close()])


def without_usage_chunk(stream: bytes) -> bytes:
    """Return a recorded stream without the event that has usage and no choice."""
    events = stream.split(b"\n\n")
    return b"\n\n".join(event for event in events if b'"choices":[]' not in event or b'"usage":{' not in event)


def events(metered: Metered, *, drops_usage_chunk: bool) -> EventFilter:
    return EventFilter(CompletionWatcher(metered), drops_usage_chunk=drops_usage_chunk)


def body_filter(watcher: CompletionWatcher, content_length: int | None, kept_bytes: int = 1 << 20) -> BodyFilter:
    return BodyFilter(watcher, IdentityDecoder(), content_length=content_length, kept_bytes=kept_bytes)


def is_at_end(answer: AnswerFilter) -> bool:
    # A call, for mypy: it takes a property that was False to stay False.
    return answer.is_at_end


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(("metered", "name"), STREAMS)
def test_only_the_usage_chunk_is_taken_out_wherever_the_stream_is_cut(
    metered: Metered, name: str, line_end: bytes
) -> None:
    """Promise 5: the one chunk we cause goes, and not a byte else."""
    recording = recorded(name)
    stream, expected = (s.replace(b"\n", line_end) for s in (recording, without_usage_chunk(recording)))

    assert (expected == stream) is (metered is Metered.RESPONSES)
    for at in range(len(stream) + 1):
        assert passed_on(events(metered, drops_usage_chunk=True), [stream[:at], stream[at:]]) == expected

    bytewise = [stream[i : i + 1] for i in range(len(stream))]

    assert passed_on(events(metered, drops_usage_chunk=True), bytewise) == expected


@pytest.mark.parametrize(("metered", "name"), STREAMS)
def test_a_caller_who_asked_gets_every_byte(metered: Metered, name: str) -> None:
    """The usage chunk is then the caller's own."""
    stream = recorded(name)

    for at in range(len(stream) + 1):
        assert passed_on(events(metered, drops_usage_chunk=False), [stream[:at], stream[at:]]) == stream


@given(st.lists(st.binary(max_size=50)), st.sampled_from([None, *Metered]))
def test_any_bytes_go_on_unchanged(chunks: list[bytes], metered: Metered | None) -> None:
    """A stream we make nothing of is no reason to change it."""
    answer = EventFilter(CompletionWatcher(metered), drops_usage_chunk=True)

    assert passed_on(answer, chunks) == b"".join(chunks)


@pytest.mark.parametrize(("metered", "name"), STREAMS)
def test_the_end_is_known_with_the_byte_that_completes_the_last_event(metered: Metered, name: str) -> None:
    """The record must be durable before the caller sees the end, so not a chunk later; nor sooner."""
    stream = recorded(name)
    answer = events(metered, drops_usage_chunk=True)
    ends = []
    for i in range(len(stream)):
        answer.feed(stream[i : i + 1])
        ends.append(is_at_end(answer))

    assert ends == [False] * (len(stream) - 1) + [True]


@pytest.mark.parametrize(
    ("metered", "last"),
    [
        (Metered.CHAT_COMPLETIONS, b"data: [DONE]"),
        (Metered.RESPONSES, b'event: response.incomplete\ndata: {"type":"response.incomplete"}'),
        (Metered.RESPONSES, b'data: {"type":"response.failed"}'),
        (Metered.RESPONSES, b'event: error\ndata: {"type":"error","code":"x"}'),
    ],
)
def test_every_last_event_is_the_end(metered: Metered, last: bytes) -> None:
    """Whichever way a stream ends, its client stops reading there."""
    answer = events(metered, drops_usage_chunk=False)
    answer.feed(last + b"\n")
    before = is_at_end(answer)
    answer.feed(b"\n")

    assert (before, is_at_end(answer)) == (False, True)


@pytest.mark.parametrize("tail", [b"data: [DONE]", b"data: [DONE]\n", b"data: [DONE]\r\n\r"])
def test_a_last_event_without_its_blank_line_is_the_end_on_close(tail: bytes) -> None:
    """Some gateways trim the last line end; the answer was complete all the same."""
    answer = events(Metered.CHAT_COMPLETIONS, drops_usage_chunk=True)

    assert answer.feed(tail) == b""
    assert answer.close() == tail
    assert is_at_end(answer)


@pytest.mark.parametrize("tail", [b"da", b'data: {"choices":[{"ind', b": half a comment", b"data: x\n"])
def test_an_unfinished_tail_is_handed_out_on_close(tail: bytes) -> None:
    """A stream that broke off reaches the caller as far as it came."""
    answer = events(Metered.CHAT_COMPLETIONS, drops_usage_chunk=True)

    assert answer.feed(b"data: 1\n\n" + tail) == b"data: 1\n\n"
    assert answer.close() == tail
    assert answer.close() == b""
    assert not is_at_end(answer)


def test_a_usage_chunk_without_its_blank_line_is_counted_and_dropped() -> None:
    """Somebody is charged for it; the caller did not ask for it."""
    watcher = CompletionWatcher(Metered.CHAT_COMPLETIONS)
    answer = EventFilter(watcher, drops_usage_chunk=True)

    assert passed_on(answer, [b'data: {"choices":[],"usage":{"prompt_tokens":3}}']) == b""
    assert watcher.usage
    assert watcher.usage.prompt_tokens == 3


@pytest.mark.parametrize(
    "chunk",
    [
        {"choices": [{"index": 0, "delta": {"content": "a"}}], "usage": {"prompt_tokens": 3}},
        {"choices": ["odd"], "usage": {"prompt_tokens": 3}},
        {"choices": [], "usage": None},
        {"choices": [], "prompt_filter_results": []},
    ],
)
def test_a_chunk_with_anything_to_say_is_passed(chunk: dict[str, Any]) -> None:
    """Some models report usage with every chunk of text: to drop those would drop the answer."""
    event = b"data: " + json.dumps(chunk).encode() + b"\n\n"

    assert passed_on(events(Metered.CHAT_COMPLETIONS, drops_usage_chunk=True), [event]) == event


@pytest.mark.parametrize("size", [1, 7, 100, len(BODY)])
def test_a_body_is_at_its_end_with_the_byte_that_completes_it(size: int) -> None:
    """The last chunk waits until the record is durable: with a length we know which it is."""
    watcher = CompletionWatcher(Metered.CHAT_COMPLETIONS)
    answer = body_filter(watcher, len(BODY))
    ends = []
    for start in range(0, len(BODY), size):
        chunk = BODY[start : start + size]

        assert answer.feed(chunk) == chunk
        ends.append(is_at_end(answer))

    assert ends == [False] * (len(ends) - 1) + [True]
    assert watcher.usage
    assert answer.close() == b""


def test_a_body_without_length_is_at_its_end_on_close() -> None:
    """With chunked transfer only upstream's end tells."""
    watcher = CompletionWatcher(Metered.CHAT_COMPLETIONS)
    answer = body_filter(watcher, None)
    answer.feed(BODY)
    before = (is_at_end(answer), watcher.usage)

    assert answer.close() == b""
    assert before == (False, None)
    assert is_at_end(answer)
    assert watcher.usage


def test_a_body_that_broke_off_is_not_complete() -> None:
    """Half a JSON says nothing, and must not be taken for an answer."""
    watcher = CompletionWatcher(Metered.CHAT_COMPLETIONS)
    answer = body_filter(watcher, len(BODY))
    answer.feed(BODY[:-1])

    assert not is_at_end(answer)
    answer.close()
    assert not watcher.is_complete


def test_a_body_over_the_limit_goes_on_unread() -> None:
    """The caller gets all of it; the worker keeps none of it."""
    watcher = CompletionWatcher(Metered.CHAT_COMPLETIONS)
    answer = body_filter(watcher, None, kept_bytes=len(BODY) - 1)

    assert passed_on(answer, [BODY[:100], BODY[100:], BODY]) == BODY + BODY
    assert watcher.usage is None
    assert is_at_end(answer)


def test_a_body_just_at_the_limit_is_read() -> None:
    """The limit is the most that is kept, not one less."""
    watcher = CompletionWatcher(Metered.CHAT_COMPLETIONS)
    passed_on(body_filter(watcher, None, kept_bytes=len(BODY)), [BODY])

    assert watcher.usage


@pytest.mark.parametrize(("encoding", "coded"), [("gzip", gzip.compress(BODY)), ("deflate", zlib.compress(BODY))])
def test_a_coded_body_is_read_and_passed_on_as_it_came(encoding: str, coded: bytes) -> None:
    """The length in the header is that of the coded bytes, and so is the end."""
    watcher = CompletionWatcher(Metered.CHAT_COMPLETIONS)
    answer = answer_for(watcher, content_encoding=encoding, content_length=len(coded))

    assert answer.feed(coded[:50]) == coded[:50]
    assert not is_at_end(answer)
    assert answer.feed(coded[50:]) == coded[50:]
    assert is_at_end(answer)
    assert watcher.usage


def test_a_coded_bomb_is_passed_on_unread() -> None:
    """It is the caller's to unfold, and unfolds nowhere else."""
    bomb = gzip.compress(bytes(2 * ZlibDecoder.LIMIT))
    watcher = CompletionWatcher(Metered.CHAT_COMPLETIONS)

    assert passed_on(answer_for(watcher, content_encoding="gzip"), [bomb, b"junk"]) == bomb + b"junk"
    assert watcher.usage is None


def test_a_coded_stream_is_watched_and_passed_on_as_it_came() -> None:
    """Nothing can be taken out of compressed bytes, so the usage chunk stays: better than no answer."""
    deflate = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    stream = recorded("chat_stream.sse").split(b"\n\n")[:-1]
    chunks = [deflate.compress(event + b"\n\n") + deflate.flush(zlib.Z_SYNC_FLUSH) for event in stream]
    watcher = CompletionWatcher(Metered.CHAT_COMPLETIONS)
    answer = answer_for(watcher, content_type="text/event-stream", content_encoding="gzip", drops_usage_chunk=True)
    ends = []
    for chunk in chunks:
        assert answer.feed(chunk) == chunk
        ends.append(is_at_end(answer))

    assert ends == [False] * (len(chunks) - 1) + [True]
    assert answer.close() == b""
    assert watcher.usage


def answer_for(
    watcher: CompletionWatcher | None = None,
    *,
    is_metered: bool = True,
    is_error: bool = False,
    content_type: str | None = "application/json",
    content_encoding: str | None = None,
    content_length: int | None = None,
    drops_usage_chunk: bool = False,
) -> AnswerFilter:
    return answer_filter(
        watcher or CompletionWatcher(Metered.CHAT_COMPLETIONS),
        is_metered=is_metered,
        is_error=is_error,
        content_type=content_type,
        content_encoding=content_encoding,
        content_length=content_length,
        drops_usage_chunk=drops_usage_chunk,
    )


@pytest.mark.parametrize(
    ("content_type", "content_encoding", "kind"),
    [
        ("text/event-stream", None, EventFilter),
        ("text/event-stream; charset=utf-8", "identity", EventFilter),
        ("Text/Event-Stream", None, EventFilter),
        ("text/event-stream", "gzip", CodedEventFilter),
        ("text/event-stream", "br", CodedEventFilter),
        ("application/json", None, BodyFilter),
        ("application/json; x=text/event-stream", "gzip", BodyFilter),
        (None, None, BodyFilter),
    ],
)
def test_the_headers_choose_the_filter(content_type: str | None, content_encoding: str | None, kind: type) -> None:
    """A stream is what the answer says it is, not what the request asked for: an error is no stream."""
    assert type(answer_for(content_type=content_type, content_encoding=content_encoding)) is kind


@pytest.mark.parametrize(
    ("is_metered", "is_error", "kept"),
    [
        (True, False, METERED_BODY_LIMIT),
        (True, True, METERED_BODY_LIMIT),
        (False, True, ERROR_BODY_LIMIT),
        (False, False, 0),
    ],
)
def test_a_body_is_kept_only_where_something_is_read_of_it(is_metered: bool, is_error: bool, kept: int) -> None:
    """A file of gigabytes goes through without a copy."""
    error = b'{"error":{"code":"x"}}'
    watcher = CompletionWatcher(None)
    answer = answer_for(watcher, is_metered=is_metered, is_error=is_error)
    padding = b" " * (ERROR_BODY_LIMIT + 1 - len(error))

    passed_on(answer, [error])
    assert watcher.error_code == ("x" if kept else None)

    passed_on(
        answer_for(too_long := CompletionWatcher(None), is_metered=is_metered, is_error=is_error), [error, padding]
    )
    assert too_long.error_code == ("x" if kept > ERROR_BODY_LIMIT else None)


def test_no_content_type_is_no_stream() -> None:
    """A 204 has none."""
    assert not is_event_stream(None)
    assert not is_event_stream("")
