"""Azure OpenAI, as the relay needs it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

Header = tuple[bytes, bytes]
Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamRequest:
    """A request as it goes to Azure OpenAI, but for our credentials."""

    method: str
    path: bytes  # percent-encoded, as it came
    query: bytes
    headers: Sequence[Header] = field(default=())
    body: Sequence[Buffer] | AsyncIterator[bytes] = ()
    content_length: int | None = None


class UpstreamResponse(Protocol):
    """An answer whose headers have arrived. Close it, whatever happens."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Sequence[Header]:
        """The end-to-end headers, in order and as they were spelt."""
        ...

    def header(self, name: str) -> str | None:
        """Return the first header of this name, in any case."""
        ...

    async def next_chunk(self) -> bytes:
        """
        Return the next bytes of the body, b"" at its end.

        Raises:
            UpstreamCut: the body broke off.
            UpstreamTimedOut: nothing came for too long.
        """
        ...

    async def close(self) -> None:
        """Let go of the connection. Never raises."""
        ...


class Upstream(Protocol):
    """Azure OpenAI."""

    @property
    def resource(self) -> str:
        """The host name of the resource."""
        ...

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """
        Send a request and return when the answer's headers have arrived.

        Raises:
            UpstreamUnreachable, UpstreamTimedOut, UpstreamNotAuthorized
        """
        ...
