from __future__ import annotations

import struct
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.wav_duration import wav_seconds
from tests.domain.media_files import wav


def seconds(file: bytes) -> Fraction | None:
    return wav_seconds(file, len(file))


@given(st.integers(min_value=0, max_value=8000), st.sampled_from([8000, 24000, 48000]))
def test_a_sound_is_as_long_as_its_samples(samples: int, rate: int) -> None:
    """Exactly: tokens are cut off, so that a hair less would cost one."""
    assert seconds(wav(seconds=samples / rate, rate=rate)) == Fraction(samples, rate)


def test_other_chunks_are_passed_over() -> None:
    """Editors leave their name and the like before the samples, padded to an even length."""
    assert seconds(wav(before=struct.pack("<4sI", b"LIST", 3) + b"abc\x00")) == 1


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 10**8])
def test_a_size_that_is_not_known_is_what_is_there(size: int) -> None:
    """A recorder that streams writes its header before it knows."""
    assert seconds(wav(size=size)) == 1


def test_only_the_beginning_need_be_there() -> None:
    """A long sound is not read as a whole."""
    file = wav(seconds=3)

    assert wav_seconds(file[:100], len(file)) == 3


@pytest.mark.parametrize("file", [b"", b"RIFF\x00\x00\x00\x00WEBP", wav()[:12], wav()[:40], wav(rate=0)])
def test_what_is_no_sound_has_no_length(file: bytes) -> None:
    """An MP3, a cut header, or no samples a second."""
    assert seconds(file) is None


@given(st.binary())
def test_no_bytes_break_it(rest: bytes) -> None:
    """The file is the caller's."""
    found = seconds(b"RIFF\x00\x00\x00\x00WAVE" + rest)

    assert found is None or found >= 0
