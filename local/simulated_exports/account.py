"""The exports of the one resource that `make run` simulates, to its storage emulator."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from local.simulated_exports.exports import SimulatedExports
from local.simulated_exports.lateness import Lateness
from local.simulated_exports.resource import Resource
from shared.adapters.blob_service import blob_service
from shared.adapters.system_clock import SystemClock
from shared.adapters.table_service import StorageSettings

SIMULATED_RESOURCE = Resource(
    id="/subscriptions/0a000000-0000-4000-8000-000000000001/resourceGroups/rg-local"
    "/providers/Microsoft.CognitiveServices/accounts/simulated"
)


@asynccontextmanager
async def running_exports(
    connection_string: str, chance: random.Random, lateness: Lateness
) -> AsyncIterator[SimulatedExports]:
    """Write exports to a storage account until the context ends, and then what is left of them."""
    async with blob_service(StorageSettings(connection_string=connection_string)) as storage:
        exports = SimulatedExports(storage, SIMULATED_RESOURCE, clock=SystemClock(), chance=chance, lateness=lateness)
        async with exports.running():
            yield exports
