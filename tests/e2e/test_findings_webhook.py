"""The app tells another system of a finding: stored, found and sent, over real storage and a real connection."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from local.azurite import Azurite
from shared.adapters.table_findings import TABLE as FINDINGS
from shared.adapters.table_service import StorageSettings, table_service
from shared.adapters.table_windows import TABLE as WINDOWS
from shared.bootstrap import build_app
from shared.domain.logs.keys import AUDIT_EVENTS_TABLE
from shared.domain.reconciliation.windows import open_windows
from shared.settings import read_settings
from shared.usecases import reconcile_usage

KEY = bytes(range(32))
LISTED = {
    "category": "Action",
    "operationName": "MICROSOFT.COGNITIVESERVICES/ACCOUNTS/LISTKEYS/ACTION",
    "resourceId": "/SUBSCRIPTIONS/S/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.COGNITIVESERVICES/ACCOUNTS/CONTOSO",
    "resultType": "Success",
    "callerIpAddress": "203.0.113.7",
    "correlationId": "c1",
    "identity": {"claims": {"http://schemas.microsoft.com/identity/claims/objectidentifier": "o1"}},
}


async def test_a_finding_is_told_once_signed(
    azurite: Azurite, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """From an event of the Activity Log to the message about it, as the timers run it."""
    monkeypatch.setattr(reconcile_usage, "open_windows", lambda now: open_windows(now)[:1])
    async with table_service(StorageSettings(connection_string=azurite.connection_string)) as service:
        for table in (WINDOWS, FINDINGS, AUDIT_EVENTS_TABLE):
            await service.delete_table(table)
    told: list[tuple[dict[str, str], bytes]] = []

    async def hook(request: web.Request) -> web.Response:
        told.append(({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        return web.Response(status=503 if len(told) == 1 else 204)

    receiver = web.Application()
    receiver.router.add_post("/hook", hook)
    async with TestServer(receiver) as server:
        app = await build_app(
            read_settings(
                {
                    "AzureWebJobsStorage": azurite.connection_string,
                    "AZURE_OPENAI_ENDPOINT": "https://contoso.openai.azure.com",
                    "FINDINGS_WEBHOOK_URL": str(server.make_url("/hook")),
                    "FINDINGS_WEBHOOK_SECRET": f"whsec_{base64.b64encode(KEY).decode()}",
                }
            )
        )
        try:
            line = {**LISTED, "time": (datetime.now(UTC) - timedelta(minutes=1)).isoformat()}
            await app.ingest_log_events("hub", [json.dumps({"records": [line]}).encode()])
            with caplog.at_level(logging.WARNING, logger="shared"):
                await app.reconcile_usage()
                await app.reconcile_usage()
        finally:
            await app.close()

    ((headers, body),) = told
    message = json.loads(body)
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    signature = base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{signature}"
    assert (message["type"], message["data"]["kind"]) == ("finding.opened", "keys_listed")
    assert message["data"]["evidence"][0]["caller_address"] == "203.0.113.7"
    # The second run leaves alone what is tried again in a minute.
    assert [record.message for record in caplog.records] == ["finding.opened"]
