"""Cuts the bytes of a log blob into its whole lines, and knows where each begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from shared.domain.logs.wire import MAX_LINE_BYTES

_BOM = b"\xef\xbb\xbf"


class LineCutter:
    """
    Cuts the bytes of a blob, as they are read from the beginning of a line on, into lines.

    Of a line that is too long only the beginning is kept: one byte more than `parse_line` takes.
    """

    __slots__ = ("_begun", "_begun_bytes", "_next_offset")

    def __init__(self, offset: int = 0) -> None:
        """Begin at this offset of the blob: 0, or what `next_offset` was."""
        self._next_offset = offset
        self._begun = bytearray()
        self._begun_bytes = 0

    @property
    def next_offset(self) -> int:
        """Where the last whole line ends: what stands before it need never be read again."""
        return self._next_offset

    def feed(self, chunk: bytes) -> Iterator[tuple[int, bytes]]:
        """
        Return the lines that `chunk` completes, each with its offset, and without its newline.

        Blank lines are left out. A carriage return before the newline stays: to JSON it is a blank.
        """
        *ended, begun = chunk.split(b"\n")
        if not ended:
            self._hold(begun)
            return iter(())
        self._hold(ended[0])
        offset, first = self._next_offset, bytes(self._begun)
        second_offset = offset + self._begun_bytes + 1
        self._begin_line(second_offset + len(chunk) - len(ended[0]) - 1 - len(begun))
        self._hold(begun)
        return _placed(offset, first, second_offset, ended)

    def close(self) -> Iterator[tuple[int, bytes]]:
        """Return the last line, if it has no newline. Only when the blob will not grow any more."""
        offset, last = self._next_offset, bytes(self._begun)
        self._begin_line(offset + self._begun_bytes)
        return _placed(offset, last, self._next_offset, [last])

    def _hold(self, part: bytes) -> None:
        self._begun_bytes += len(part)
        self._begun += part[: MAX_LINE_BYTES + 1 - len(self._begun)]

    def _begin_line(self, offset: int) -> None:
        self._next_offset = offset
        self._begun.clear()
        self._begun_bytes = 0


def _placed(offset: int, first: bytes, second_offset: int, lines: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank; the first may have begun before the others were read."""
    first = first.removeprefix(_BOM) if offset == 0 else first
    if first and not first.isspace():
        yield offset, first
    offset = second_offset
    for line in islice(lines, 1, None):
        if line and not line.isspace():
            yield offset, line
        offset += len(line) + 1
