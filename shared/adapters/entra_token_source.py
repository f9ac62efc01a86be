"""Tokens of our own identity: kept, and renewed before they end while calls go on with the old one."""

from __future__ import annotations

import asyncio
import logging

from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError

from shared.ports.clock import Clock

logger = logging.getLogger(__name__)

# Tokens of a managed identity live for a day, others for an hour or so.
RENEW_AHEAD_SECONDS = 600
# A renewal that failed is not tried again by each of the calls of the next moment.
_PAUSE_SECONDS = 15


class EntraTokenSource:
    """One scope's token. Many may ask at once; one renewal is under way at most."""

    def __init__(self, credential: AsyncTokenCredential, scope: str, clock: Clock) -> None:
        self._credential = credential
        self._scope = scope
        self._clock = clock
        self._token: AccessToken | None = None
        self._renewal: asyncio.Task[AccessToken] | None = None
        self._failed_at: float | None = None

    async def get(self) -> str:
        """
        Return a token that has not ended.

        Raises:
            AzureError: there is none, and none can be had just now.
        """
        token = self._token
        seconds_left = token.expires_on - self._clock.now().timestamp() if token else 0.0
        if token is None or seconds_left <= 0:
            token = await asyncio.shield(self._renew())
        elif seconds_left < RENEW_AHEAD_SECONDS and not self._is_pausing():
            self._renew()
        return token.token

    def forget(self) -> bool:
        """Forget a token that was not accepted; return whether there was one."""
        had_one, self._token = self._token is not None, None
        return had_one

    def _is_pausing(self) -> bool:
        return self._failed_at is not None and self._clock.monotonic() < self._failed_at + _PAUSE_SECONDS

    def _renew(self) -> asyncio.Task[AccessToken]:
        """Return the one renewal under way; the first to need it starts it."""
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._get_token())
            # Marks a failure as seen: while the old token lasts nobody awaits a renewal.
            self._renewal.add_done_callback(lambda renewal: renewal.cancelled() or renewal.exception())
        return self._renewal

    async def _get_token(self) -> AccessToken:
        try:
            token = await self._credential.get_token(self._scope)
        except AzureError as error:
            self._failed_at = self._clock.monotonic()
            logger.warning("token.not_renewed", extra={"scope": self._scope, "reason": type(error).__name__})
            raise
        self._failed_at = None
        self._token = token
        return token
