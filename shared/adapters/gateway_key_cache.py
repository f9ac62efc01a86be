"""Gateway keys held for a minute, so that a call does not wait for storage to say who makes it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from shared.adapters.expiring_cache import ExpiringCache
from shared.domain.errors import StorageError, StorageUnavailable
from shared.domain.gateway_key import GatewayKey, KeyState
from shared.ports.clock import Clock
from shared.ports.principals import GatewayKeys

logger = logging.getLogger(__name__)

# How long a revoked key may go on opening the gate, and a new one stay unknown to whoever was too quick.
_FOUND_SECONDS = 60.0
_MISSING_SECONDS = 5.0
# How long a key found before opens the gate while storage is down. It keeps LEDGER_WHEN_UNAVAILABLE=allow
# true for callers with keys; nobody can revoke one in that time anyway.
_STALE_SECONDS = 900.0
_LIMIT = 4096

_USE_WRITTEN_EVERY = timedelta(hours=1)
_USE_WRITTEN_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Held:
    key: GatewayKey
    fresh_until: float
    stale_until: float


class GatewayKeyCache:
    """
    Fulfils GatewayKeys in front of another that does, and writes when a key was last used.

    For the relay, where a key is looked for because somebody calls with it: a key found active is
    written down as used, at most once an hour, whichever worker it is.
    """

    def __init__(self, keys: GatewayKeys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        # Apart, so that a flood of wrong keys does not push out the right ones.
        self._found: ExpiringCache[str, _Held] = ExpiringCache(_LIMIT)
        self._missing: ExpiringCache[str, bool] = ExpiringCache(_LIMIT)
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def find(self, key_hash: str) -> GatewayKey | None:
        """
        Return the key with this hash, as it was at most a minute ago: 15 while storage is down.

        Raises:
            StorageError: it is not held and cannot be read.
        """
        # One asks for all that call with the same key at once.
        async with self._asking.setdefault(key_hash, asyncio.Lock()):
            now = self._clock.monotonic()
            held = self._found.get(key_hash, now)
            if held is not None and now < held.fresh_until:
                return held.key
            if self._missing.get(key_hash, now):
                return None
            return await self._ask(key_hash, held)

    async def put(self, key: GatewayKey) -> None:
        """Keep a key, or keep it changed. Raises StorageError."""
        await self._keys.put(key)
        self._hold(key.key_hash, key)

    async def mark_used(self, key_hash: str, used_at: datetime) -> None:
        """Keep when a key was last used, and change nothing else of it. Raises StorageError."""
        await self._keys.mark_used(key_hash, used_at)

    async def all(self) -> Sequence[GatewayKey]:
        """Return every key, oldest first. Raises StorageError."""
        return await self._keys.all()

    async def _ask(self, key_hash: str, held: _Held | None) -> GatewayKey | None:
        try:
            key = await self._keys.find(key_hash)
        except StorageUnavailable:
            if held is None:
                raise
            self._hold_on(held)
            return held.key
        self._hold(key_hash, key)
        if key is not None:
            await self._write_use(key)
        return key

    def _hold(self, key_hash: str, key: GatewayKey | None) -> None:
        now = self._clock.monotonic()
        if key is None:
            self._found.drop(key_hash)
            self._missing.put(key_hash, value=True, expires_at=now + _MISSING_SECONDS)
            return
        self._missing.drop(key_hash)
        held = _Held(key, fresh_until=now + _FOUND_SECONDS, stale_until=now + _STALE_SECONDS)
        self._found.put(key_hash, held, expires_at=held.stale_until)

    def _hold_on(self, held: _Held) -> None:
        logger.warning("gateway_key.not_refreshed", extra={"key_id": held.key.key_id})
        # Not every call is to wait for a storage that is down.
        retry_at = self._clock.monotonic() + _MISSING_SECONDS
        stale = _Held(held.key, fresh_until=retry_at, stale_until=held.stale_until)
        self._found.put(held.key.key_hash, stale, expires_at=held.stale_until)

    async def _write_use(self, key: GatewayKey) -> None:
        now = self._clock.now()
        is_written = key.last_used_at is not None and now - key.last_used_at < _USE_WRITTEN_EVERY
        if is_written or key.state_at(now) is not KeyState.ACTIVE:
            return
        try:
            async with asyncio.timeout(_USE_WRITTEN_SECONDS):
                await self._keys.mark_used(key.key_hash, now)
        except (StorageError, TimeoutError) as error:
            # The next refresh tries again; the call this was found for goes on.
            logger.warning(
                "gateway_key.last_use_not_written", extra={"key_id": key.key_id, "error": type(error).__name__}
            )
