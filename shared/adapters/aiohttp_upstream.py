"""Azure OpenAI over aiohttp, which relays a call for a tenth of httpx's CPU (docs/decisions)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import aiohttp
from yarl import URL

from shared.adapters.upstream_credentials import UpstreamCredential
from shared.domain.errors import UpstreamCut, UpstreamError, UpstreamTimedOut, UpstreamUnreachable
from shared.ports.upstream import Buffer, Header, UpstreamRequest, UpstreamResponse

# Up to here a body is joined and sent in one write; above it, in slices of this size,
# so that a large body is never held twice.
_SLICE_BYTES = 64 * 1024
_CONNECT_SECONDS = 10.0
# What aiohttp would add of its own.
_SKIPPED = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


def upstream_session(idle_seconds: float) -> aiohttp.ClientSession:
    """
    Return a session fit for relaying: no cookies, no limit of its own, bodies as they come.

    `idle_seconds` bounds the silence between two reads, not the length of an answer.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=idle_seconds),
    )


class AiohttpUpstream:
    """One Azure OpenAI resource."""

    def __init__(self, session: aiohttp.ClientSession, endpoint: str, credential: UpstreamCredential) -> None:
        url = URL(endpoint)
        self._session = session
        self._origin = str(url.origin())
        self._credential = credential
        self._resource = url.host or ""

    @property
    def resource(self) -> str:
        return self._resource

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        headers = [(_text(name), _text(value)) for name, value in request.headers]
        headers.extend(await self._credential.headers())
        if request.content_length is not None:
            headers.append(("Content-Length", str(request.content_length)))
        try:
            response = await self._session.request(
                request.method,
                self._url(request),
                headers=headers,
                data=_payload(request),
                skip_auto_headers=_SKIPPED,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _translated(error) from error
        return AiohttpResponse(response)

    def _url(self, request: UpstreamRequest) -> URL:
        query = f"?{request.query.decode('ascii', 'replace')}" if request.query else ""
        return URL(f"{self._origin}{request.path.decode('ascii', 'replace')}{query}", encoded=True)


class AiohttpResponse:
    """An answer whose headers have arrived."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    @property
    def status(self) -> int:
        return self._response.status

    @property
    def headers(self) -> Sequence[Header]:
        return self._response.raw_headers

    def header(self, name: str) -> str | None:
        return self._response.headers.get(name)

    async def next_chunk(self) -> bytes:
        content = self._response.content
        try:
            return await content.readany()
        except (aiohttp.ClientError, TimeoutError) as error:
            # Once a connection has broken, aiohttp raises that before what had arrived by then.
            if arrived := content._read_nowait(-1):  # noqa: SLF001 - no public way to it
                return arrived
            raise _translated(error) from error

    async def close(self) -> None:
        # Of a body read to its end the connection is back in the pool already.
        self._response.close()


def _payload(request: UpstreamRequest) -> bytes | AsyncIterator[bytes | memoryview] | None:
    if not isinstance(request.body, Sequence):
        return request.body
    if not request.body:
        return None
    if (request.content_length or 0) <= _SLICE_BYTES:
        return b"".join(request.body)
    return _slices(request.body)


async def _slices(buffers: Sequence[Buffer]) -> AsyncIterator[memoryview]:
    for buffer in buffers:
        view = memoryview(buffer)
        for start in range(0, len(view), _SLICE_BYTES):
            yield view[start : start + _SLICE_BYTES]


def _translated(error: Exception) -> UpstreamError:
    # Order matters: aiohttp's time-outs are both ClientError and TimeoutError.
    if isinstance(error, aiohttp.ConnectionTimeoutError | aiohttp.ClientConnectorError | aiohttp.InvalidURL):
        return UpstreamUnreachable("Azure OpenAI cannot be reached")
    if isinstance(error, TimeoutError):
        return UpstreamTimedOut("Azure OpenAI was silent for too long")
    return UpstreamCut("the connection to Azure OpenAI broke")


def _text(header: bytes) -> str:
    # aiohttp writes headers as UTF-8; what is not UTF-8 is Latin-1 by the old rule.
    try:
        return header.decode()
    except UnicodeDecodeError:
        return header.decode("latin-1")
