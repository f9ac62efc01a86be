"""How long a sound is, by the header of its WAV file."""

from __future__ import annotations

from fractions import Fraction

# Streamed files say this where their length was not known when they began.
_UNKNOWN_SIZES = frozenset({0, 0xFFFFFFFF})


def wav_seconds(file: bytes, whole_bytes: int) -> Fraction | None:
    """
    Return the seconds of a WAV file, by its first bytes and how many it has; None if it is none.

    http://soundfile.sapp.org/doc/WaveFormat/
    """
    if not (file.startswith(b"RIFF") and file[8:12] == b"WAVE"):
        return None
    bytes_per_second = 0
    at = 12
    while at + 8 <= len(file):
        name, size = file[at : at + 4], int.from_bytes(file[at + 4 : at + 8], "little")
        at += 8
        if name == b"fmt " and at + 12 <= len(file):
            bytes_per_second = int.from_bytes(file[at + 8 : at + 12], "little")
        elif name == b"data":
            left = max(whole_bytes - at, 0)
            held = left if size in _UNKNOWN_SIZES else min(size, left)
            return Fraction(held, bytes_per_second) if bytes_per_second else None
        at += size + size % 2
    return None
