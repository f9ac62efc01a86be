"""Events are cut out of a stream, whatever it is cut into on the way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.sse import SseSplitter, event_data
from tests.data import recorded

PIECES = [b"data: a", b"data:b", b"data", b"data:  two", b"event: x", b": note", b"id", b"x", b"\n", b"\r\n", b"\r"]
streams = st.builds(
    lambda bom, pieces: bom + b"".join(pieces),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.lists(st.sampled_from(PIECES), max_size=30),
)


def split(chunks: Iterable[bytes]) -> list[bytes]:
    splitter = SseSplitter()
    events = [event for chunk in chunks for event in splitter.feed(chunk)]
    held = splitter.close()
    return [*events, held] if held else events


def bytewise(stream: bytes) -> list[bytes]:
    return [stream[i : i + 1] for i in range(len(stream))]


def data_by_the_specification(stream: bytes) -> list[bytes]:
    """Return what the algorithm of the specification dispatches, and what it drops at the end."""
    dispatched, data = [], list[bytes]()
    for line in [*re.split(rb"\r\n|\r|\n", stream.removeprefix(b"\xef\xbb\xbf")), b""]:
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        if not line and data:
            dispatched.append(b"\n".join(data))
            data = []
    return dispatched


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_a_stream_is_the_same_events_however_it_is_cut(line_end: bytes) -> None:
    """The network cuts where it likes: a usage chunk lost to a cut is a call charged by estimate."""
    stream = recorded("response_stream.sse").replace(b"\n", line_end)
    # The last carriage return may be half of a line end, so only the close gives the last event.
    events = [event + line_end * 2 for event in stream.split(line_end * 2)[:-1]]

    assert split([stream]) == events
    assert split(bytewise(stream)) == events
    for at in range(len(stream)):
        assert split([stream[:at], stream[at:]]) == events


@given(streams, st.lists(st.integers(0, 200)))
def test_joined_the_events_are_the_stream(stream: bytes, cuts: Sequence[int]) -> None:
    """The relay changes nothing: not a byte is added, lost or moved, whichever line ends are mixed."""
    bounds = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    chunks = [stream[start:end] for start, end in pairwise(bounds)]

    assert split(chunks) == split([stream]) == split(bytewise(stream))
    assert b"".join(split(chunks)) == stream


@given(streams)
def test_the_data_is_what_the_specification_says(stream: bytes) -> None:
    """A client reads the specification's way; we must see what it sees, and the open tail it drops."""
    data = [found for event in split(bytewise(stream)) if (found := event_data(event)) is not None]

    assert data == data_by_the_specification(stream)


@given(st.binary(max_size=200), st.integers(0, 200))
def test_any_bytes_pass_through(stream: bytes, at: int) -> None:
    """What is no event stream at all is the caller's all the same."""
    assert b"".join(split([stream[:at], stream[at:]])) == stream


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: x\n\n", b"x"),
        (b"data:x\n\n", b"x"),
        (b"data:  x \n\n", b" x "),
        (b"data\n\n", b""),
        (b"data: 1\ndata: 2\r\ndata: 3\r\r", b"1\n2\n3"),
        (b"event: e\nid: 1\ndata: x\n\n", b"x"),
        (b"data: x\nid: 1\n\n", b"x"),
        (b"\xef\xbb\xbfdata: x\n\n", b"x"),
        (b"data: never ended", b"never ended"),
        (b": keep-alive\n\n", None),
        (b"database: x\n\n", None),
        (b"\n\n", None),
        (b"", None),
    ],
)
def test_data_is_read_in_every_spelling(event: bytes, data: bytes | None) -> None:
    """Azure sends one spelling today; what a gateway between sends is another matter."""
    assert event_data(event) == data


def test_an_event_goes_on_as_soon_as_it_is_whole() -> None:
    """The caller sees the first token when it comes, not when the second does."""
    splitter = SseSplitter()

    assert splitter.feed(b"data: 1\n") == []
    assert splitter.feed(b"\ndata: 2\n\nda") == [b"data: 1\n\n", b"data: 2\n\n"]
    assert splitter.close() == b"da"
    assert splitter.close() == b""
