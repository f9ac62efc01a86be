"""Azure Resource Manager, as far as it says how an Azure OpenAI resource is set up. It only reads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError

from shared.domain.errors import UpstreamNotAuthorized, UpstreamUnreachable

# Where each cloud's is, by what the hosts of its Azure OpenAI end in.
# https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure#guidance-for-developers
_ENDPOINTS = {".azure.us": "https://management.usgovcloudapi.net", ".azure.cn": "https://management.chinacloudapi.cn"}
_PUBLIC = "https://management.azure.com"

_SUBSCRIPTIONS_API = "2022-12-01"
_ACCOUNTS_API = "2024-10-01"
_DIAGNOSTICS_API = "2021-05-01-preview"
# A login that sees more than this names the resource.
_MAX_PAGES = 50


@dataclass(frozen=True, slots=True)
class ArmAnswer:
    """An answer: its status, and what it says; nothing where it is no JSON object."""

    status: int
    body: Mapping[str, Any]


class AzureResourceManager:
    """Asks with an identity. Session and credential are whoever's opened them, to close."""

    def __init__(self, session: aiohttp.ClientSession, credential: AsyncTokenCredential, endpoint: str) -> None:
        """`endpoint` is that of the cloud: see `endpoint_for`."""
        self._session = session
        self._credential = credential
        self._endpoint = endpoint

    async def account(self, resource_id: str) -> ArmAnswer:
        """Return an Azure OpenAI resource. Raises UpstreamError."""
        return await self._get(f"{self._endpoint}{resource_id}?api-version={_ACCOUNTS_API}")

    async def diagnostic_settings(self, resource_id: str) -> ArmAnswer:
        """Return the diagnostic settings of a resource. Raises UpstreamError."""
        path = f"{resource_id}/providers/Microsoft.Insights/diagnosticSettings"
        return await self._get(f"{self._endpoint}{path}?api-version={_DIAGNOSTICS_API}")

    async def find_account(self, host: str) -> Mapping[str, Any] | None:
        """Return the resource that answers at a host, of those that the identity may see. Raises UpstreamError."""
        async for subscription in self._all(f"/subscriptions?api-version={_SUBSCRIPTIONS_API}"):
            path = f"{subscription.get('id', '')}/providers/Microsoft.CognitiveServices/accounts"
            async for account in self._all(f"{path}?api-version={_ACCOUNTS_API}"):
                if host in _hosts(account):
                    return account
        return None

    async def _all(self, path: str) -> AsyncIterator[Mapping[str, Any]]:
        url: Any = f"{self._endpoint}{path}"
        for _ in range(_MAX_PAGES):
            answer = await self._get(url)
            for each in answer.body.get("value", ()):
                if isinstance(each, dict):
                    yield each
            url = answer.body.get("nextLink")
            # To anywhere else our token must not go.
            if not isinstance(url, str) or not url.startswith(f"{self._endpoint}/"):
                return

    async def _get(self, url: str) -> ArmAnswer:
        try:
            token = await self._credential.get_token(f"{self._endpoint}/.default")
        except AzureError as error:
            raise UpstreamNotAuthorized("no token for Azure Resource Manager could be had") from error
        headers = {"authorization": f"Bearer {token.token}"}
        try:
            async with self._session.get(url, headers=headers, allow_redirects=False) as response:
                return ArmAnswer(response.status, _object(await response.read()))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UpstreamUnreachable("Azure Resource Manager cannot be reached") from error


def endpoint_for(azure_openai_host: str) -> str:
    """Return the endpoint of the cloud that a host of Azure OpenAI is in."""
    return next((url for ending, url in _ENDPOINTS.items() if azure_openai_host.endswith(ending)), _PUBLIC)


def _object(data: bytes) -> Mapping[str, Any]:
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}


def _hosts(account: Mapping[str, Any]) -> set[str]:
    """Return every host that a resource answers at."""
    properties = account.get("properties")
    if not isinstance(properties, dict):
        return set()
    endpoints = properties.get("endpoints")
    urls = [properties.get("endpoint"), *(endpoints.values() if isinstance(endpoints, dict) else ())]
    return {urlsplit(url).hostname or "" for url in urls if isinstance(url, str)}
