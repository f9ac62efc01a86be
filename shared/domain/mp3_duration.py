"""How long a sound is, by the first frame of its MP3 file."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

# By the two bits of a frame's version. Layer III alone; ISO/IEC 11172-3, 2.4.2.3, and 13818-3, 2.4.2.3.
_MPEG_1 = 3
_KILOBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KILOBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_SAMPLE_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_LAYER_3 = 1
_MONO = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """What the header of a frame says, and how far behind it a first frame may say more."""

    bits_per_second: int
    samples_per_second: int
    samples: int
    side_bytes: int


def mp3_seconds(file: bytes, whole_bytes: int) -> Fraction | None:
    """
    Return the seconds of an MP3 file, by its first bytes and how many it has; None if it is none.

    A file of a changing bit rate counts its frames in the first one (http://gabriel.mp3-tech.org/mp3infotag.html);
    any other is as long as its bit rate makes it.
    """
    at = _after_tag(file)
    frame = _frame(file[at : at + 4])
    if frame is None:
        return None
    frames = _counted_frames(file[at:], frame)
    if frames:
        return Fraction(frames * frame.samples, frame.samples_per_second)
    return Fraction(max(whole_bytes - at, 0) * 8, frame.bits_per_second)


def _after_tag(file: bytes) -> int:
    """Return where the sound begins. https://id3.org/id3v2.4.0-structure, 3.1: seven bits a byte."""
    if not file.startswith(b"ID3") or len(file) < 10:
        return 0
    return 10 + sum((byte & 0x7F) << shift for byte, shift in zip(file[6:10], (21, 14, 7, 0), strict=True))


def _frame(header: bytes) -> _Frame | None:
    if len(header) < 4 or header[0] != 0xFF or header[1] >> 5 != 0b111:
        return None
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    kilobits, rate = header[2] >> 4, header[2] >> 2 & 3
    if layer != _LAYER_3 or version not in _SAMPLE_RATES or kilobits in (0, 15) or rate == 3:
        return None
    is_first, is_mono = version == _MPEG_1, header[3] >> 6 == _MONO
    return _Frame(
        bits_per_second=1000 * (_KILOBITS_1 if is_first else _KILOBITS_2)[kilobits],
        samples_per_second=_SAMPLE_RATES[version][rate],
        samples=1152 if is_first else 576,
        side_bytes=(17 if is_mono else 32) if is_first else (9 if is_mono else 17),
    )


def _counted_frames(frames: bytes, first: _Frame) -> int:
    """Return how many frames a file says it has, 0 if it does not say."""
    at = 4 + first.side_bytes
    says_so = frames[at : at + 4] in (b"Xing", b"Info") and frames[at + 7 : at + 8] and frames[at + 7] & 1
    return int.from_bytes(frames[at + 8 : at + 12]) if says_so and len(frames) >= at + 12 else 0
