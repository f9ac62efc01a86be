"""A simulated Azure Resource Manager: answers as its documentation shows them, with ids that are nobody's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000001"
RESOURCE = f"{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/contoso"


def account(*, keys_work: bool) -> dict[str, Any]:
    """
    Return an account.

    https://learn.microsoft.com/rest/api/aiservices/accountmanagement/accounts/get
    """
    return {
        "id": RESOURCE,
        "name": "contoso",
        "kind": "OpenAI",
        "location": "swedencentral",
        "properties": {
            "customSubDomainName": "contoso",
            "endpoint": "https://contoso.openai.azure.com/",
            "endpoints": {"OpenAI Language Model Instance API": "https://contoso.openai.azure.com/"},
            "provisioningState": "Succeeded",
            "publicNetworkAccess": "Enabled",
            **({} if keys_work else {"disableLocalAuth": True}),
        },
    }


def diagnostic_setting(*logs: dict[str, Any], to: str = "storageAccountId") -> dict[str, Any]:
    """
    Return a diagnostic setting.

    https://learn.microsoft.com/rest/api/monitor/diagnostic-settings/list
    """
    return {
        "id": f"{RESOURCE}/providers/microsoft.insights/diagnosticSettings/aoai-ledger",
        "name": "aoai-ledger",
        "type": "Microsoft.Insights/diagnosticSettings",
        "properties": {
            "storageAccountId": None,
            "workspaceId": None,
            "eventHubAuthorizationRuleId": None,
            to: f"{SUBSCRIPTION}/something",
            "metrics": [],
            "logs": [{"retentionPolicy": {"enabled": False, "days": 0}, **log} for log in logs],
        },
    }


class SimulatedArm:
    """What it has, and what it was asked: each path, and what it was shown."""

    def __init__(self) -> None:
        self.accounts = [account(keys_work=False)]
        self.settings: list[dict[str, Any]] = []
        self.status = 200
        self.asked: list[tuple[str, str]] = []
        self.next_link: str | None = None

    async def answer(self, request: web.Request) -> web.Response:
        """Answer as ARM does."""
        self.asked.append((request.path, request.headers.get("authorization", "")))
        if self.status != 200:
            error = {"error": {"code": "AuthorizationFailed", "message": "no"}}
            return web.json_response(error, status=self.status)
        return web.json_response(self._body(request))

    def _body(self, request: web.Request) -> dict[str, Any]:
        path = request.path.lower()
        if path == "/subscriptions":
            return self._page([{"id": SUBSCRIPTION}], request)
        if path.endswith("/diagnosticsettings"):
            return {"value": self.settings}
        if path.endswith("/providers/microsoft.cognitiveservices/accounts"):
            return {"value": self.accounts}
        return self.accounts[0]

    def _page(self, value: list[dict[str, Any]], request: web.Request) -> dict[str, Any]:
        if self.next_link and "skip" not in request.query:
            return {"value": [], "nextLink": self.next_link}
        return {"value": value}


@asynccontextmanager
async def simulated_arm() -> AsyncIterator[tuple[SimulatedArm, str]]:
    """Yield one, and its URL."""
    arm = SimulatedArm()
    application = web.Application()
    application.router.add_get("/{path:.*}", arm.answer)
    async with TestServer(application, host="127.0.0.1") as server:
        yield arm, str(server.make_url("")).rstrip("/")
