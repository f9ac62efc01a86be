"""The smallest files that say how large a picture, or how long a sound, they are."""

from __future__ import annotations

import struct


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + b"\x08\x06\x00\x00\x00"


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\xf7\x00\x00"


def jpeg(width: int, height: int, *, before: bytes = b"", frame: int = 0xC0) -> bytes:
    """Return the header of a JPEG, with some segments before that of its size."""
    return b"\xff\xd8" + before + struct.pack(">BBHBHHB", 0xFF, frame, 17, 8, height, width, 3) + b"\x01\x22\x00"


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def webp(kind: bytes, content: bytes) -> bytes:
    chunk = kind + struct.pack("<I", len(content)) + content
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk + b"\x00" * 16


def wav(*, seconds: float = 1.0, rate: int = 8000, size: int | None = None, before: bytes = b"") -> bytes:
    """Return a sound of 16 bits, with some chunks before that of its samples, which may lie about its size."""
    samples = b"\x00" * (round(seconds * rate) * 2)
    described = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    held = struct.pack("<4sI", b"data", len(samples) if size is None else size)
    return b"RIFF\x00\x00\x00\x00WAVE" + described + before + held + samples


def mp3(
    *,
    frames: int = 50,
    header: bytes = b"\xff\xfb\x90\xc4",
    frame_bytes: int = 417,
    side_bytes: int = 17,
    counted: int | None = None,
    before: bytes = b"",
) -> bytes:
    """Return frames of MPEG 1 at 128 kbit/s and 44.1 kHz, mono; with `counted`, the first says how many there are."""
    note = b"" if counted is None else b"Xing" + struct.pack(">II", 1, counted)
    first = header + bytes(side_bytes) + note
    frame = header + bytes(frame_bytes - len(header))
    return before + first.ljust(frame_bytes, b"\x00") + frame * (frames - 1)
