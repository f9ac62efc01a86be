"""Sends an answer, as fast and as whole as the simulation says."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence

from aiohttp import web

from local.simulated_azure_openai.answer import Answer
from local.simulated_azure_openai.simulation import Simulation

_GZIP_WINDOW = 31
_FLUSH_POLL_SECONDS = 0.001


async def send(
    request: web.BaseRequest, answer: Answer, headers: Mapping[str, str], simulation: Simulation
) -> web.StreamResponse:
    """Send the answer and return the response; one that was cut, or hung up on, is over all the same."""
    await _pause(simulation.delay_ms)
    if simulation.cut_before_headers:
        _abort(request)
        return web.Response()
    all_headers = {**headers, **answer.headers, "content-type": answer.content_type}
    chunks = answer.chunks
    if simulation.gzip:
        all_headers["content-encoding"] = "gzip"
        chunks = _gzipped(answer)
    in_chunks = answer.streamed or simulation.no_content_length
    if not in_chunks and simulation.cut_bytes is None and not simulation.silent_ms:
        return web.Response(status=answer.status, headers=all_headers, body=b"".join(chunks))
    response = web.StreamResponse(status=answer.status, headers=all_headers)
    response.content_length = None if in_chunks else sum(map(len, chunks))
    try:
        await response.prepare(request)
        await _write(request, response, chunks, simulation)
    except ConnectionResetError:
        # The caller hung up. There is nobody to tell.
        return response
    return response


async def _write(
    request: web.BaseRequest, response: web.StreamResponse, chunks: Sequence[bytes], simulation: Simulation
) -> None:
    left = simulation.cut_bytes
    for number, chunk in enumerate(chunks):
        await _pause(simulation.chunk_ms if number else 0)
        await _pause(simulation.silent_ms if number == len(chunks) // 2 else 0)
        if left is not None and left <= len(chunk):
            await response.write(chunk[:left])
            await _flushed(request)
            _abort(request)
            return
        await response.write(chunk)
        left = None if left is None else left - len(chunk)


def _gzipped(answer: Answer) -> Sequence[bytes]:
    if not answer.streamed:
        return (gzip.compress(b"".join(answer.chunks), mtime=0),)
    return tuple(_gzipped_stream(answer.chunks))


def _gzipped_stream(chunks: Sequence[bytes]) -> Iterator[bytes]:
    """Each chunk is flushed, so that it can be read when it arrives."""
    compressor = zlib.compressobj(wbits=_GZIP_WINDOW)
    for chunk in chunks:
        yield compressor.compress(chunk) + compressor.flush(zlib.Z_SYNC_FLUSH)
    yield compressor.flush()


async def _flushed(request: web.BaseRequest) -> None:
    """Return once the kernel has what was written: an abort throws the rest away."""
    while request.transport is not None and request.transport.get_write_buffer_size():
        await asyncio.sleep(_FLUSH_POLL_SECONDS)


def _abort(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _pause(milliseconds: int) -> None:
    if milliseconds:
        await asyncio.sleep(milliseconds / 1000)
