"""Issue gateway keys, list them, revoke them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from shared.domain.errors import KeyNotFound
from shared.domain.gateway_key import KEY_PREFIX, GatewayKey, hash_key, is_gateway_key, key_id
from shared.domain.principal import Principal
from shared.ports.clock import Clock
from shared.ports.principals import GatewayKeys

_RANDOM_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedKey:
    """A new key, and how we keep it. `secret` is what the caller sends; it exists nowhere else."""

    secret: str = field(repr=False)
    key: GatewayKey


class ManageKeys:
    """What an operator does with gateway keys."""

    def __init__(self, *, keys: GatewayKeys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    async def issue(self, principal: Principal, *, lifetime: timedelta | None = None) -> IssuedKey:
        """
        Return a new key that proves `principal`, for ever or for a `lifetime` from now.

        Raises:
            StorageError: no key was issued.
        """
        now = self._clock.now()
        secret = KEY_PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
        key_hash = hash_key(secret)
        key = GatewayKey(
            key_hash=key_hash,
            principal=replace(principal, key_id=key_id(key_hash)),
            issued_at=now,
            expires_at=now + lifetime if lifetime else None,
        )
        await self._keys.put(key)
        return IssuedKey(secret=secret, key=key)

    async def list_all(self) -> Sequence[GatewayKey]:
        """Return every key, oldest first, those that are no longer good too. Raises StorageError."""
        return await self._keys.all()

    async def revoke(self, unverified_id: str) -> GatewayKey:
        """
        Return the key of this id, revoked. One that was revoked before stays revoked since then.

        The start of an id is enough where only one key has it; a key itself, one that leaked say,
        names its id too. Workers notice within a minute.

        Raises:
            KeyNotFound: no key has this id, or more than one.
            StorageError: the key is not revoked.
        """
        key = _only_key(await self._keys.all(), unverified_id)
        if key.revoked_at is None:
            key = replace(key, revoked_at=self._clock.now())
            await self._keys.put(key)
        return key


def _only_key(keys: Sequence[GatewayKey], unverified_id: str) -> GatewayKey:
    # A key must not come back in an error message.
    start = key_id(hash_key(unverified_id)) if is_gateway_key(unverified_id) else unverified_id
    found = [key for key in keys if start and key.key_id.startswith(start)]
    if not found:
        raise KeyNotFound(f"no gateway key has the id {start!r}")
    if len(found) > 1:
        raise KeyNotFound(f"{len(found)} gateway keys have an id that begins with {start!r}: give the whole id")
    return found[0]
