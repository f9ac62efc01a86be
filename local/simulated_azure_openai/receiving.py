"""Reads the body of a request: JSON into memory, a form onto disk, both hashed as they arrive."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from typing import BinaryIO

from aiohttp import web

from local.simulated_azure_openai.request_log import ReceivedRequest, RequestLog


@dataclass(frozen=True, slots=True)
class Received:
    """A request that has arrived whole, and its body: a form lies in `upload`, any other in `body`."""

    logged: ReceivedRequest
    body: bytes
    upload: BinaryIO | None

    def close(self) -> None:
        if self.upload is not None:
            self.upload.close()


async def receive(request: web.BaseRequest, log: RequestLog) -> Received:
    """
    Return the request, once it is in the log.

    Raises:
        ConnectionResetError: the caller hung up before the body ended; that is logged too.
    """
    upload: BinaryIO | None = tempfile.TemporaryFile() if _is_form(request) else None  # noqa: SIM115 - closed by Received
    pieces: list[bytes] = []
    digest = hashlib.sha256()
    size = 0
    complete = False
    try:
        # Not request.read(): it would keep a form in memory and refuse a large body.
        async for piece in request.content.iter_any():
            digest.update(piece)
            size += len(piece)
            if upload is None:
                pieces.append(piece)
            else:
                upload.write(piece)
        complete = True
    finally:
        logged = log.record(request, body_bytes=size, body_sha256=digest.hexdigest(), complete=complete)
        if upload is not None and not complete:
            upload.close()
    return Received(logged, b"".join(pieces), upload)


def _is_form(request: web.BaseRequest) -> bool:
    return request.content_type == "multipart/form-data"
