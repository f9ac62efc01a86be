from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.mp3_duration import mp3_seconds
from tests.domain.media_files import mp3, wav


def seconds(file: bytes) -> Fraction | None:
    return mp3_seconds(file, len(file))


@pytest.mark.parametrize(
    ("header", "frame_bytes", "frame_seconds"),
    [
        (b"\xff\xfb\x74\xc4", 288, Fraction(1152, 48_000)),  # MPEG 1, 96 kbit/s
        (b"\xff\xf3\xe4\xc4", 480, Fraction(576, 24_000)),  # MPEG 2, 160 kbit/s
        (b"\xff\xe3\x28\xc4", 144, Fraction(576, 8_000)),  # MPEG 2.5, 16 kbit/s
    ],
)
def test_a_sound_is_as_long_as_its_bit_rate_makes_it(header: bytes, frame_bytes: int, frame_seconds: Fraction) -> None:
    """Exactly, where no frame is padded: tokens are cut off, so that a hair less would cost one."""
    assert seconds(mp3(frames=50, header=header, frame_bytes=frame_bytes)) == 50 * frame_seconds


@pytest.mark.parametrize(
    ("header", "side_bytes", "frame_seconds"),
    [
        (b"\xff\xfb\x90\xc4", 17, Fraction(1152, 44_100)),
        (b"\xff\xfb\x90\x04", 32, Fraction(1152, 44_100)),
        (b"\xff\xf3\x90\xc4", 9, Fraction(576, 22_050)),
        (b"\xff\xf3\x90\x04", 17, Fraction(576, 22_050)),
    ],
)
def test_a_file_that_counts_its_frames_is_believed(header: bytes, side_bytes: int, frame_seconds: Fraction) -> None:
    """Its bit rate changes, so that its bytes say nothing. Where the count stands goes by version and channels."""
    assert seconds(mp3(frames=9, header=header, side_bytes=side_bytes, counted=400)) == 400 * frame_seconds


def test_titles_before_the_sound_are_no_sound() -> None:
    """A picture of the cover may be larger than the song; its size has seven bits a byte."""
    tag = b"ID3\x04\x00\x00\x00\x00\x01\x03" + bytes(131)

    assert seconds(mp3(before=tag)) == seconds(mp3())


def test_only_the_beginning_need_be_there() -> None:
    """A long sound is not read as a whole."""
    file = mp3(frames=1000)

    assert mp3_seconds(file[:100], len(file)) == seconds(file)


@pytest.mark.parametrize(
    "file",
    [
        b"",
        wav(),
        b"ID3",
        b"ID3 mp3",
        b"\xff\xfb\x90",  # cut
        b"\xff\xfb\x00\xc4",  # of a free bit rate
        b"\xff\xfb\xf0\xc4",  # of none
        b"\xff\xfb\x9c\xc4",  # of no sample rate
        b"\xff\xeb\x90\xc4",  # of no version
        b"\xff\xfd\x90\xc4",  # layer II
        b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + mp3(),  # a tag that is longer than the file
    ],
)
def test_what_is_no_sound_has_no_length(file: bytes) -> None:
    """Nor has one that is not of layer III."""
    assert seconds(file) is None


@given(st.sampled_from([b"", b"ID3", b"\xff\xfb\x90\xc4"]), st.binary())
def test_no_bytes_break_it(beginning: bytes, rest: bytes) -> None:
    """The file is the caller's."""
    found = seconds(beginning + rest)

    assert found is None or found >= 0
