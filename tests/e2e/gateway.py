"""The running gateway as tests use it: keys, tokens, and what the ledger says."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from local.stack import Stack, keep_key
from shared.adapters.table_service import StorageSettings, open_tables
from shared.adapters.table_usage_records import TableUsageRecords
from shared.domain.usage_record import UsageRecord
from shared.usecases.accept_finding import ACCEPT_ROLE
from shared.usecases.query_usage import READ_ALL_ROLE
from tests.adapters.entra import TENANT, Entra


class EntraAuthority:
    """A small Entra on a thread of its own, whose keys the app fetches."""

    tenant = TENANT

    def __init__(self, entra: Entra) -> None:
        self.entra = entra
        self.url = entra.authority

    def token(self, *, signed_with: str = "first", header: dict[str, Any] | None = None, **changes: Any) -> str:
        """Return a user's v1 token, valid but for the changes."""
        claims = self.entra.v1_claims(datetime.now(UTC), **changes)
        return self.entra.token(claims, signed_with=signed_with, **(header or {}))


@contextmanager
def entra_authority() -> Iterator[EntraAuthority]:
    """Run a small Entra until the context ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    entra = asyncio.run_coroutine_threadsafe(_started(), loop).result()
    try:
        yield EntraAuthority(entra)
    finally:
        asyncio.run_coroutine_threadsafe(entra.server.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _started() -> Entra:
    entra = Entra()
    await entra.server.start_server()
    return entra


@dataclass(slots=True)
class Gateway:
    """The app that runs, and a key of its own for every test that asks for one."""

    stack: Stack
    entra: EntraAuthority
    _keys: int = field(default=0)

    @property
    def url(self) -> str:
        return self.stack.url

    @property
    def connection_string(self) -> str:
        return self.stack.azurite.connection_string

    def new_key(self, *, reads_all: bool = False, accepts: bool = False) -> tuple[str, str]:
        """Return a fresh principal's name and its key: whose rows are only this test's."""
        self._keys += 1
        name = f"caller-{self._keys}"
        roles = frozenset([READ_ALL_ROLE] * reads_all + [ACCEPT_ROLE] * accepts)
        return name, keep_key(self.connection_string, name, roles=roles)

    def rows(self, object_id: str) -> list[UsageRecord]:
        """Return the rows of a principal, oldest first."""
        return [row for row in asyncio.run(self._all_rows()) if row.call.principal.object_id == object_id]

    async def _all_rows(self) -> list[UsageRecord]:
        now = datetime.now(UTC)
        async with open_tables(StorageSettings(connection_string=self.connection_string)) as tables:
            pages = TableUsageRecords(tables).between(now - timedelta(days=1), now + timedelta(days=1))
            return [row async for page in pages for row in page]
