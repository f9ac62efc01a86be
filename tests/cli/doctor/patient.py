"""An installation to look over: storage on Azurite, the rest as a test wants it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from local.azurite import Azurite
from shared.adapters.blob_service import blob_service
from shared.adapters.system_clock import SystemClock
from shared.adapters.table_service import StorageSettings, table_service
from shared.cli.doctor.environment import Patient
from shared.settings import read_settings
from tests.adapters.credential import FakeCredential
from tests.fakes import FakeClock


@asynccontextmanager
async def patient(azurite: Azurite, **settings: str) -> AsyncIterator[Patient]:
    """Yield one with these settings, and those that are needed."""
    environment = {
        "AzureWebJobsStorage": azurite.connection_string,
        "AZURE_OPENAI_ENDPOINT": "https://contoso.openai.azure.com",
        **settings,
    }
    clock = SystemClock()
    storage = StorageSettings(connection_string=azurite.connection_string)
    async with AsyncExitStack() as stack:
        blobs = await stack.enter_async_context(blob_service(storage))
        yield Patient(
            settings=read_settings(environment),
            problems=(),
            clock=clock,
            tables=await stack.enter_async_context(table_service(storage)),
            blobs=blobs,
            log_blobs=blobs,
            session=await stack.enter_async_context(aiohttp.ClientSession()),
            credential=FakeCredential(FakeClock(clock.now())),
        )


@dataclass(slots=True)
class Answering:
    """A server that answers everything alike, and notes what it was shown."""

    status: int = 200
    body: str = "{}"
    shown: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        """Answer."""
        self.shown.append((request.path_qs, {name.lower(): value for name, value in request.headers.items()}))
        return web.Response(status=self.status, text=self.body, content_type="application/json")


@asynccontextmanager
async def answering(status: int = 200, body: str = "{}") -> AsyncIterator[tuple[Answering, str]]:
    """Yield one, and its URL."""
    server = Answering(status, body)
    application = web.Application()
    application.router.add_get("/{path:.*}", server.answer)
    async with TestServer(application, host="127.0.0.1") as running:
        yield server, str(running.make_url("")).rstrip("/")
