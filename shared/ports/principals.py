"""What proves a principal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from shared.domain.gateway_key import GatewayKey
from shared.domain.principal import VerifiedClaims


class GatewayKeys(Protocol):
    """Keeps gateway keys, hashed."""

    async def find(self, key_hash: str) -> GatewayKey | None:
        """Return the key with this hash. Raises StorageError."""
        ...

    async def put(self, key: GatewayKey) -> None:
        """Keep a key, or keep it changed. Raises StorageError."""
        ...

    async def mark_used(self, key_hash: str, used_at: datetime) -> None:
        """Keep when a key was last used, and change nothing else of it. Raises StorageError."""
        ...

    async def all(self) -> Sequence[GatewayKey]:
        """Return every key, oldest first. Raises StorageError."""
        ...


class TokenVerifier(Protocol):
    """Checks Entra access tokens."""

    async def verify(self, unverified_token: str) -> VerifiedClaims:
        """
        Return the claims of a token whose signature, issuer, audience and times are right.

        Raises:
            PrincipalNotProved: the token proves nothing; the message says why.
            KeysUnavailable: the signing keys cannot be had.
        """
        ...
