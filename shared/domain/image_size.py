"""How large an image is, by the first bytes of its file."""

from __future__ import annotations

from collections.abc import Callable

from shared.domain.image_price import ImageSize

# Enough for the metadata (EXIF with a preview, a colour profile) that a JPEG may hold before its size.
HEADER_BYTES = 256 * 1024

# JPEG segments that hold the size, and those without a length.
# https://www.w3.org/Graphics/JPEG/itu-t81.pdf, table B.1
_JPEG_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})


def image_size(header: bytes) -> ImageSize | None:
    """Return the size of a PNG, JPEG, GIF or WebP, None if it is none or its header is cut."""
    for magic, offset, read in _FORMATS:
        if header.startswith(magic, offset):
            size = read(header)
            return size if size and size.width and size.height else None
    return None


def _png(header: bytes) -> ImageSize | None:
    # https://www.w3.org/TR/png-3/#11IHDR
    if len(header) < 24:
        return None
    return ImageSize(width=int.from_bytes(header[16:20]), height=int.from_bytes(header[20:24]))


def _gif(header: bytes) -> ImageSize | None:
    # https://www.w3.org/Graphics/GIF/spec-gif89a.txt, section 18
    if len(header) < 10:
        return None
    return ImageSize(width=_little(header[6:8]), height=_little(header[8:10]))


def _jpeg(header: bytes) -> ImageSize | None:
    at = 2
    while at + 9 <= len(header):
        if header[at] != 0xFF:
            return None
        marker = header[at + 1]
        if marker in _JPEG_FRAMES:
            height, width = header[at + 5 : at + 7], header[at + 7 : at + 9]
            return ImageSize(width=int.from_bytes(width), height=int.from_bytes(height))
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _JPEG_BARE:
            at += 2
        else:
            at += 2 + max(int.from_bytes(header[at + 2 : at + 4]), 2)
    return None


def _webp(header: bytes) -> ImageSize | None:
    # https://developers.google.com/speed/webp/docs/riff_container
    if len(header) < 30:
        return None
    match header[12:16]:
        case b"VP8X":
            return ImageSize(width=_little(header[24:27]) + 1, height=_little(header[27:30]) + 1)
        case b"VP8L":
            bits = _little(header[21:25])
            return ImageSize(width=(bits & 0x3FFF) + 1, height=(bits >> 14 & 0x3FFF) + 1)
        case b"VP8 ":
            return ImageSize(width=_little(header[26:28]) & 0x3FFF, height=_little(header[28:30]) & 0x3FFF)
    return None


def _little(field: bytes) -> int:
    return int.from_bytes(field, "little")


# What a file starts with, where, and who reads on.
_FORMATS: tuple[tuple[bytes, int, Callable[[bytes], ImageSize | None]], ...] = (
    (b"\x89PNG\r\n\x1a\n", 0, _png),
    (b"GIF8", 0, _gif),
    (b"\xff\xd8", 0, _jpeg),
    (b"WEBP", 8, _webp),
)
