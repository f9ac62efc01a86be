"""Easy Auth (App Service authentication): whom the platform says it has let in.

https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities#decode-the-client-principal-header
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Any

import msgspec

from shared.domain.errors import PrincipalNotProved
from shared.domain.principal import VerifiedClaims

_SCHEMAS = "http://schemas.microsoft.com/"
_SOAP_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"

# The platform hands some claims on under the names that SAML gave them.
_LONG_NAMES = {
    f"{_SCHEMAS}identity/claims/objectidentifier": "oid",
    f"{_SCHEMAS}identity/claims/tenantid": "tid",
    f"{_SCHEMAS}identity/claims/scope": "scp",
    f"{_SCHEMAS}ws/2008/06/identity/claims/role": "roles",
    f"{_SOAP_CLAIMS}nameidentifier": "sub",
    f"{_SOAP_CLAIMS}upn": "upn",
    f"{_SOAP_CLAIMS}name": "unique_name",
}
_ROLES = "roles"
# Who it is must not depend on which of two values we happen to read.
_SINGLE = ("tid", "oid", "sub", "appid", "azp", "idtyp", "xms_mirid")
_UNREADABLE = (binascii.Error, ValueError, RecursionError)


class _Claim(msgspec.Struct):
    typ: str
    val: str | None = None


class _ClientPrincipal(msgspec.Struct):
    auth_typ: str
    claims: list[_Claim]


class EasyAuth:
    """
    Reads the header `X-MS-CLIENT-PRINCIPAL`.

    Use it only where the platform's authentication is on (WEBSITE_AUTH_ENABLED): there the platform
    drops the header from requests and writes its own. Anywhere else a caller can write what it likes.
    """

    def __init__(self, *, tenants: frozenset[str]) -> None:
        # The platform may be set to let any tenant in; whom we charge is ours to say.
        self._tenants = frozenset(tenant_id.lower() for tenant_id in tenants)

    def read(self, client_principal: str) -> VerifiedClaims:
        """
        Return the claims the platform vouches for, under their short names.

        Raises:
            PrincipalNotProved: the header cannot be read, is not Entra's, contradicts itself, or
                names a tenant that is not allowed.
        """
        decoded = _decode(client_principal)
        if decoded.auth_typ != "aad":
            raise PrincipalNotProved("the X-MS-CLIENT-PRINCIPAL header is not of Entra ID (auth_typ aad)")
        claims = _short_claims(decoded.claims)
        if str(claims.get("tid", "")).lower() not in self._tenants:
            raise PrincipalNotProved("the X-MS-CLIENT-PRINCIPAL header names no tenant that is allowed")
        return VerifiedClaims(claims)


def _decode(client_principal: str) -> _ClientPrincipal:
    try:
        return msgspec.json.decode(base64.b64decode(client_principal, validate=True), type=_ClientPrincipal)
    except _UNREADABLE as error:
        raise PrincipalNotProved("the X-MS-CLIENT-PRINCIPAL header cannot be read") from error


def _short_claims(claims: Iterable[_Claim]) -> dict[str, Any]:
    """Return the claims as a token would hold them: one value a name, but for roles."""
    short: dict[str, Any] = {}
    roles: list[str] = []
    for claim in claims:
        name = _LONG_NAMES.get(claim.typ, claim.typ)
        if claim.val is None:
            continue
        if name == _ROLES:
            roles.append(claim.val)
        elif short.setdefault(name, claim.val) != claim.val and name in _SINGLE:
            raise PrincipalNotProved(f"the X-MS-CLIENT-PRINCIPAL header holds two values of {name!r}")
    return {**short, _ROLES: roles}
