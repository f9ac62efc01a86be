"""Between upstream and the caller: what goes on, and what the watcher sees of it.

No I/O: bytes in, bytes out. What goes on is what came, but for the one chunk we caused.
"""

from __future__ import annotations

from typing import Protocol

from shared.domain.completion_watcher import CompletionWatcher, Sight
from shared.domain.content_coding import Decoder, IdentityDecoder, decoder_for
from shared.domain.sse import SseSplitter

# What is kept of a body to read its usage from: the largest embeddings answer (2,048 inputs of
# 3,072 dimensions, as base64) is 33 MB. An error that is not metered is read for its code.
METERED_BODY_LIMIT = 64 * 1024 * 1024
ERROR_BODY_LIMIT = 64 * 1024


class AnswerFilter(Protocol):
    """One answer on its way. After `feed`, `is_at_end` says that what goes on now completes it for the caller."""

    @property
    def is_at_end(self) -> bool: ...

    def feed(self, chunk: bytes) -> bytes:
        """Take in bytes of upstream; return the bytes to pass on, perhaps none yet."""
        ...

    def close(self) -> bytes:
        """Say that upstream's bytes have ended; return what is left to pass on."""
        ...


class BodyFilter:
    """For an answer that is one body: passes every chunk on, keeps a copy to read at the end."""

    def __init__(
        self, watcher: CompletionWatcher, decoder: Decoder, *, content_length: int | None, kept_bytes: int
    ) -> None:
        self._watcher = watcher
        self._decoder = decoder
        self._bytes_left = content_length
        self._kept_bytes = kept_bytes
        self._body: bytearray | None = bytearray() if kept_bytes else None
        self.is_at_end = False

    def feed(self, chunk: bytes) -> bytes:
        self._keep(chunk)
        if self._bytes_left is not None:
            self._bytes_left -= len(chunk)
            if self._bytes_left <= 0:
                self._read()
        return chunk

    def close(self) -> bytes:
        self._read()
        return b""

    def _keep(self, chunk: bytes) -> None:
        if self._body is None:
            return
        self._body += self._decoder.decode(chunk)
        if len(self._body) > self._kept_bytes:
            self._body = None

    def _read(self) -> None:
        self.is_at_end = True
        if self._body is not None:
            self._watcher.see_body(self._body)
            self._body = None


class EventFilter:
    """For a stream of events: passes whole events on, without the usage chunk that only we asked for."""

    def __init__(self, watcher: CompletionWatcher, *, drops_usage_chunk: bool) -> None:
        self._watcher = watcher
        self._drops_usage_chunk = drops_usage_chunk
        self._splitter = SseSplitter()
        self.is_at_end = False

    def feed(self, chunk: bytes) -> bytes:
        return b"".join([event for event in self._splitter.feed(chunk) if self._passes(event)])

    def close(self) -> bytes:
        held = self._splitter.close()
        return held if held and self._passes(held) else b""

    def _passes(self, event: bytes) -> bool:
        sight = self._watcher.see_event(event)
        if sight is Sight.LAST:
            self.is_at_end = True
        return not (sight is Sight.USAGE_ONLY and self._drops_usage_chunk)


class CodedEventFilter:
    """For a compressed stream, which we did not ask for: nothing can be taken out, so all goes on."""

    def __init__(self, watcher: CompletionWatcher, decoder: Decoder) -> None:
        self._decoder = decoder
        self._events = EventFilter(watcher, drops_usage_chunk=False)

    @property
    def is_at_end(self) -> bool:
        return self._events.is_at_end

    def feed(self, chunk: bytes) -> bytes:
        self._events.feed(self._decoder.decode(chunk))
        return chunk

    def close(self) -> bytes:
        self._events.close()
        return b""


def answer_filter(
    watcher: CompletionWatcher,
    *,
    is_metered: bool,
    is_error: bool,
    content_type: str | None,
    content_encoding: str | None,
    content_length: int | None,
    drops_usage_chunk: bool,
) -> AnswerFilter:
    """Return the filter for an answer with these headers."""
    decoder = decoder_for(content_encoding)
    if is_event_stream(content_type):
        if isinstance(decoder, IdentityDecoder):
            return EventFilter(watcher, drops_usage_chunk=drops_usage_chunk)
        return CodedEventFilter(watcher, decoder)
    kept_bytes = METERED_BODY_LIMIT if is_metered else ERROR_BODY_LIMIT if is_error else 0
    return BodyFilter(watcher, decoder, content_length=content_length, kept_bytes=kept_bytes)


def is_event_stream(content_type: str | None) -> bool:
    """Return whether a Content-Type header announces server-sent events."""
    return (content_type or "").split(";", 1)[0].strip().lower() == "text/event-stream"
