"""Gateway keys: what we give a caller that cannot bring an Entra token."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.domain.principal import Principal

KEY_PREFIX = "aoai-"
_ID_LENGTH = 12


class KeyState(StrEnum):
    """What has become of a key."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayKey:
    """A key as we keep it: its hash, never itself."""

    key_hash: str
    principal: Principal
    issued_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    @property
    def key_id(self) -> str:
        """The public name of the key, for lists and logs: the start of its hash."""
        return key_id(self.key_hash)

    def state_at(self, now: datetime) -> KeyState:
        """Return what has become of the key at `now` (aware UTC). Only an active one opens the gate."""
        if self.revoked_at is not None and now >= self.revoked_at:
            return KeyState.REVOKED
        if self.expires_at is not None and now >= self.expires_at:
            return KeyState.EXPIRED
        return KeyState.ACTIVE


def is_gateway_key(unverified: str) -> bool:
    """Return whether a credential is meant for us, right or wrong: whether it begins as our keys do."""
    return unverified.startswith(KEY_PREFIX)


def hash_key(unverified_key: str) -> str:
    """
    Return the SHA-256 of a key, as hex.

    A fast hash is enough: an issued key has 256 random bits, so there is nothing to guess.
    """
    return hashlib.sha256(unverified_key.encode("utf-8", "surrogatepass")).hexdigest()


def key_id(key_hash: str) -> str:
    """Return the public name of the key with this hash."""
    return key_hash[:_ID_LENGTH]
