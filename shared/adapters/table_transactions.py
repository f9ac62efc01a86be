"""Sends hand-written transactions to the Table service, and again for as long as the caller has patience."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from uuid import uuid4

import aiohttp
from yarl import URL

from shared.adapters.table_authorization import Authorization, TableEndpoint, authorization
from shared.adapters.table_service import storage_errors
from shared.adapters.table_wire import (
    API_VERSION,
    TABLE_NOT_FOUND,
    Refusal,
    TableRequest,
    TableWrite,
    read_answer,
    write_request,
)
from shared.domain.errors import StorageNotAuthorized, StorageUnavailable
from shared.ports.clock import Clock

logger = logging.getLogger(__name__)

_ATTEMPT_SECONDS = 4.0
_BACKOFF_SECONDS = 0.1
_LONGEST_BACKOFF_SECONDS = 3.0
_DOUBLINGS = 5
_NOT_AUTHORIZED = frozenset({401, 403})
_ROLE = "Storage Table Data Contributor"


class TableTransactions:
    """
    Does several writes of one partition, all or none.

    Every TableWrite may be done twice, so what timed out or broke off, done or not, is simply
    sent again.
    """

    def __init__(
        self,
        endpoint: TableEndpoint,
        session: aiohttp.ClientSession,
        *,
        create_table: Callable[[str], Awaitable[object]],
        clock: Clock,
        jitter: Callable[[], float],
        attempt_seconds: float = _ATTEMPT_SECONDS,
    ) -> None:
        """
        Take the session, which the bootstrap closes, and what creates a table that is not there yet.

        `jitter` returns numbers in [0, 1), as random.random.

        Raises:
            SettingsInvalid: the endpoint has nothing to sign with.
        """
        self._url = endpoint.url
        self._session = session
        self._create_table = create_table
        self._jitter = jitter
        self._attempt_seconds = attempt_seconds
        self._authorization: Authorization = authorization(endpoint, clock)
        self._query = f"?{self._authorization.query}" if self._authorization.query else ""

    async def commit(self, table: str, writes: Sequence[TableWrite], *, deadline: float) -> Refusal | None:
        """
        Return None when all writes are durable, or what the service has against one of them.

        Tries until `deadline`, in the event loop's time. Writes: at most 100 and 4 MiB, of one
        partition, each of another row.

        Raises:
            StorageUnavailable: it could not be done in time. It may have been done all the same.
            StorageNotAuthorized: the service does not accept our credential.
        """
        request = write_request(self._url, table, writes, uuid4().hex)
        tries, may_renew = 0, True
        while True:
            refusal = await self._attempt(request, len(writes), deadline)
            if refusal is None:
                return None
            if refusal.status in _NOT_AUTHORIZED:
                if not (may_renew and self._authorization.renew()):
                    raise StorageNotAuthorized(f"storage refuses our credential ({refusal}); it needs {_ROLE!r}")
                may_renew = False
            elif not refusal.is_transient:
                return refusal
            tries += 1
            await self._prepare_again(table, refusal, tries, deadline)

    async def _attempt(self, request: TableRequest, writes: int, deadline: float) -> Refusal | None:
        try:
            async with asyncio.timeout_at(min(deadline, _time() + self._attempt_seconds)):
                return await self._send(request, writes)
        except (aiohttp.ClientError, OSError) as error:
            return Refusal(status=0, code=type(error).__name__)

    async def _send(self, request: TableRequest, writes: int) -> Refusal | None:
        signed = await self._authorization.headers(request.path)
        async with self._session.request(
            request.method,
            # The signature covers the path as it is: nobody may encode it anew.
            URL(f"{self._url}/{request.path}{self._query}", encoded=True),
            data=request.body or None,
            headers={**request.headers, **signed, "x-ms-version": API_VERSION},
            allow_redirects=False,
        ) as response:
            body = await response.read()
        refusal = read_answer(response.status, body, writes)
        if refusal is None:
            return None
        return replace(refusal, retry_after_seconds=_retry_after(response.headers.get("Retry-After")))

    async def _prepare_again(self, table: str, refusal: Refusal, tries: int, deadline: float) -> None:
        """Wait as long as is due. Raises StorageUnavailable where that is longer than the caller waits."""
        backoff = min(_LONGEST_BACKOFF_SECONDS, _BACKOFF_SECONDS * 2 ** min(tries - 1, _DOUBLINGS))
        delay = max(refusal.retry_after_seconds, backoff * self._jitter())
        if _time() + delay >= deadline:
            raise StorageUnavailable(f"table {table!r} cannot be written: {refusal}, {tries} tries")
        if refusal.code == TABLE_NOT_FOUND and tries == 1:
            # The first write to a new account; nothing to be warned of.
            await self._create(table, deadline)
            return
        extra = {"table": table, "status": refusal.status, "code": refusal.code, "tries": tries}
        logger.warning("storage.write_retried", extra=extra)
        if refusal.code == TABLE_NOT_FOUND:
            await self._create(table, deadline)
        await asyncio.sleep(delay)

    async def _create(self, table: str, deadline: float) -> None:
        try:
            async with asyncio.timeout_at(deadline):
                with storage_errors(f"creating table {table!r}"):
                    await self._create_table(table)
        except TimeoutError as error:
            raise StorageUnavailable(f"table {table!r} cannot be created in time") from error


def _time() -> float:
    return asyncio.get_running_loop().time()


def _retry_after(value: str | None) -> float:
    # Storage sends seconds; the header's other form, a date, would be for a pause longer than our patience.
    return float(value) if value is not None and value.isdecimal() else 0.0
