"""`usage/openapi.json`: what the gateway answers itself, described as OpenAPI 3.1. It takes no credential."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from shared.web.errors import answering_errors

_FILE = Path(__file__).with_name("openapi.json")


class DescriptionEndpoint:
    """Serves the description, of this version."""

    def __init__(self, version: str) -> None:
        description = msgspec.json.decode(_FILE.read_bytes())
        description["info"]["version"] = version
        self._body = msgspec.json.encode(description)
        self._etag = f'"{hashlib.sha256(self._body).hexdigest()[:32]}"'

    @answering_errors
    async def __call__(self, request: Request) -> Response:
        headers = {"etag": self._etag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == self._etag:
            return Response(status_code=304, headers=headers)
        return Response(self._body, media_type="application/json", headers=headers)
