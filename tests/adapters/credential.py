"""An Entra credential that asks nobody."""

from __future__ import annotations

import asyncio
from typing import Any

from azure.core.credentials import AccessToken

from tests.fakes import FakeClock


class FakeCredential:
    """Gives a new token each time, good for an hour. Set `failure` to have it raise that."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.asked: list[str] = []
        self.failure: Exception | None = None

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        await asyncio.sleep(0)
        self.asked += scopes
        if self.failure:
            raise self.failure
        return AccessToken(f"token{len(self.asked)}", int(self._clock.now().timestamp()) + 3600)

    async def close(self) -> None:
        """Nothing is open."""

    async def __aenter__(self) -> FakeCredential:
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Nothing is open."""
