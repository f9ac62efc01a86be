"""`healthz`: whether this instance can do its job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from shared.web.errors import answering_errors


class HealthEndpoint:
    """Says that the settings are whole and the ledger's storage answers."""

    def __init__(self, check_storage: Callable[[], Awaitable[None]], version: str) -> None:
        self._check_storage = check_storage
        self._version = version

    @answering_errors
    async def __call__(self, request: Request) -> Response:  # noqa: ARG002 - an endpoint
        await self._check_storage()
        body = msgspec.json.encode({"status": "ok", "version": self._version})
        return Response(body, media_type="application/json", headers={"cache-control": "no-store"})
