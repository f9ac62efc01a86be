"""
Log Analytics, by the Logs Ingestion API.

https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview
"""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

import aiohttp
import msgspec
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError

from shared.domain.errors import StorageNotAuthorized, StorageRejected, StorageUnavailable
from shared.domain.log_rows import LogValue

logger = logging.getLogger(__name__)

_API_VERSION = "2023-01-01"
_SCOPE = "https://monitor.azure.com/.default"
# Of one request, before it is compressed.
# https://learn.microsoft.com/azure/azure-monitor/service-limits#logs-ingestion-api
MAX_REQUEST_BYTES = 1_000_000
_ATTEMPTS = 5
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
_TIMEOUT = aiohttp.ClientTimeout(total=60)
_NOT_AUTHORIZED = frozenset({401, 403})
_TRANSIENT = frozenset({408, 429})


class LogIngestionApi:
    """Fulfils LogSink. The session and the credential are the bootstrap's, to open and to close."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        credential: AsyncTokenCredential,
        *,
        endpoint: str,
        rule_id: str,
        stream: str,
        jitter: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._session = session
        self._credential = credential
        self._url = f"{endpoint}/dataCollectionRules/{rule_id}/streams/{stream}?api-version={_API_VERSION}"
        self._jitter = jitter
        self._sleep = sleep

    async def send(self, rows: Sequence[dict[str, LogValue]]) -> None:
        """
        See LogSink.

        Raises:
            StorageUnavailable: throttled or down, for longer than is worth waiting here.
            StorageNotAuthorized: the identity lacks the role, or there is no token.
            StorageRejected: the rule does not take what is sent.
        """
        for body in _bodies(map(msgspec.json.encode, rows)):
            await self._post(await asyncio.to_thread(gzip.compress, body))

    async def _post(self, body: bytes) -> None:
        pause = _FIRST_PAUSE_SECONDS
        for attempt in range(_ATTEMPTS):
            if attempt:
                await self._sleep(pause * (1 + self._jitter()))
            wait = await self._try(body)
            if wait is None:
                return
            pause = min(max(wait, pause * 2), _LONGEST_PAUSE_SECONDS)
        raise StorageUnavailable("the Logs Ingestion API does not take rows now")

    async def _try(self, body: bytes) -> float | None:
        """Send a body; return None where it was taken, else for how many seconds to wait at least."""
        headers = {
            "authorization": f"Bearer {await self._token()}",
            "content-type": "application/json",
            "content-encoding": "gzip",
        }
        try:
            async with self._session.post(self._url, data=body, headers=headers, timeout=_TIMEOUT) as response:
                if response.status < 300:
                    return None
                if response.status in _NOT_AUTHORIZED:
                    raise StorageNotAuthorized(f"the Logs Ingestion API answered {response.status}: check the role")
                if response.status < 500 and response.status not in _TRANSIENT:
                    raise StorageRejected(f"the Logs Ingestion API answered {response.status}: {await _code(response)}")
                return _retry_after(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            # It may have been taken: then it is there twice.
            logger.info("export.logs_not_reached", extra={"reason": type(error).__name__})
            return 0.0

    async def _token(self) -> str:
        try:
            return (await self._credential.get_token(_SCOPE)).token
        except AzureError as error:
            raise StorageNotAuthorized("no token for the Logs Ingestion API") from error


def _bodies(rows: Iterable[bytes]) -> Iterator[bytes]:
    """Yield JSON arrays of the rows, each within the limit of a request."""
    batch: list[bytes] = []
    size = 0
    for row in rows:
        # The brackets, and a comma for each.
        if batch and size + len(row) + 1 > MAX_REQUEST_BYTES - 2:
            yield b"[" + b",".join(batch) + b"]"
            batch, size = [], 0
        batch.append(row)
        size += len(row) + 1
    if batch:
        yield b"[" + b",".join(batch) + b"]"


async def _code(response: aiohttp.ClientResponse) -> str:
    """Return the code of an error. Its message may quote a row."""
    try:
        return str((await response.json(content_type=None))["error"]["code"])[:80]
    except (ValueError, KeyError, TypeError):
        return "no code"


def _retry_after(response: aiohttp.ClientResponse) -> float:
    text = response.headers.get("retry-after", "")
    return float(text) if text.isdecimal() and len(text) < 6 else 0.0
