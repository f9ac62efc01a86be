"""Lines are cut out of a blob, whatever ranges it is read in and wherever it ends for now."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import LineUnreadable
from shared.domain.logs.line_reading import parse_line
from shared.domain.logs.log_lines import LineCutter
from shared.domain.logs.wire import MAX_LINE_BYTES
from tests.data.logs import log_lines

PIECES = [b'{"a":1}', b"x", b"\n", b"\r\n", b"\r", b" ", b"\xef\xbb\xbf"]
blobs = st.lists(st.sampled_from(PIECES), max_size=20).map(b"".join)


def cut(chunks: Iterable[bytes], offset: int = 0) -> tuple[list[tuple[int, bytes]], LineCutter]:
    cutter = LineCutter(offset)
    return list(chain.from_iterable(cutter.feed(chunk) for chunk in chunks)), cutter


def bytewise(blob: bytes) -> list[bytes]:
    return [blob[i : i + 1] for i in range(len(blob))]


@given(blobs)
def test_a_blob_is_the_same_lines_however_it_is_read(blob: bytes) -> None:
    """Azure appends where it likes, and the service cuts ranges where it likes."""
    whole, cutter = cut([blob])
    parts, part_cutter = cut(bytewise(blob))

    assert parts == whole
    assert part_cutter.next_offset == cutter.next_offset
    assert list(part_cutter.close()) == list(cutter.close())


@given(blobs, st.data())
def test_reading_on_is_as_good_as_reading_once(blob: bytes, data: st.DataObject) -> None:
    """The checkpoint is the end of the last whole line: nothing is read twice, and nothing left out."""
    seen = data.draw(st.integers(0, len(blob)))
    before, cutter = cut([blob[:seen]])
    after, later = cut([blob[cutter.next_offset :]], cutter.next_offset)

    assert before + after == cut([blob])[0]
    assert later.next_offset == cut([blob])[1].next_offset


@given(blobs)
def test_every_line_stands_where_its_offset_says(blob: bytes) -> None:
    """A dead letter names the place; whoever looks there must find the line."""
    lines, cutter = cut([blob])

    for offset, line in [*lines, *cutter.close()]:
        assert blob[offset:].removeprefix(b"\xef\xbb\xbf" if offset == 0 else b"").startswith(line)
        assert line.strip()


def test_a_line_without_newline_waits_for_the_rest() -> None:
    """Half a line is no line: it would be a dead letter, and the other half another."""
    lines, cutter = cut([b'{"a":1}\n{"b":'])

    assert lines == [(0, b'{"a":1}')]
    assert cutter.next_offset == 8


def test_the_last_line_of_a_sealed_blob_needs_no_newline() -> None:
    """A file that nobody appends to may end so."""
    _, cutter = cut([b'{"a":1}\n{"b":2}'])

    assert list(cutter.close()) == [(8, b'{"b":2}')]
    assert cutter.next_offset == 15
    assert list(cutter.close()) == []


def test_blank_lines_and_windows_line_ends_and_a_mark_are_no_lines() -> None:
    """Files that went through an editor have them."""
    line = log_lines("requestresponse.jsonl")[0]
    lines, _ = cut([b"\xef\xbb\xbf" + line + b"\r\n\r\n \n" + line + b"\n"])

    assert [parse_line(found) for _, found in lines] == [parse_line(line)] * 2


@pytest.mark.parametrize("chunk_bytes", [64 * 1024, 16 * 1024 * 1024])
def test_a_line_of_10_megabytes_is_one_dead_letter(chunk_bytes: int) -> None:
    """Only its beginning is held, and what stands behind it is read."""
    blob = b'{"a":"' + b"x" * 10 * 1024 * 1024 + b'"}\n{"b":2}\n'
    lines, cutter = cut(blob[i : i + chunk_bytes] for i in range(0, len(blob), chunk_bytes))

    assert [offset for offset, _ in lines] == [0, len(blob) - 8]
    assert [len(line) for _, line in lines] == [MAX_LINE_BYTES + 1, 7]
    assert cutter.next_offset == len(blob)
    with pytest.raises(LineUnreadable, match="longer"):
        parse_line(lines[0][1])
