"""A Table service on 127.0.0.1 that keeps rows as the real one does, and fails as it is told to."""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from aiohttp import web

_PART = re.compile(rb"(PUT|POST|DELETE) (\S+) HTTP/1\.1\r\n(?:[^\r\n]+\r\n)*\r\n(.*?)\r\n--changeset_", re.DOTALL)
_KEY = re.compile(r"(\w+)\(PartitionKey='(.*)',RowKey='(.*)'\)$")

Fault = Callable[[web.Request, Callable[[], web.StreamResponse]], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One write the server was asked to do."""

    method: str
    table: str
    partition_key: str
    row_key: str
    body: bytes


@dataclass(eq=False)
class ScriptedTables:
    """
    `faults` are used up one a request, in order; `refused` rows are refused every time.

    `transactions` lists what each request that wrote asked for, faulty ones included.
    """

    tables: set[str] = field(default_factory=lambda: {"usage", "opencalls", "unfolded"})
    rows: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    faults: deque[Fault] = field(default_factory=deque)
    refused: dict[str, tuple[int, str]] = field(default_factory=dict)
    names_index: bool = True
    answers_after_seconds: float = 0.0
    transactions: list[list[Operation]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    concurrent: int = 0
    most_concurrent: int = 0
    url: str = ""

    def row_keys(self, table: str) -> list[str]:
        """The rows of a table, sorted."""
        return sorted(row_key for name, _, row_key in self.rows if name == table)

    async def create_table(self, table: str) -> None:
        """What the SDK does, without it."""
        self.created.append(table)
        self.tables.add(table)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        path = request.raw_path.split("?")[0].removeprefix("/")
        is_batch = path == "$batch"
        operations = _operations(body) if is_batch else [_operation(request.method, path, body)]
        self.transactions.append(operations)
        self.headers.append(dict(request.headers))
        self.concurrent += 1
        self.most_concurrent = max(self.most_concurrent, self.concurrent)
        try:
            await asyncio.sleep(self.answers_after_seconds)
            fault = self.faults.popleft() if self.faults else _no_fault
            return await fault(request, lambda: self._apply(operations, is_batch=is_batch))
        finally:
            self.concurrent -= 1

    def _apply(self, operations: list[Operation], *, is_batch: bool) -> web.StreamResponse:
        for index, operation in enumerate(operations):
            if error := self._error(operation):
                return _refusal(error, index if self.names_index else None, is_batch=is_batch)
        for operation in operations:
            key = (operation.table, operation.partition_key, operation.row_key)
            if operation.method == "DELETE":
                del self.rows[key]
            else:
                self.rows[key] = json.loads(operation.body)
        return _accepted(len(operations)) if is_batch else web.Response(status=204)

    def _error(self, operation: Operation) -> tuple[int, str] | None:
        if operation.table not in self.tables:
            return 404, "TableNotFound"
        if operation.row_key in self.refused:
            return self.refused[operation.row_key]
        key = (operation.table, operation.partition_key, operation.row_key)
        if operation.method == "DELETE" and key not in self.rows:
            return 404, "ResourceNotFound"
        if operation.method == "POST" and key in self.rows:
            return 409, "EntityAlreadyExists"
        return None


@asynccontextmanager
async def scripted_tables() -> AsyncIterator[ScriptedTables]:
    """Yield a running server."""
    tables = ScriptedTables()
    app = web.Application(client_max_size=8 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", tables.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        tables.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield tables
    finally:
        await runner.cleanup()


def answers(status: int, code: str, *, retry_after: str | None = None) -> Fault:
    """Return a fault: nothing is done, and the answer is this error."""

    async def fault(request: web.Request, apply: Callable[[], web.StreamResponse]) -> web.StreamResponse:
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        return web.Response(status=status, headers=headers, body=_error_body(code, "it is so"))

    return fault


async def resets_connection(request: web.Request, apply: Callable[[], web.StreamResponse]) -> web.StreamResponse:
    """Do nothing and break the connection."""
    assert request.transport is not None
    request.transport.abort()
    raise ConnectionResetError


async def writes_and_says_nothing(request: web.Request, apply: Callable[[], web.StreamResponse]) -> web.StreamResponse:
    """Do it, and do not answer within any patience."""
    apply()
    await asyncio.sleep(60)
    raise ConnectionResetError


async def writes_and_cuts_answer(request: web.Request, apply: Callable[[], web.StreamResponse]) -> web.StreamResponse:
    """Do it, and answer with a part of the answer."""
    apply()
    return web.Response(status=202, body=b"--batchresponse_x\r\nContent-Type: multipart/mi")


async def _no_fault(request: web.Request, apply: Callable[[], web.StreamResponse]) -> web.StreamResponse:
    return apply()


def _operations(body: bytes) -> list[Operation]:
    return [_operation(part[1].decode(), part[2].decode(), part[3]) for part in _PART.finditer(body)]


def _operation(method: str, url: str, body: bytes) -> Operation:
    match = _KEY.search(unquote(url))
    if match is None:
        row = json.loads(body)
        return Operation(method, url.rsplit("/", 1)[-1], row["PartitionKey"], row["RowKey"], body)
    return Operation(method, match[1], match[2], match[3], body)


def _accepted(parts: int) -> web.Response:
    part = "--changesetresponse_x\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n"
    return web.Response(status=202, text=f"--batchresponse_x\r\n\r\n{part * parts}--batchresponse_x--\r\n")


def _refusal(error: tuple[int, str], index: int | None, *, is_batch: bool) -> web.Response:
    status, code = error
    if not is_batch:
        return web.Response(status=status, body=_error_body(code, "it is so"))
    body = _error_body(code, "it is so" if index is None else f"{index}:it is so").decode()
    return web.Response(status=202, text=f"--batchresponse_x\r\n\r\nHTTP/1.1 {status} No\r\n\r\n{body}\r\n")


def _error_body(code: str, message: str) -> bytes:
    return json.dumps({"odata.error": {"code": code, "message": {"lang": "en-US", "value": message}}}).encode()
