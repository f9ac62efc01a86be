"""Cuts the bytes of a log blob into its whole lines, and knows where each begins."""

from __future__ import annotations

from collections.abc import Iterator

from shared.domain.logs.wire import MAX_LINE_BYTES

_BOM = b"\xef\xbb\xbf"


class LineCutter:
    """
    Cuts a stream of bytes, as a blob is read in ranges, into lines.

    Of a line that is too long only the beginning is held, one byte more than `parse_line` takes.
    """

    __slots__ = ("_held", "_held_bytes", "_next_offset")

    def __init__(self, offset: int = 0) -> None:
        """Begin at an offset of the blob where a line begins."""
        self._next_offset = offset
        self._held: list[bytes] = []
        self._held_bytes = 0

    @property
    def next_offset(self) -> int:
        """The offset behind the last whole line: what is before it need never be read again."""
        return self._next_offset

    def feed(self, chunk: bytes) -> Iterator[tuple[int, bytes]]:
        """Return the lines that `chunk` completes, each with its offset and without its line end; blank ones are not."""
        ...
