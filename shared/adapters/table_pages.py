"""
Reads tables a page at a time, as JSON: for readers of many rows.

A page decoded into structs takes 1.5 µs of CPU a row; `python -m bench.query` says how many times as much
azure-data-tables takes (docs/decisions/0019-reports-read-rollups-and-the-rest.md).

https://learn.microsoft.com/rest/api/storageservices/query-entities
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol
from urllib.parse import quote

import aiohttp
from yarl import URL

from shared.adapters.table_authorization import Authorization, TableEndpoint, authorization
from shared.adapters.table_wire import API_VERSION, TABLE_NOT_FOUND, Refusal, read_answer
from shared.domain.errors import StorageNotAuthorized, StorageRejected, StorageUnavailable
from shared.ports.clock import Clock

logger = logging.getLogger(__name__)

# With the version of each row, and without the types of its columns.
_ACCEPT = "application/json;odata=minimalmetadata"
# Half as long. What wants no version reads this.
_ACCEPT_BARE = "application/json;odata=nometadata"
_ATTEMPT_SECONDS = 30.0
_TRIES = 4
_BACKOFF_SECONDS = 0.2
_NOT_AUTHORIZED = frozenset({401, 403})
# Requests under way at a time, of all that read.
_CONCURRENT_READS = 24

_NEVER = datetime.min.replace(tzinfo=UTC)
_CONTINUATIONS = ("NextPartitionKey", "NextRowKey")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRange:
    """
    Which rows of a table, and which of their columns; no columns are all.

    One `partition`, or those in [`partition_from`, `partition_before`); of these the rows in [`row_from`,
    `row_before`) and after `row_after`. Empty bounds bound nothing.
    """

    table: str
    partition: str = ""
    partition_from: str = ""
    partition_before: str = ""
    row_from: str = ""
    row_after: str = ""
    row_before: str = ""
    columns: Sequence[str] = ()
    with_versions: bool = False

    @property
    def filter(self) -> str:
        """The range as the service's query language has it."""
        terms = (
            ("PartitionKey eq", self.partition),
            ("PartitionKey ge", self.partition_from),
            ("PartitionKey lt", self.partition_before),
            ("RowKey ge", self.row_from),
            ("RowKey gt", self.row_after),
            ("RowKey lt", self.row_before),
        )
        return " and ".join(f"{term} '{key.replace(chr(39), chr(39) * 2)}'" for term, key in terms if key)


@dataclass(frozen=True, slots=True)
class Page:
    """A page: JSON whose `value` are rows; and when, by its own clock, the service gave it."""

    body: bytes
    served_at: datetime


class TablePages(Protocol):
    """Reads ranges of rows, in the order of their keys."""

    def pages(self, rows: RowRange) -> AsyncIterator[Page]:
        """
        Yield a range, a page at a time: one at least, also where there is no such table.

        Raises:
            StorageUnavailable, StorageRejected
        """
        ...


class HttpTablePages:
    """Fulfils TablePages. The session is the bootstrap's, to open and to close."""

    def __init__(
        self, endpoint: TableEndpoint, session: aiohttp.ClientSession, *, clock: Clock, jitter: Callable[[], float]
    ) -> None:
        """
        `jitter` returns numbers in [0, 1), as random.random.

        Raises:
            SettingsInvalid: the endpoint has nothing to sign with.
        """
        self._url = endpoint.url
        self._session = session
        self._jitter = jitter
        self._authorization: Authorization = authorization(endpoint, clock)
        self._slots = asyncio.Semaphore(_CONCURRENT_READS)

    async def pages(self, rows: RowRange) -> AsyncIterator[Page]:
        """See TablePages."""
        continuation: Mapping[str, str] = {}
        while True:
            answer = await self._read(rows, continuation)
            yield Page(answer.body, answer.served_at)
            continuation = answer.continuation
            if not continuation:
                return

    async def _read(self, rows: RowRange, continuation: Mapping[str, str]) -> _Answer:
        """Read a page, some times over where that may help."""
        tries = 0
        while True:
            tries += 1
            answer = await self._attempt(rows, continuation)
            refusal = answer.refusal
            if refusal is None:
                return answer
            may_help = refusal.is_transient or (refusal.status in _NOT_AUTHORIZED and self._authorization.renew())
            if not may_help or tries == _TRIES:
                raise _error(rows.table, refusal)
            await asyncio.sleep(_BACKOFF_SECONDS * 2**tries * self._jitter())

    async def _attempt(self, rows: RowRange, continuation: Mapping[str, str]) -> _Answer:
        try:
            async with self._slots, asyncio.timeout(_ATTEMPT_SECONDS):
                return await self._send(rows, continuation)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return _Answer(refusal=Refusal(status=0, code=type(error).__name__))

    async def _send(self, rows: RowRange, continuation: Mapping[str, str]) -> _Answer:
        path = f"{rows.table}()"
        signed = await self._authorization.headers(path)
        accept = _ACCEPT if rows.with_versions else _ACCEPT_BARE
        headers = {**signed, "x-ms-version": API_VERSION, "Accept": accept, "DataServiceVersion": "3.0"}
        url = URL(f"{self._url}/{path}{self._query(rows, continuation)}", encoded=True)
        async with self._session.get(url, headers=headers, allow_redirects=False) as response:
            body = await response.read()
        refusal = read_answer(response.status, body, 1)
        if refusal is not None and refusal.code == TABLE_NOT_FOUND:
            # Nothing has been written yet.
            refusal, body = None, b'{"value":[]}'
        return _Answer(
            body=body,
            refusal=refusal,
            served_at=parsedate_to_datetime(response.headers["Date"]),
            continuation={
                name: value for name in _CONTINUATIONS if (value := response.headers.get(f"x-ms-continuation-{name}"))
            },
        )

    def _query(self, rows: RowRange, continuation: Mapping[str, str]) -> str:
        options = {"$filter": rows.filter, "$select": ",".join(rows.columns), **continuation}
        given = [f"{name}={quote(value, safe='')}" for name, value in options.items() if value]
        if self._authorization.query:
            given.append(self._authorization.query)
        return "?" + "&".join(given) if given else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    body: bytes = b""
    refusal: Refusal | None = None
    served_at: datetime = _NEVER
    continuation: Mapping[str, str] = field(default_factory=dict)


def _error(table: str, refusal: Refusal) -> StorageUnavailable | StorageRejected:
    message = f"table {table!r} cannot be read: {refusal}"
    if refusal.status in _NOT_AUTHORIZED:
        return StorageNotAuthorized(message)
    return StorageUnavailable(message) if refusal.is_transient else StorageRejected(message)
