"""Our relay, as the product builds it, but that its ledger does nothing: what the ledger costs is the difference."""

from __future__ import annotations

import asyncio

import azure.functions as func
from azurefunctions.extensions.http.fastapi import Request, Response

from shared.bootstrap import App, build_app
from shared.domain.usage_record import OpenCall, UsageRecord
from shared.settings import read_settings
from shared.web.platform import mend_platform

mend_platform()

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

_building: asyncio.Task[App] | None = None


class NullLedger:
    """Fulfils UsageLedger, and writes nothing down."""

    async def begin(self, call: OpenCall) -> None:  # noqa: ARG002 - a ledger
        return None

    async def end(self, record: UsageRecord) -> None:  # noqa: ARG002 - a ledger
        return None

    async def abandon(self, record: UsageRecord) -> None:  # noqa: ARG002 - a ledger
        return None

    async def withdraw(self, record: UsageRecord) -> None:  # noqa: ARG002 - a ledger
        return None


@app.function_name("relay_call")
@app.route("openai/{*path}", methods=["POST"], trigger_arg_name="request")
async def relay_call(request: Request) -> Response:
    """Relay a call, and forget it."""
    return await (await _built()).relay_call(request)


async def _built() -> App:
    global _building
    if _building is None:
        _building = asyncio.create_task(build_app(read_settings(), ledger=NullLedger()))
    return await asyncio.shield(_building)
