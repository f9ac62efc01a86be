"""A Logs Ingestion API on this machine, which checks what Microsoft's documentation asks of a request.

https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview#rest-api-call and
https://learn.microsoft.com/azure/azure-monitor/service-limits#logs-ingestion-api
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

RULE_ID = "dcr-00000000000000000000000000000000"
STREAM = "Custom-AoaiUsage_CL"
_MEGABYTE = 1024 * 1024
# A value that is longer is cut off without a word.
_MAX_VALUE_BYTES = 64 * 1024


@dataclass(slots=True)
class Answer:
    """What it answers to one request, in place of taking it; `takes` says that it does that too."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    code: str = "Error"
    takes: bool = False


class LogsIngestion:
    """Takes rows of one rule. `answers` are played to the next requests, then it answers 204."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.sizes: list[int] = []
        self.tokens: list[str] = []
        self.answers: list[Answer] = []
        app = web.Application(client_max_size=4 * _MEGABYTE)
        app.router.add_post("/dataCollectionRules/{rule}/streams/{stream}", self._take)
        self.server = TestServer(app)

    @property
    def endpoint(self) -> str:
        return str(self.server.make_url("")).rstrip("/")

    async def _take(self, request: web.Request) -> web.Response:
        answer = self.answers.pop(0) if self.answers else None
        raw = await request.read()
        if answer is None or answer.takes:
            refused = self._refusal(request, raw) or self._keep(request, raw)
            if refused:
                return refused
        if answer is None:
            return web.Response(status=204)
        body = json.dumps({"error": {"code": answer.code, "message": "a row of yours: s3cret"}})
        return web.Response(status=answer.status, headers=answer.headers, text=body, content_type="application/json")

    def _refusal(self, request: web.Request, raw: bytes) -> web.Response | None:
        if (request.match_info["rule"], request.match_info["stream"]) != (RULE_ID, STREAM):
            return web.Response(status=404)
        if request.query.get("api-version") != "2023-01-01" or request.content_type != "application/json":
            return web.Response(status=400)
        if not request.headers.get("authorization", "").startswith("Bearer "):
            return web.Response(status=401)
        # aiohttp has undone the compression; the limit holds before and after.
        return web.Response(status=413) if len(raw) > _MEGABYTE else None

    def _keep(self, request: web.Request, raw: bytes) -> web.Response | None:
        data = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
        if len(data) > _MEGABYTE:
            return web.Response(status=413)
        rows = json.loads(data)
        if not isinstance(rows, list) or any(len(str(v).encode()) > _MAX_VALUE_BYTES for r in rows for v in r.values()):
            return web.Response(status=400)
        self.rows += rows
        self.sizes.append(len(data))
        self.tokens.append(request.headers["authorization"])
        return None
