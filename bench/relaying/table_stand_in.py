"""
Stands in for the Table service where Azurite would be the bottleneck: rows in memory, no checks of who asks.

It answers inserts, upserts, merges, deletes, transactions of them (all or none), one row, and all rows of a table
whatever the filter. It takes every If-Match, and a table is there once somebody writes to it. What it cannot prove
is proved on Azurite, by the tests.

    python -m bench.relaying.table_stand_in

`GET /$stand-in` says what it was asked so far; `POST /$stand-in/MS` has it answer that many ms late from now on.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

import msgspec

from bench.relaying.raw_server import answer, serve

CONTROL = "/$stand-in"

_ACCOUNT_KEY = "c3RhbmQtaW4="
_OPEN_CALLS = b"opencalls"
_USAGE = b"usage"
# What the row keys of workers and sweepers begin with.
_NO_CALL = b"RowKey='~"
_WRITTEN = answer("204 No Content")
_CHANGESET = b"--changeset_"


class Counts(msgspec.Struct):
    """What the stand-in holds, and has been asked to write. A transaction is a request, of however many operations."""

    transactions: int = 0
    operations: int = 0
    usage_rows: int = 0
    open_calls: int = 0


def connection_string(url: str) -> str:
    """Return what the app takes for a storage account."""
    return f"DefaultEndpointsProtocol=http;AccountName=standin;AccountKey={_ACCOUNT_KEY};TableEndpoint={url};"


def main() -> None:
    """Serve until SIGTERM."""
    serve(StandIn().answer)


@dataclass(frozen=True, slots=True)
class _Write:
    """One operation: `key` is what stands behind the table's name in a URL."""

    method: bytes
    table: bytes
    key: bytes
    body: bytes


class _Refused(Exception):
    """A write cannot be done: its place in the transaction, status and code."""

    def __init__(self, index: int, status: str, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.body = msgspec.json.encode({"odata.error": {"code": code, "message": {"value": f"{index}:{code}"}}})


class StandIn:
    """The tables: rows as they were sent, by table and by key."""

    def __init__(self) -> None:
        self._tables: dict[bytes, dict[bytes, tuple[bytes, str]]] = defaultdict(dict)
        self._counts = Counts()
        self._delay_seconds = 0.0

    def answer(self, method: bytes, target: bytes, body: bytes, transport: asyncio.Transport) -> None:
        """Answer a request, late where that is asked for."""
        whole = self._answer(method, target.partition(b"?")[0].removeprefix(b"/"), body)
        if self._delay_seconds:
            asyncio.get_running_loop().call_later(self._delay_seconds, transport.write, whole)
        else:
            transport.write(whole)

    def _answer(self, method: bytes, path: bytes, body: bytes) -> bytes:
        if path.startswith(CONTROL[1:].encode()):
            return self._control(path.rpartition(b"/")[2])
        if path == b"Tables":
            return answer("200 OK", b'{"value":[]}') if method == b"GET" else answer("201 Created", body)
        if method == b"GET":
            return self._read(path)
        if path == b"$batch":
            return self._transact(_writes(body))
        return self._write_alone(_write(method, path, body))

    def _control(self, delay_ms: bytes) -> bytes:
        if delay_ms.isdigit():
            self._delay_seconds = int(delay_ms) / 1000
        self._counts.usage_rows = len(self._tables[_USAGE])
        self._counts.open_calls = sum(_NO_CALL not in key for key in self._tables[_OPEN_CALLS])
        return answer("200 OK", msgspec.json.encode(self._counts))

    def _read(self, path: bytes) -> bytes:
        table, key = _table_and_key(path)
        rows = self._tables[table]
        if key in {b"", b"()"}:
            return answer("200 OK", b'{"value":[%b]}' % b",".join(_shown(*row) for row in rows.values()))
        if key not in rows:
            return answer("404 Not Found", _Refused(0, "404 Not Found", "ResourceNotFound").body)
        return answer("200 OK", _shown(*rows[key]))

    def _write_alone(self, write: _Write) -> bytes:
        try:
            self._apply([write])
        except _Refused as refused:
            return answer(refused.status, refused.body)
        return _WRITTEN

    def _transact(self, writes: list[_Write]) -> bytes:
        try:
            self._apply(writes)
        except _Refused as refused:
            return _changeset_answer(f"HTTP/1.1 {refused.status}\r\n\r\n".encode() + refused.body)
        return _changeset_answer(*[b"HTTP/1.1 204 No Content\r\n\r\n"] * len(writes))

    def _apply(self, writes: list[_Write]) -> None:
        self._counts.transactions += 1
        self._counts.operations += len(writes)
        for index, write in enumerate(writes):
            self._check(index, write)
        now = datetime.now(UTC).isoformat()
        for write in writes:
            rows = self._tables[write.table]
            if write.method == b"DELETE":
                del rows[write.key]
            elif write.method in {b"MERGE", b"PATCH"}:
                rows[write.key] = (_merged(rows.get(write.key, (b"{}", ""))[0], write.body), now)
            else:
                rows[write.key] = (write.body, now)

    def _check(self, index: int, write: _Write) -> None:
        is_there = write.key in self._tables[write.table]
        if write.method == b"DELETE" and not is_there:
            raise _Refused(index, "404 Not Found", "ResourceNotFound")
        if write.method == b"POST" and is_there:
            raise _Refused(index, "409 Conflict", "EntityAlreadyExists")


def _writes(body: bytes) -> list[_Write]:
    """Return the operations of a transaction; the first part is its head, the last its end."""
    return [_write(*_part(part)) for part in body.split(_CHANGESET)[1:-1]]


def _part(part: bytes) -> tuple[bytes, bytes, bytes]:
    head, _, body = part.partition(b"\r\n\r\n")[2].partition(b"\r\n\r\n")
    method, url, _ = head.split(b" ", 2)
    return method, url.rpartition(b"/")[2], body.removesuffix(b"\r\n")


def _write(method: bytes, path: bytes, body: bytes) -> _Write:
    table, key = _table_and_key(path)
    return _Write(method, table, key or _key(body), body)


def _table_and_key(path: bytes) -> tuple[bytes, bytes]:
    table, bracket, key = path.partition(b"(")
    return table, bracket + key


def _key(body: bytes) -> bytes:
    row = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    partition_key, row_key = (
        quote(msgspec.json.decode(row[name], type=str).replace("'", "''"), safe="")
        for name in ("PartitionKey", "RowKey")
    )
    return f"(PartitionKey='{partition_key}',RowKey='{row_key}')".encode()


def _merged(old: bytes, new: bytes) -> bytes:
    return msgspec.json.encode(msgspec.json.decode(old) | msgspec.json.decode(new))


def _shown(body: bytes, written_at: str) -> bytes:
    meta = f'"odata.etag":"W/\\"{written_at}\\"","Timestamp":"{written_at}"'.encode()
    return b"{%b,%b" % (meta, body.lstrip()[1:])


def _changeset_answer(*parts: bytes) -> bytes:
    head = b"--changesetresponse_x\r\nContent-Type: application/http\r\n\r\n"
    changeset = b"".join(head + part + b"\r\n" for part in parts)
    body = (
        b"--batchresponse_x\r\nContent-Type: multipart/mixed; boundary=changesetresponse_x\r\n\r\n"
        b"%b--changesetresponse_x--\r\n--batchresponse_x--\r\n" % changeset
    )
    return answer("202 Accepted", body, "multipart/mixed; boundary=batchresponse_x")


if __name__ == "__main__":
    main()
