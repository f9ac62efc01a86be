from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.image_price import ImageSize
from shared.domain.image_size import image_size
from tests.domain.media_files import gif, jpeg, png, segment, webp

SIDES = st.integers(min_value=1, max_value=2**14)


def size(file: bytes) -> tuple[int, int] | None:
    found = image_size(file)
    return (found.width, found.height) if found else None


@given(SIDES, SIDES)
def test_every_format_says_how_large_it_is(width: int, height: int) -> None:
    """The four that the service takes."""
    lossless = (width - 1) | (height - 1) << 14
    files = [
        png(width, height),
        gif(width, height),
        jpeg(width, height),
        webp(b"VP8X", b"\x00" * 4 + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]),
        webp(b"VP8L", b"\x2f" + struct.pack("<I", lossless)),
    ]

    assert [size(file) for file in files] == [(width, height)] * len(files)


def test_a_lossy_webp_keeps_its_scale_in_the_upper_bits() -> None:
    """They are no part of the size."""
    frame = b"\x00\x00\x00\x9d\x01\x2a" + struct.pack("<HH", 0x4000 | 640, 0xC000 | 480)

    assert size(webp(b"VP8 ", frame)) == (640, 480)


@pytest.mark.parametrize("frame", [0xC0, 0xC2, 0xCF])
def test_a_jpeg_may_say_much_before_its_size(frame: int) -> None:
    """A camera's metadata, tables, fill bytes, and markers without a length."""
    before = segment(0xE1, b"Exif" * 500) + segment(0xC4, b"tables") + b"\xff" + segment(0xDB, b"") + b"\xff\x01"

    assert size(jpeg(640, 480, before=before, frame=frame)) == (640, 480)


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"BM bitmap",
        b"%PDF-1.7",
        b"\xff\xd8",
        b"\xff\xd8\x00\x00 no marker here",
        b"\xff\xd8" + b"\xff\xe0\x00\x00" * 9,
        png(0, 1),
        png(640, 480)[:20],
        gif(640, 480)[:8],
        webp(b"VP8?", b"\x00" * 20),
        webp(b"VP8X", b"")[:20],
    ],
)
def test_what_says_no_size_has_none(file: bytes) -> None:
    """A count is then a lower bound, never 0."""
    assert size(file) is None


@given(st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"GIF8", b"\xff\xd8", b"RIFF\x00\x00\x00\x00WEBPVP8 "]), st.binary())
def test_no_bytes_break_it(start: bytes, rest: bytes) -> None:
    """The file is the caller's."""
    found = image_size(start + rest)

    assert found is None or isinstance(found, ImageSize)
