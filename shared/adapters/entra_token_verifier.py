"""Entra access tokens: whether one is real, for us, from a tenant we know, and in its time.

https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-tokens
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import aiohttp
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from shared.adapters.entra_signing_keys import EntraSigningKeys
from shared.adapters.expiring_cache import ExpiringCache
from shared.domain.errors import PrincipalNotProved
from shared.domain.principal import VerifiedClaims
from shared.ports.clock import Clock

PUBLIC_AUTHORITY = "https://login.microsoftonline.com"

# The issuer of v1 tokens, whichever authority gave them out.
# https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference (`iss`)
_V1_ISSUER = "https://sts.windows.net/{tenant_id}/"

# What Entra signs with. The header says it too, but a header is the caller's to write.
_ALGORITHM = "RS256"
_LEEWAY_SECONDS = 60
_TOKEN_LIMIT = 16 * 1024
_CACHE_LIMIT = 4096

_UNREADABLE = (jwt.PyJWTError, RecursionError)


class EntraTokenVerifier:
    """
    Fulfils TokenVerifier for the tokens of `tenants` (ids) that are meant for one of `audiences`.

    A token found good is not checked again until it expires: checking a signature costs more than
    all else we do before a call goes upstream.
    """

    def __init__(
        self,
        *,
        tenants: frozenset[str],
        audiences: frozenset[str],
        session: aiohttp.ClientSession,
        clock: Clock,
        authority: str = PUBLIC_AUTHORITY,
    ) -> None:
        self._tenants = frozenset(tenant_id.lower() for tenant_id in tenants)
        self._audiences = frozenset(map(_without_slash, audiences))
        self._v2_issuer = authority.rstrip("/") + "/{tenant_id}/v2.0"
        self._keys = EntraSigningKeys(authority=authority, session=session, clock=clock)
        self._clock = clock
        self._verified: ExpiringCache[bytes, VerifiedClaims] = ExpiringCache(_CACHE_LIMIT)

    async def verify(self, unverified_token: str) -> VerifiedClaims:
        """
        Return the claims of a token whose signature, issuer, audience and times are right.

        Raises:
            PrincipalNotProved: the token proves nothing; the message says why.
            KeysUnavailable: the signing keys cannot be had.
        """
        if len(unverified_token) > _TOKEN_LIMIT or not unverified_token.isascii():
            raise PrincipalNotProved("access token is too long or holds characters no token has")
        digest = hashlib.sha256(unverified_token.encode()).digest()
        now = self._clock.now().timestamp()
        if verified := self._verified.get(digest, now):
            return verified
        claims = await self._signed_claims(unverified_token)
        self._check(claims)
        verified = VerifiedClaims(MappingProxyType(claims))
        self._verified.put(digest, verified, expires_at=claims["exp"])
        return verified

    async def _signed_claims(self, unverified_token: str) -> dict[str, Any]:
        unverified = _read(unverified_token)
        key = await self._keys.find(self._tenant_id(unverified["payload"]), _kid(unverified["header"]))
        if key is None:
            raise PrincipalNotProved("access token is signed with a key that Entra does not publish for its tenant")
        return _claims_signed_with(key, unverified_token)

    def _check(self, claims: Mapping[str, Any]) -> None:
        tenant_id = self._tenant_id(claims)
        _check_times(claims, int(self._clock.now().timestamp()))
        if claims.get("iss") != self._issuer(claims, tenant_id):
            raise PrincipalNotProved("access token has an 'iss' claim that is not its tenant's")
        audience = claims.get("aud")
        if not isinstance(audience, str) or _without_slash(audience) not in self._audiences:
            raise PrincipalNotProved("access token is for another audience: its 'aud' claim is not one of ours")
        if not isinstance(claims.get("oid"), str):
            raise PrincipalNotProved("access token has no 'oid' claim")

    def _tenant_id(self, claims: Mapping[str, Any]) -> str:
        tenant_id = claims.get("tid")
        if not isinstance(tenant_id, str):
            raise PrincipalNotProved("access token has no 'tid' claim")
        if tenant_id.lower() not in self._tenants:
            raise PrincipalNotProved("access token is of a tenant that is not allowed")
        return tenant_id.lower()

    def _issuer(self, claims: Mapping[str, Any], tenant_id: str) -> str:
        match claims.get("ver"):
            case "1.0":
                return _V1_ISSUER.format(tenant_id=tenant_id)
            case "2.0":
                return self._v2_issuer.format(tenant_id=tenant_id)
            case _:
                raise PrincipalNotProved("access token has a 'ver' claim that is neither 1.0 nor 2.0")


def _without_slash(audience: str) -> str:
    # v1 tokens carry a resource's address with or without the slash; other audiences are exact.
    return audience.removesuffix("/") if audience.startswith("https://") else audience


def _read(unverified_token: str) -> dict[str, Any]:
    try:
        return jwt.decode_complete(unverified_token, options={"verify_signature": False})
    except _UNREADABLE as error:
        raise PrincipalNotProved("access token cannot be read: it is no JSON Web Token") from error


def _kid(unverified_header: Mapping[str, Any]) -> str:
    if unverified_header.get("alg") != _ALGORITHM:
        raise PrincipalNotProved(f"access token is not signed with {_ALGORITHM}")
    kid = unverified_header.get("kid")
    if not isinstance(kid, str):
        raise PrincipalNotProved("access token has no 'kid' in its header")
    return kid


def _claims_signed_with(key: RSAPublicKey, unverified_token: str) -> dict[str, Any]:
    try:
        # PyJWT checks the signature alone: its clock is not ours, nor does it know of tenants.
        return jwt.decode(
            unverified_token,
            key,
            algorithms=[_ALGORITHM],
            options={
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "verify_aud": False,
                "verify_iss": False,
                "verify_sub": False,
                "verify_jti": False,
            },
        )
    except _UNREADABLE as error:
        raise PrincipalNotProved("access token has a signature that is not its key's") from error


def _check_times(claims: Mapping[str, Any], now: int) -> None:
    if now >= _seconds(claims, "exp") + _LEEWAY_SECONDS:
        raise PrincipalNotProved("access token has expired")
    if now < _seconds(claims, "nbf") - _LEEWAY_SECONDS:
        raise PrincipalNotProved("access token is not valid yet: its 'nbf' claim is in the future")
    if now < _seconds(claims, "iat") - _LEEWAY_SECONDS:
        raise PrincipalNotProved("access token is not valid yet: its 'iat' claim is in the future")


def _seconds(claims: Mapping[str, Any], name: str) -> int:
    value = claims.get(name)
    # A bool is an int to Python, and JSON has numbers no clock can show.
    if type(value) is not int:
        raise PrincipalNotProved(f"access token has no {name!r} claim in whole seconds")
    return value
