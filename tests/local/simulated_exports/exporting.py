"""A simulated resource that exports to Azurite, and what the product's own reader makes of it."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from local.azurite import Azurite
from local.simulated_exports import (
    ExportedBlob,
    Forms,
    Lateness,
    Resource,
    ServedCall,
    SimulatedExports,
    TokenCounts,
)
from shared.domain.logs.reading import Ingested, LogBlob
from tests.fakes import FakeClock
from tests.usecases.ingesting import LogAccount, log_account

_RESOURCE = "/subscriptions/{}/resourcegroups/rg/providers/microsoft.cognitiveservices/accounts/models-east"


class Exporting:
    """Exports of a resource that no other test has, of a subscription of its own, by a clock that stands still."""

    def __init__(self, account: LogAccount, *, seed: int, lateness: Lateness | None, forms: Forms | None) -> None:
        self.account = account
        self.clock = FakeClock()
        self.chance = random.Random(seed)
        self.resource = Resource(id=account.resource)
        self.exports = SimulatedExports(
            account.service,
            self.resource,
            clock=self.clock,
            chance=self.chance,
            lateness=lateness,
            forms=forms,
        )

    def served(self, number: int, **changes: Any) -> ServedCall:
        """Return the call of this number, made now."""
        changes = {"tokens": TokenCounts(prompt=2000 + number, cached=1024, completion=number)} | changes
        return ServedCall(correlation_id=f"c-{number:04}", requested_at=self.clock.now(), **changes)

    async def ingest(self) -> Ingested:
        """Read all blobs as the timer does, to their last whole lines."""
        read = self.account.ingest()
        done = Ingested()
        for blob in self.exports.blobs:
            done += await read(LogBlob(account=self.account.blobs.account, container=blob.container, name=blob.name))
        return done

    async def content(self, blob: ExportedBlob) -> bytes:
        client = self.account.service.get_blob_client(blob.container, blob.name)
        return await (await client.download_blob()).readall()

    async def lines(self, container: str) -> list[bytes]:
        """Return the lines written so far to all blobs of a container."""
        blobs = [blob for blob in self.exports.blobs if blob.container == container]
        return [line for blob in blobs for line in (await self.content(blob)).splitlines()]

    async def counts(self) -> Counter[str]:
        """Return how many rows each table has of the resource."""
        tables = ("servicecalls", "auditevents", "metrics", "otherlogs")
        return Counter({table: len(await self.account.rows(table)) for table in tables})


@asynccontextmanager
async def exporting(
    azurite: Azurite, *, seed: int = 7, lateness: Lateness | None = None, forms: Forms | None = None
) -> AsyncIterator[Exporting]:
    async with log_account(azurite) as account:
        # The Activity Log is its subscription's.
        account.resource = _RESOURCE.format(uuid.uuid4())
        yield Exporting(account, seed=seed, lateness=lateness, forms=forms)
