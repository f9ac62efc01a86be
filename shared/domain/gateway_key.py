"""Gateway keys: what we give a caller that cannot bring an Entra token."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from shared.domain.principal import Principal

KEY_PREFIX = "aoai-"
_ID_LENGTH = 12


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

    def is_valid_at(self, now: datetime) -> bool:
        """Return whether the key opens the gate at `now` (aware UTC)."""
        if self.revoked_at is not None and now >= self.revoked_at:
            return False
        return self.expires_at is None or now < self.expires_at


def hash_key(unverified_key: str) -> str:
    """
    Return the SHA-256 of a key, as hex.

    A fast hash is enough: an issued key has 256 random bits, so there is nothing to guess.
    """
    return hashlib.sha256(unverified_key.encode("utf-8", "surrogatepass")).hexdigest()


def key_id(key_hash: str) -> str:
    """Return the public name of the key with this hash."""
    return key_hash[:_ID_LENGTH]
