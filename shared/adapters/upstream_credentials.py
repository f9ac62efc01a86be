"""What we show Azure OpenAI: a key, a token of our managed identity, or nothing of our own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError

from shared.adapters.entra_token_source import EntraTokenSource
from shared.domain.errors import UpstreamNotAuthorized
from shared.ports.clock import Clock


class UpstreamCredential(Protocol):
    """Gives the headers that authenticate us."""

    async def headers(self) -> Sequence[tuple[str, str]]:
        """Return the headers to add. Raises UpstreamNotAuthorized."""
        ...


class ApiKey:
    """A key of the Azure OpenAI resource."""

    def __init__(self, key: str) -> None:
        self._headers = (("api-key", key),)

    async def headers(self) -> Sequence[tuple[str, str]]:
        return self._headers


class CallersOwn:
    """Nothing of ours: the caller's own credentials go upstream (`UPSTREAM_AUTH=caller`)."""

    async def headers(self) -> Sequence[tuple[str, str]]:
        return ()


class EntraToken:
    """A token of our identity."""

    def __init__(self, credential: AsyncTokenCredential, scope: str, clock: Clock) -> None:
        self._tokens = EntraTokenSource(credential, scope, clock)

    async def headers(self) -> Sequence[tuple[str, str]]:
        try:
            return (("authorization", f"Bearer {await self._tokens.get()}"),)
        except AzureError as error:
            raise UpstreamNotAuthorized("no token for Azure OpenAI could be had for the app's identity") from error
