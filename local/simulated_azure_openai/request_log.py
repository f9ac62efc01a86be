"""What the server received: every request, and the id it was answered with."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from aiohttp import web

# Kept as a name only: what tells us that a secret did not reach a log must not be one.
_SECRET_HEADERS = frozenset({"api-key", "authorization", "ocp-apim-subscription-key", "x-functions-key", "cookie"})


class ReceivedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """
    One request as it arrived. `number` counts from 1.

    `credential` says which header carried one: "api-key", "bearer", or None. `headers` are all
    others, in order and spelling. `complete` is False where the body ended early.
    """

    number: int
    apim_request_id: str
    received_at: datetime
    method: str
    path: str
    query: str
    credential: str | None
    headers: tuple[tuple[str, str], ...]
    body_bytes: int
    body_sha256: str
    complete: bool = True


class RequestLog:
    """Every request since the start or the last `clear`, each kept as its line of JSON."""

    def __init__(self, path: Path | None = None) -> None:
        self._lines: list[bytes] = []
        self._number = 0
        # Unbuffered: a line is with the kernel before the answer begins, whatever becomes of us.
        self._file = None if path is None else path.open("ab", buffering=0)

    def record(self, request: web.BaseRequest, *, body_bytes: int, body_sha256: str, complete: bool) -> ReceivedRequest:
        self._number += 1
        received = ReceivedRequest(
            number=self._number,
            apim_request_id=str(uuid.uuid4()),
            received_at=datetime.now(UTC),
            method=request.method,
            path=request.rel_url.raw_path,
            query=request.rel_url.raw_query_string,
            credential=_credential(request),
            headers=_headers(request),
            body_bytes=body_bytes,
            body_sha256=body_sha256,
            complete=complete,
        )
        line = msgspec.json.encode(received) + b"\n"
        self._lines.append(line)
        if self._file is not None:
            self._file.write(line)
        return received

    def lines(self) -> bytes:
        return b"".join(self._lines)

    def requests(self) -> Sequence[ReceivedRequest]:
        return [msgspec.json.decode(line, type=ReceivedRequest) for line in self._lines]

    def clear(self) -> None:
        """Forget the requests; the numbers go on, and the file keeps its lines."""
        self._lines.clear()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _credential(request: web.BaseRequest) -> str | None:
    if "api-key" in request.headers:
        return "api-key"
    return "bearer" if request.headers.get("authorization", "").lower().startswith("bearer ") else None


def _headers(request: web.BaseRequest) -> tuple[tuple[str, str], ...]:
    pairs = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers)
    return tuple((name, value) for name, value in pairs if name.lower() not in _SECRET_HEADERS)
