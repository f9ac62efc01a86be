"""A small Entra: it signs tokens with real RSA keys and publishes the keys on 127.0.0.1."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from typing import Any

import jwt
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

TENANT = "99999999-0000-4000-8000-000000000000"
OTHER_TENANT = "88888888-0000-4000-8000-000000000000"
OBJECT = "11111111-2222-4333-8444-555555555555"
APP = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
AUDIENCE = "https://cognitiveservices.azure.com"


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return the key of this name, made once a session: making one is slow."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def public_pem(name: str) -> bytes:
    return (
        rsa_key(name)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def jwk(name: str, **changes: Any) -> dict[str, Any]:
    """Return a key as Entra publishes it."""
    key = RSAAlgorithm.to_jwk(rsa_key(name).public_key(), as_dict=True)
    issuer = "https://login.microsoftonline.com/{tenantid}/v2.0"
    return {"kty": "RSA", "use": "sig", "kid": name, "n": key["n"], "e": key["e"], "issuer": issuer, **changes}


class Entra:
    """Publishes `keys` for every tenant; `asked` is which tenants' keys were asked for."""

    def __init__(self) -> None:
        self.keys: list[Any] = [jwk("first")]
        self.status = 200
        self.body: bytes | None = None
        self.asked: list[str] = []
        app = web.Application()
        app.router.add_get("/{tenant}/discovery/v2.0/keys", self._keys)
        self.server = TestServer(app, host="127.0.0.1")

    @property
    def authority(self) -> str:
        return str(self.server.make_url("")).rstrip("/")

    def token(self, claims: dict[str, Any], *, signed_with: str = "first", **header: Any) -> str:
        # Not jwt.encode: it refuses to sign claims of types it finds odd.
        payload = json.dumps(claims).encode()
        return jwt.PyJWS().encode(payload, rsa_key(signed_with), "RS256", {"kid": signed_with, **header})

    def v1_claims(self, now: datetime, **changes: Any) -> dict[str, Any]:
        """Return the claims of a user's v1 token. A claim changed to None is left out."""
        at = int(now.timestamp())
        claims = {
            "aud": AUDIENCE,
            "iss": f"https://sts.windows.net/{TENANT}/",
            "iat": at,
            "nbf": at,
            "exp": at + 4500,
            "appid": APP,
            "appidacr": "0",
            "idtyp": "user",
            "oid": OBJECT,
            "scp": "user_impersonation",
            "sub": "pairwisesub",
            "tid": TENANT,
            "upn": "user@contoso.example",
            "ver": "1.0",
        }
        return {name: value for name, value in {**claims, **changes}.items() if value is not None}

    def v2_claims(self, now: datetime, **changes: Any) -> dict[str, Any]:
        """Return the claims of a user's v2 token."""
        renamed = {"appid": None, "appidacr": None, "idtyp": None, "upn": None}
        added = {"azp": APP, "preferred_username": "user@contoso.example", "ver": "2.0", "aud": APP}
        return self.v1_claims(now, **{**renamed, **added, "iss": f"{self.authority}/{TENANT}/v2.0", **changes})

    async def _keys(self, request: web.Request) -> web.Response:
        self.asked.append(request.match_info["tenant"])
        body = self.body if self.body is not None else json.dumps({"keys": self.keys}).encode()
        headers = {"Location": "/elsewhere/discovery/v2.0/keys"} if self.status == 302 else {}
        return web.Response(status=self.status, body=body, content_type="application/json", headers=headers)
