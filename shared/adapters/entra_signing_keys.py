"""Entra's signing keys, one set a tenant, fetched when needed and kept."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

import aiohttp
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm

from shared.domain.errors import KeysUnavailable
from shared.ports.clock import Clock

logger = logging.getLogger(__name__)

# Entra rolls its keys over some weeks apart, announces nothing, and wants a check once a day.
# https://learn.microsoft.com/entra/identity-platform/signing-key-rollover
_KEPT_SECONDS = 24 * 3600.0
# A key nobody published must not make us ask Entra with every call.
_AGAIN_SECONDS = 300.0
# With no key at all no token can be checked, so we ask sooner.
_AGAIN_WITHOUT_KEYS_SECONDS = 5.0
_FETCH_SECONDS = 10.0
_ANSWER_LIMIT_BYTES = 1 << 20
# RFC 7518, section 3.3: RS256 needs 2048 bits or more.
_LEAST_KEY_BITS = 2048


@dataclass(slots=True)
class _TenantKeys:
    """What is held for one tenant. Times are monotonic seconds; None is never."""

    keys: dict[str, RSAPublicKey] = field(default_factory=dict)
    fetched_at: float | None = None
    tried_at: float | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class EntraSigningKeys:
    """
    Finds the key a token says it is signed with, in `{authority}/{tenant}/discovery/v2.0/keys`.

    Keys are kept for a day. One that is not among them is asked for at most once in 5 minutes, by
    one caller for all that wait; when Entra does not answer, the keys held stay good. Ask only for
    tenants that are allowed: each one held takes memory for as long as the worker lives.

    The session is the bootstrap's, to open and to close; it must decompress what it reads.
    """

    def __init__(self, *, authority: str, session: aiohttp.ClientSession, clock: Clock) -> None:
        self._authority = authority.rstrip("/")
        self._session = session
        self._clock = clock
        self._tenants: dict[str, _TenantKeys] = {}

    async def find(self, tenant_id: str, kid: str) -> RSAPublicKey | None:
        """
        Return the tenant's key of this id, None if Entra publishes no such key.

        Raises:
            KeysUnavailable: no key of the tenant could be had.
        """
        held = self._tenants.setdefault(tenant_id, _TenantKeys())
        if self._is_due(held, kid):
            async with held.lock:
                # Whoever held the lock may have fetched what we need.
                if self._is_due(held, kid):
                    await self._refresh(tenant_id, held)
        if held.fetched_at is None:
            raise KeysUnavailable("Entra's signing keys cannot be fetched")
        return held.keys.get(kid)

    def _is_due(self, held: _TenantKeys, kid: str) -> bool:
        now = self._clock.monotonic()
        is_fresh = held.fetched_at is not None and now - held.fetched_at < _KEPT_SECONDS
        if is_fresh and kid in held.keys:
            return False
        again = _AGAIN_WITHOUT_KEYS_SECONDS if held.fetched_at is None else _AGAIN_SECONDS
        return held.tried_at is None or now - held.tried_at >= again

    async def _refresh(self, tenant_id: str, held: _TenantKeys) -> None:
        try:
            keys = _signing_keys(await self._fetch(tenant_id), tenant_id)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            logger.warning(
                "signing_keys.not_fetched",
                extra={"tenant_id": tenant_id, "error": type(error).__name__, "keys_held": len(held.keys)},
            )
        else:
            held.keys, held.fetched_at = keys, self._clock.monotonic()
        # Not in a `finally`: a caller that hangs up while it asks must not bar the next one.
        held.tried_at = self._clock.monotonic()

    async def _fetch(self, tenant_id: str) -> bytes:
        url = f"{self._authority}/{tenant_id}/discovery/v2.0/keys"
        timeout = aiohttp.ClientTimeout(total=_FETCH_SECONDS)
        async with self._session.get(url, timeout=timeout, allow_redirects=False) as response:
            if response.status != 200:
                raise ValueError(f"status {response.status}")
            return await _read(response.content)


class _Jwk(msgspec.Struct):
    """One key of a JSON Web Key Set (RFC 7517). `issuer` is Entra's: the issuer it may sign for."""

    kty: str = ""
    use: str = ""
    kid: str = ""
    n: str = ""
    e: str = ""
    issuer: str | None = None


class _KeySet(msgspec.Struct):
    keys: list[msgspec.Raw]


async def _read(stream: aiohttp.StreamReader) -> bytes:
    answer = b""
    async for chunk in stream.iter_chunked(_ANSWER_LIMIT_BYTES):
        answer += chunk
        if len(answer) > _ANSWER_LIMIT_BYTES:
            raise ValueError("the key set is too large")
    return answer


def _signing_keys(answer: bytes, tenant_id: str) -> dict[str, RSAPublicKey]:
    """Return the keys we can use, by id. Raises ValueError if there is none: that is no answer."""
    keys = {}
    for raw in msgspec.json.decode(answer, type=_KeySet).keys:
        jwk = _jwk(raw)
        if jwk and jwk.kid and jwk.use == "sig" and _signs_for(jwk, tenant_id) and (key := _rsa_key(jwk)):
            keys[jwk.kid] = key
    if not keys:
        raise ValueError("the key set holds no signing key")
    return keys


def _jwk(raw: msgspec.Raw) -> _Jwk | None:
    try:
        return msgspec.json.decode(raw, type=_Jwk)
    except msgspec.ValidationError:
        return None


def _signs_for(jwk: _Jwk, tenant_id: str) -> bool:
    # https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-issuer
    return jwk.issuer is None or tenant_id in jwk.issuer.replace("{tenantid}", tenant_id).split("/")


def _rsa_key(jwk: _Jwk) -> RSAPublicKey | None:
    if jwk.kty != "RSA":
        return None
    try:
        key = RSAAlgorithm.from_jwk({"kty": "RSA", "n": jwk.n, "e": jwk.e})
    except (jwt.InvalidKeyError, ValueError):
        return None
    return key if isinstance(key, RSAPublicKey) and key.key_size >= _LEAST_KEY_BITS else None
