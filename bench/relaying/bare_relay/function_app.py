"""The least that relays: bytes in, bytes out, as they come. It knows no caller and writes nothing down."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import aiohttp
import azure.functions as func
from azurefunctions.extensions.http.fastapi import Request, StreamingResponse
from yarl import URL

_STAY_BEHIND = {b"host", b"connection", b"api-key"}
_HOP_BY_HOP = {b"connection", b"keep-alive", b"transfer-encoding"}

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

_session: aiohttp.ClientSession | None = None


@app.function_name("relay")
@app.route("openai/{*path}", methods=["POST"], trigger_arg_name="request")
async def relay(request: Request) -> StreamingResponse:
    """Pass a request on, and its answer back."""
    headers = [(name.decode(), value.decode()) for name, value in request.headers.raw if name not in _STAY_BEHIND]
    response = await _opened_session().request(
        request.method,
        _upstream_url(request),
        headers=[*headers, ("api-key", os.environ["AZURE_OPENAI_API_KEY"])],
        data=request.stream(),
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
    )
    answer = StreamingResponse(_chunks(response), status_code=response.status)
    answer.raw_headers = [(name.lower(), value) for name, value in response.raw_headers if name not in _HOP_BY_HOP]
    return answer


async def _chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async with response:
        async for chunk in response.content.iter_any():
            yield chunk


def _upstream_url(request: Request) -> URL:
    path, query = request.scope["raw_path"].decode(), request.scope["query_string"].decode()
    return URL(f"{os.environ['AZURE_OPENAI_ENDPOINT']}{path}?{query}", encoded=True)


def _opened_session() -> aiohttp.ClientSession:
    # Opened with the first request: before it there is no event loop.
    global _session
    if _session is None:
        _session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), auto_decompress=False)
    return _session
