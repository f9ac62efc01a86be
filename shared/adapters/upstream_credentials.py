"""What we show Azure OpenAI: a key, a token of our managed identity, or nothing of our own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError

from shared.domain.errors import UpstreamNotAuthorized
from shared.ports import Clock

logger = logging.getLogger(__name__)

# Entra tokens of a managed identity live for a day, others for an hour or so; a new one
# is asked for this long before the old one ends, while calls go on with the old.
REFRESH_AHEAD_SECONDS = 600


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
    """A token of our identity, kept, and renewed before it ends."""

    def __init__(self, credential: AsyncTokenCredential, scope: str, clock: Clock) -> None:
        self._credential = credential
        self._scope = scope
        self._clock = clock
        self._token: AccessToken | None = None
        self._renewal: asyncio.Task[AccessToken] | None = None

    async def headers(self) -> Sequence[tuple[str, str]]:
        token = self._token
        seconds_left = token.expires_on - self._clock.now().timestamp() if token else 0.0
        if token is None or seconds_left <= 0:
            token = await asyncio.shield(self._renew())
        elif seconds_left < REFRESH_AHEAD_SECONDS:
            self._renew()
        return (("authorization", f"Bearer {token.token}"),)

    def _renew(self) -> asyncio.Task[AccessToken]:
        """Return the one renewal under way; the first to need it starts it."""
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._get_token())
            self._renewal.add_done_callback(_log_failure)
        return self._renewal

    async def _get_token(self) -> AccessToken:
        try:
            self._token = await self._credential.get_token(self._scope)
        except AzureError as error:
            raise UpstreamNotAuthorized("no token for Azure OpenAI could be had for the app's identity") from error
        return self._token


def _log_failure(renewal: asyncio.Task[AccessToken]) -> None:
    # Also marks the failure as seen: while the old token lasts nobody awaits a renewal.
    if not renewal.cancelled() and (error := renewal.exception()):
        logger.warning("upstream_token.not_renewed", extra={"reason": type(error.__cause__ or error).__name__})
