"""Server-sent events, cut out of a stream of bytes without changing one of them.

https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

import re

# A line end and an empty line; "\r\n" must not count as two ends. Atomic groups would say that more
# plainly, but with them `re` tries every byte, at three times the cost.
_BLANK_LINE = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")
_LINE_END = re.compile(rb"\r\n|\n|\r")

# The most bytes of a blank line that can stand at the end of what is held: "\r\n\r".
_BEGUN_BLANK_LINE = 3


class SseSplitter:
    """Cuts a byte stream into its events; joined again, they are the stream."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the events that `chunk` completes, each with the blank line that ends it."""
        data = self._held + chunk if self._held else chunk
        events = []
        start = 0
        # What is held was searched before: to search it anew with every chunk would take
        # seconds for an event of some megabytes, as a large response is.
        for end in _BLANK_LINE.finditer(data, max(0, len(self._held) - _BEGUN_BLANK_LINE)):
            # A carriage return at the very end may be the first half of "\r\n", so it ends
            # an event only once the next byte is here.
            if end.end() == len(data) and data[-1] == 0x0D:
                break
            events.append(data[start : end.end()])
            start = end.end()
        self._held = data[start:]
        return events

    def close(self) -> bytes:
        """
        Return the event left open when the stream ended, b"" if none.

        The specification drops it. We keep it: a usage chunk whose blank line
        never came is still a count somebody is charged for.
        """
        held, self._held = self._held, b""
        return held


def event_data(event: bytes) -> bytes | None:
    """Return the data of one event, its lines joined by "\\n"; None if it has none (a comment)."""
    # Nearly all events are one line of data.
    if event.startswith(b"data: ") and b"\n" not in (line := event[6:].rstrip(b"\r\n")) and b"\r" not in line:
        return line
    lines = [_value(line) for line in _LINE_END.split(event.removeprefix(b"\xef\xbb\xbf")) if _is_data(line)]
    return b"\n".join(lines) if lines else None


def _is_data(line: bytes) -> bool:
    return line == b"data" or line.startswith(b"data:")


def _value(line: bytes) -> bytes:
    return line[5:].removeprefix(b" ")
