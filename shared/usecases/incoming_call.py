"""A caller's request as the relay takes it, and its body: read whole, or passed through, never beyond the limit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from shared.domain.errors import BodyTooLarge, CallerError
from shared.domain.relayed_headers import headers_for_upstream, query_for_upstream
from shared.ports.upstream import Buffer, Header, UpstreamRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingCall:
    """
    A caller's request, its body not yet read.

    `forwarded_credentials` are the lower-case names of headers that may go upstream though they
    hold credentials (`UPSTREAM_AUTH=caller`).
    """

    method: str
    path: bytes
    query: bytes
    headers: Sequence[Header]
    body: AsyncIterator[bytes]
    has_body: bool
    content_length: int | None
    caller_address: str | None
    forwarded_credentials: frozenset[bytes] = frozenset()

    def check_length(self, max_bytes: int) -> None:
        """Raise BodyTooLarge where the length that is declared is over the limit."""
        if (self.content_length or 0) > max_bytes:
            raise too_large(max_bytes)

    async def read_body(self, max_bytes: int) -> bytearray:
        """
        Return the whole body, held once.

        Raises:
            BodyTooLarge: it goes beyond the limit.
            CallerGone: it broke off.
        """
        body = bytearray()
        async for chunk in self.body:
            body += chunk
            if len(body) > max_bytes:
                raise too_large(max_bytes)
        return body

    def for_upstream(
        self, body: Sequence[Buffer] | AsyncIterator[bytes], content_length: int | None
    ) -> UpstreamRequest:
        """Return the request as it goes on: all that is end-to-end, with this body."""
        return UpstreamRequest(
            method=self.method,
            path=self.path,
            query=query_for_upstream(self.query),
            headers=headers_for_upstream(self.headers, forwarded_credentials=self.forwarded_credentials),
            body=body,
            content_length=content_length,
        )


class StreamedBody:
    """A body that goes through unread: counted, bounded, and what broke it remembered."""

    def __init__(self, chunks: AsyncIterator[bytes], max_bytes: int, on_read: Callable[[int], None]) -> None:
        """`on_read` is told how many bytes have been read so far."""
        self.error: CallerError | None = None
        self._chunks = chunks
        self._max_bytes = max_bytes
        self._on_read = on_read

    async def chunks(self) -> AsyncIterator[bytes]:
        """
        Yield the body as it comes.

        Raises:
            BodyTooLarge, CallerGone
        """
        read = 0
        try:
            async for chunk in self._chunks:
                read += len(chunk)
                self._on_read(read)
                if read > self._max_bytes:
                    raise too_large(self._max_bytes)
                yield chunk
        except CallerError as error:
            # The HTTP client will report a broken request; this is why it broke.
            self.error = error
            raise


def too_large(max_bytes: int) -> BodyTooLarge:
    """Return the error of a body over the limit."""
    return BodyTooLarge(f"the request body is larger than {max_bytes} bytes")
